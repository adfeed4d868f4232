"""Only what a provider has signed with one of our keys or secrets, and just now, counts as the provider's."""

import base64
import random
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.mail_events.received_events import InvalidKey, InvalidSignature
from functions.mail_events.resend.signature import ResendSignatures
from functions.mail_events.sendgrid.signature import SendGridSignatures
from tests.functions.mail_events import resend_calls as by_resend
from tests.functions.mail_events import signing as by_sendgrid

NOW = time.time()


@dataclass(frozen=True, kw_only=True)
class Provider:
    """How a provider signs.

    Attributes:
        signers: two of ours and a foreign one.
        texts: what we are told of ours, as a setting has it.
        verifier: what verifies by such texts.
        body: of a call.
        window: for how many seconds a signature holds.
        wrong: headers in the place of genuine ones.
        none: texts of nothing that signs.
        copies: how much memory a large body may take, in parts of its size.
    """

    signers: Sequence[by_sendgrid.Signer | by_resend.Secret]
    texts: list[str]
    verifier: Callable[[list[str]], SendGridSignatures | ResendSignatures]
    body: bytes
    window: int
    wrong: dict[str, dict[str, str]]
    none: dict[str, str]
    copies: float

    def verify(self, headers: dict[str, str], body: bytes | None = None) -> None:
        now = datetime.fromtimestamp(NOW, UTC)
        self.verifier(self.texts).verify(headers, self.body if body is None else body, now=now)

    def genuine(self, *, at: float = NOW) -> dict[str, str]:
        return self.signers[0].headers(self.body, at=at)


def wrong_times(header: str) -> dict[str, dict[str, str]]:
    """Headers whose time is none, or not the signed one."""
    times = ("", "now", "-1", "1e9", "9" * 40, "١٧٦٤٠٠٠٠٠٠")
    return {"a second later": {header: str(int(NOW) + 1)}} | {f"time {time}": {header: time} for time in times}


def by_sendgrid_itself() -> Provider:
    old, new, _ = signers = [by_sendgrid.Signer() for _ in range(3)]
    body = by_sendgrid.to_body(by_sendgrid.sendgrid_event("delivered", reason="Zürich"))
    # Of another algorithm.
    key = rsa.generate_private_key(65537, 2048).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signatures = ["", "x", "é" * 8, "====", base64.b64encode(b"no DER").decode()]
    return Provider(
        signers=signers,
        texts=[old.public_key, new.public_key],
        verifier=SendGridSignatures,
        body=body,
        window=600,
        wrong={
            **{f"signature {each}": {by_sendgrid.SIGNATURE: each} for each in signatures},
            **wrong_times(by_sendgrid.TIMESTAMP),
        },
        none={each: each for each in ("", "abc", "é", "A" * 100)} | {"another kind": base64.b64encode(der).decode()},
        copies=1,
    )


def by_resend_itself() -> Provider:
    old, new, _ = signers = [by_resend.Secret() for _ in range(3)]
    body = by_resend.to_body(by_resend.resend_event("email.delivered", subject="Zürich"))
    signed = old.signature(body, at=NOW)
    signatures = ["", "v1,", "v1,é", signed.removeprefix("v1,"), signed.replace("v1,", "v2,"), signed[:-1]]
    return Provider(
        signers=signers,
        texts=[old.text, new.text],
        verifier=ResendSignatures,
        body=body,
        window=300,
        wrong={
            **{f"signature {number}": {by_resend.SIGNATURE: each} for number, each in enumerate(signatures)},
            **{f"id {each}": {by_resend.ID: each} for each in ("", "msg_2", "msg_é")},
            **wrong_times(by_resend.TIMESTAMP),
        },
        none={each: each for each in ("", "whsec_", "whsec_é", "whsec_a")}
        | {"short": f"whsec_{base64.b64encode(b'x' * 15).decode()}", "bare": base64.b64encode(b"x" * 24).decode()},
        copies=0.5,
    )


