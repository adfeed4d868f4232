"""Only what SendGrid has signed with one of our keys, and just now, counts as SendGrid's."""

import base64
import time
import tracemalloc
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.mail_events.received_events import InvalidKey, InvalidSignature
from functions.mail_events.sendgrid.signature import Signatures
from tests.functions.mail_events.signing import SIGNATURE, TIMESTAMP, Signer, sendgrid_event, to_body

OLD, NEW, FOREIGN = Signer(), Signer(), Signer()
BODY = to_body(sendgrid_event("delivered", reason="Zürich"))
NOW = time.time()


def verify(headers: dict[str, str], body: bytes = BODY) -> None:
    Signatures([OLD.public_key, NEW.public_key]).verify(headers, body, now=datetime.fromtimestamp(NOW, UTC))


@pytest.mark.parametrize("signer", [OLD, NEW])
@pytest.mark.parametrize("age", [0, 590, -590])
def test_either_key_and_ten_minutes(signer: Signer, age: int) -> None:
    verify(signer.headers(BODY, at=NOW - age))


@pytest.mark.parametrize("age", [602, -602, 86_400])
def test_too_far_from_the_present(age: int) -> None:
    with pytest.raises(InvalidSignature, match="too far"):
        verify(OLD.headers(BODY, at=NOW - age))


@pytest.mark.parametrize(
    "change",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "x"},
        {SIGNATURE: "é" * 8},
        {SIGNATURE: "===="},
        {SIGNATURE: base64.b64encode(b"no DER").decode()},
        {SIGNATURE: base64.b64encode(b"").decode()},
        {TIMESTAMP: ""},
        {TIMESTAMP: "now"},
        {TIMESTAMP: "-1"},
        {TIMESTAMP: "1e9"},
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


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"\n", b"\xff" + BODY, BODY.replace(b"delivered", b"bounce")])
def test_another_body(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify(OLD.headers(BODY, at=NOW), body)


def test_a_large_call_that_anybody_can_make_takes_no_copies_of_its_body() -> None:
    body = "😀".encode() + b"x" * 2**20
    headers = FOREIGN.headers(body, at=NOW)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidSignature, match="no key"):
            verify(headers, body)
        assert tracemalloc.get_traced_memory()[1] < len(body)
    finally:
        tracemalloc.stop()


def test_missing_headers() -> None:
    with pytest.raises(InvalidSignature, match="missing"):
        verify({})


RSA = rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("key", ["", "abc", "é", "A" * 100, base64.b64encode(RSA).decode()])
def test_a_key_that_is_none_is_named_by_its_place(key: str) -> None:
    with pytest.raises(InvalidKey, match="key 2 is no"):
        Signatures([OLD.public_key, key])
