"""Only what Resend has signed with one of our secrets, and just now, counts as Resend's."""

import base64
import random
import time
import tracemalloc
from datetime import UTC, datetime

import pytest

from functions.mail_events.received_events import InvalidKey, InvalidSignature
from functions.mail_events.resend.signature import Signatures
from tests.functions.mail_events.resend_calls import ID, SIGNATURE, TIMESTAMP, Secret, resend_event, to_body

OLD, NEW, FOREIGN = Secret(), Secret(), Secret()
BODY = to_body(resend_event("email.delivered", subject="Zürich"))
NOW = time.time()


def verify(headers: dict[str, str], body: bytes = BODY) -> None:
    Signatures([OLD.text, NEW.text]).verify(headers, body, now=datetime.fromtimestamp(NOW, UTC))


@pytest.mark.parametrize("secret", [OLD, NEW])
@pytest.mark.parametrize("age", [0, 298, -298])
def test_either_secret_and_five_minutes(secret: Secret, age: int) -> None:
    verify(secret.headers(BODY, at=NOW - age))


def test_a_replaced_secret_signs_beside_the_new_one() -> None:
    signatures = [each.signature(BODY, at=NOW) for each in (FOREIGN, NEW)]
    verify({**NEW.headers(BODY, at=NOW), SIGNATURE: " ".join(["v2,x", "v1", "", *signatures])})


@pytest.mark.parametrize("age", [302, -302, 86_400])
def test_too_far_from_the_present(age: int) -> None:
    with pytest.raises(InvalidSignature, match="too far"):
        verify(OLD.headers(BODY, at=NOW - age))


@pytest.mark.parametrize(
    "change",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "v1,"},
        {SIGNATURE: "v1,é"},
        {SIGNATURE: OLD.signature(BODY, at=NOW).removeprefix("v1,")},
        {SIGNATURE: OLD.signature(BODY, at=NOW).replace("v1,", "v2,")},
        {SIGNATURE: OLD.signature(BODY, at=NOW)[:-1]},
        {ID: ""},
        {ID: "msg_2"},
        {ID: "msg_é"},
        {TIMESTAMP: ""},
        {TIMESTAMP: "now"},
        {TIMESTAMP: "-1"},
        {TIMESTAMP: "9" * 40},
        {TIMESTAMP: "١٧٦٤٠٠٠٠٠٠"},
        {TIMESTAMP: str(int(NOW) + 1)},
        FOREIGN.headers(BODY, at=NOW),
        OLD.headers(BODY + b" ", at=NOW),
    ],
)
def test_what_is_not_signed_so(change: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature):
        verify({**OLD.headers(BODY, at=NOW), **change})


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"\n", b"\xff" + BODY, BODY.replace(b"delivered", b"bounced")])
def test_another_body(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify(OLD.headers(BODY, at=NOW), body)


def test_no_changed_signature_fits() -> None:
    genuine, chance = OLD.headers(BODY, at=NOW), random.Random(1)  # noqa: S311  no secret
    raw = base64.b64decode(genuine[SIGNATURE].removeprefix("v1,"))
    for _ in range(300):
        changed = bytearray(raw)
        changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        with pytest.raises(InvalidSignature, match="no secret"):
            verify({**genuine, SIGNATURE: f"v1,{base64.b64encode(changed).decode()}"})


def test_missing_headers() -> None:
    with pytest.raises(InvalidSignature, match="missing"):
        verify({})


def test_a_large_call_that_anybody_can_make_takes_no_copies_of_its_body() -> None:
    body = b"x" * 2**20
    headers = FOREIGN.headers(body, at=NOW)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidSignature, match="no secret"):
            verify(headers, body)
        assert tracemalloc.get_traced_memory()[1] < len(body) // 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "secret",
    [
        *("", "whsec_", "whsec_é", "whsec_a", f"whsec_{base64.b64encode(b'x' * 15).decode()}"),
        base64.b64encode(b"x" * 24).decode(),
    ],
)
def test_a_secret_that_is_none_is_named_by_its_place(secret: str) -> None:
    with pytest.raises(InvalidKey, match="secret 2 is none"):
        Signatures([OLD.text, secret])
