"""Calls that are not SendGrid's, or not what SendGrid sends: all refused, without a traceback and without a trace."""

import base64
import random
import time
from collections.abc import Iterator

import pytest
import requests

from tests.functions.mail_events.integration.conftest import Provider, event
from tests.functions.mail_events.signing import SIGNATURE, TIMESTAMP, Signer, to_body
from tests.support import PATIENCE_SECONDS

D1 = "u1:default:20261124T1300Z"
BODY = to_body(event("bounce"), event("delivered"))
FORGED = 300
MOST_BYTES = 5 * 1024 * 1024


def forged(provider: Provider, chance: random.Random) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Calls that somebody could make who has seen real ones."""
    genuine = provider.keys[0].headers(BODY)
    replayed = provider.keys[1].headers(BODY, at=time.time() - 700)
    foreign = Signer()
    while True:
        at = chance.randrange(len(BODY))
        signature = bytearray(base64.b64decode(genuine[SIGNATURE]))
        signature[chance.randrange(len(signature))] ^= 1 << chance.randrange(8)
        yield from chance.choice(
            [
                [(BODY, replayed)],
                [(BODY, {**replayed, TIMESTAMP: genuine[TIMESTAMP]})],
                [(BODY, foreign.headers(BODY))],
                [(BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :], genuine)],
                [(BODY[:at], genuine)],
                [(BODY + BODY[:at], genuine)],
                [(BODY, {**genuine, SIGNATURE: base64.b64encode(signature).decode()})],
                [(BODY, {**genuine, SIGNATURE: genuine[SIGNATURE][: chance.randrange(90)]})],
                [(BODY, {**genuine, SIGNATURE: chance.randbytes(40).hex()})],
                [(BODY, {**genuine, TIMESTAMP: str(int(genuine[TIMESTAMP]) + chance.choice([-500, -1, 1, 500]))})],
                [(BODY, {**genuine, TIMESTAMP: chance.choice(["", "x", "0", "1e9", "9" * 99])})],
                [(BODY, {name: genuine[name] for name in chance.choice([[], [SIGNATURE], [TIMESTAMP]])})],
                [(chance.randbytes(200), genuine)],
            ]
        )


def test_forged_replayed_and_mangled_calls_are_refused(provider: Provider) -> None:
    provider.deliver(D1)
    calls = forged(provider, random.Random(1))  # noqa: S311  no secret
    with requests.Session() as session:
        for _ in range(FORGED):
            body, headers = next(calls)
            answer = session.post(f"{provider.url}/sendgrid", data=body, headers=headers, timeout=PATIENCE_SECONDS)
            assert (answer.status_code, answer.json()) == (403, {"result": "refused"}), headers
    # Nothing was even looked up.
    assert provider.count("BatchGetDocuments") == 0
    assert provider.record(D1) is None
    assert "Traceback" not in provider.log.read_text()


@pytest.mark.parametrize("length", [1, 8_000, 100_000])
@pytest.mark.parametrize("name", [SIGNATURE, TIMESTAMP, "X-Another"])
def test_long_headers(provider: Provider, name: str, length: int) -> None:
    provider.deliver(D1)
    genuine = {**provider.keys[0].headers(BODY), "X-Another": ""}
    if name == "X-Another":
        genuine[SIGNATURE] = ""
    answer = provider.post(BODY, {**genuine, name: "1" * length})
    assert 400 <= answer.status_code < 500
    assert provider.record(D1) is None
    assert requests.get(f"{provider.url}/health", timeout=PATIENCE_SECONDS).ok
    assert "Traceback" not in provider.log.read_text()


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[1", b"[" * 100_000, b"not JSON"])
def test_signed_and_still_nothing_that_can_be_read(provider: Provider, body: bytes) -> None:
    answer = provider.post(body)
    assert (answer.status_code, answer.json()) == (400, {"result": "refused"})
    assert "Traceback" not in provider.log.read_text()


def test_the_largest_body(provider: Provider) -> None:
    provider.deliver(D1)
    largest = to_body(event("delivered")).ljust(MOST_BYTES)
    assert provider.post(largest).status_code == 200
    answer = provider.post(largest + b" ")
    assert (answer.status_code, answer.json()) == (413, {"result": "refused"})
    # More than the server itself reads.
    assert provider.post(b" " * (20 * 1024 * 1024)).status_code == 413
    assert "Traceback" not in provider.log.read_text()


def test_either_key(provider: Provider) -> None:
    for key in provider.keys:
        assert provider.post(BODY, key.headers(BODY)).status_code == 200


def test_a_call_tells_nothing_about_a_delivery(provider: Provider) -> None:
    provider.deliver(D1)
    known = provider.post(to_body(event("delivered")))
    unknown = provider.post(to_body(event("delivered", delivery_id="nobody")))
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


def test_other_paths_and_methods(provider: Provider) -> None:
    assert requests.get(f"{provider.url}/health", timeout=PATIENCE_SECONDS).json() == {"result": "healthy"}
    assert requests.get(f"{provider.url}/sendgrid", timeout=PATIENCE_SECONDS).status_code == 405
    assert provider.post(BODY, path="/").status_code == 404
    assert provider.post(BODY, path="/resend").status_code == 404