PROVIDERS = {"sendgrid": by_sendgrid_itself(), "resend": by_resend_itself()}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[request.param]


def each_of(attribute: str) -> pytest.MarkDecorator:
    """Each provider with each of its own."""
    cases = {(name, one): provider for name, provider in PROVIDERS.items() for one in getattr(provider, attribute)}
    return pytest.mark.parametrize(
        ("provider", "one"),
        [pytest.param(name, one, id=f"{name}-{one}") for name, one in cases],
        indirect=["provider"],
    )


@pytest.mark.parametrize("ours", [0, 1])
@pytest.mark.parametrize("share", [0, 0.98, -0.98])
def test_either_of_ours_and_some_minutes(provider: Provider, ours: int, share: float) -> None:
    provider.verify(provider.signers[ours].headers(provider.body, at=NOW - share * provider.window))


@pytest.mark.parametrize("seconds", [2, 86_400])
@pytest.mark.parametrize("sign", [1, -1])
def test_too_far_from_the_present(provider: Provider, seconds: int, sign: int) -> None:
    with pytest.raises(InvalidSignature, match="too far"):
        provider.verify(provider.genuine(at=NOW - sign * (provider.window + seconds)))


@each_of("wrong")
def test_what_is_not_signed_so(provider: Provider, one: str) -> None:
    with pytest.raises(InvalidSignature):
        provider.verify({**provider.genuine(), **provider.wrong[one]})


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda body: body[:-1],
        lambda body: body + b"\n",
        lambda body: b"\xff" + body,
        lambda body: body.replace(b"delivered", b"bounced"),
    ],
)
def test_another_body(provider: Provider, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidSignature):
        provider.verify(provider.genuine(), change(provider.body))


def test_a_foreign_signature_or_that_of_another_body(provider: Provider) -> None:
    ours, _, foreign = provider.signers
    for headers in (foreign.headers(provider.body, at=NOW), ours.headers(provider.body + b" ", at=NOW)):
        with pytest.raises(InvalidSignature):
            provider.verify(headers)


def test_missing_headers(provider: Provider) -> None:
    with pytest.raises(InvalidSignature, match="missing"):
        provider.verify({})


def test_a_large_call_that_anybody_can_make_takes_no_copies_of_its_body(provider: Provider) -> None:
    body = "😀".encode() + b"x" * 2**20
    headers = provider.signers[2].headers(body, at=NOW)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidSignature, match=r"no (key|secret)"):
            provider.verify(headers, body)
        assert tracemalloc.get_traced_memory()[1] < provider.copies * len(body)
    finally:
        tracemalloc.stop()


@each_of("none")
def test_what_signs_nothing_is_named_by_its_place(provider: Provider, one: str) -> None:
    with pytest.raises(InvalidKey, match=r"(key|secret) 2 is no"):
        provider.verifier([provider.texts[0], provider.none[one]])


def test_a_replaced_secret_signs_beside_the_new_one() -> None:
    resend_itself = PROVIDERS["resend"]
    headers = [each.headers(resend_itself.body, at=NOW) for each in resend_itself.signers]
    (_, new, foreign), name = headers, by_resend.SIGNATURE
    resend_itself.verify({**new, name: " ".join(["v2,x", "v1", "", foreign[name], new[name]])})


def test_no_changed_signature_fits() -> None:
    resend_itself, chance = PROVIDERS["resend"], random.Random(1)  # noqa: S311  no secret
    genuine = resend_itself.genuine()
    raw = base64.b64decode(genuine[by_resend.SIGNATURE].removeprefix("v1,"))
    for _ in range(300):
        changed = bytearray(raw)
        changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        with pytest.raises(InvalidSignature, match="no secret"):
            resend_itself.verify({**genuine, by_resend.SIGNATURE: f"v1,{base64.b64encode(changed).decode()}"})
