"""Calls that nobody has signed, made by a generator from one that SendGrid has signed: all refused, and all in the same
way."""

import base64
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from functions.mail_events.received_events import InvalidSignature
from functions.mail_events.sendgrid.signature import SendGridSignatures
from tests.functions.mail_events.signing import SIGNATURE, TIMESTAMP, Signer, sendgrid_event, to_body

KEY, OTHER_KEY, FOREIGN = Signer(), Signer(), Signer()
BODY = to_body(sendgrid_event("bounce"), sendgrid_event("delivered"))
NOW = int(time.time())
GENUINE = KEY.headers(BODY, at=NOW)
RAW = base64.b64decode(GENUINE[SIGNATURE])
R, S = decode_dss_signature(RAW)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256. https://www.secg.org/sec2-v2.pdf"""

Forged = tuple[str, bytes, dict[str, str]]
"""What was done, a body, and headers."""

signatures = SendGridSignatures([KEY.public_key, OTHER_KEY.public_key])


def signed_with(signature: bytes | str) -> dict[str, str]:
    text = signature if isinstance(signature, str) else base64.b64encode(signature).decode()
    return {**GENUINE, SIGNATURE: text}


def bit_flips(content: bytes, numbers: Iterator[int] | range) -> Iterator[bytes]:
    for number in numbers:
        flipped = bytearray(content)
        flipped[number // 8] ^= 1 << number % 8
        yield bytes(flipped)


def of_other_signatures() -> Iterator[Forged]:
    for each in bit_flips(RAW, range(8 * len(RAW))):
        yield "a bit of the signature", BODY, signed_with(each)
    for length in range(len(RAW)):
        yield "the beginning of the signature", BODY, signed_with(RAW[:length])
    for extra in (b"\0", b"\x30\0", RAW):
        yield "more than the signature", BODY, signed_with(RAW + extra)
    # With S negated a signature is another, of the same content: that is no forgery, and is not among these.
    for r in (0, 1, R, ORDER - R, R + ORDER, ORDER, 2**256, 2**4096):
        for s in (0, 1, S, S + ORDER, ORDER, 2**256):
            if (r, s) != (R, S):
                yield "other numbers", BODY, signed_with(encode_dss_signature(r, s))
    numbers = RAW[2:]
    yield "a long form of the length", BODY, signed_with(b"\x30\x81" + RAW[1:2] + numbers)
    yield "an indefinite length", BODY, signed_with(b"\x30\x80" + numbers + b"\0\0")
    yield "a set in place of a sequence", BODY, signed_with(b"\x31" + RAW[1:])
    yield "the numbers alone, as JWTs have them", BODY, signed_with(R.to_bytes(32, "big") + S.to_bytes(32, "big"))


def of_other_texts() -> Iterator[Forged]:
    text = GENUINE[SIGNATURE]
    for place in range(0, len(text), 5):
        for character in (" ", "\n", "\t", "=", ".", "-", "é", "\0", "\u200b", "\uff21"):
            yield "another alphabet", BODY, signed_with(text[:place] + character + text[place:])
        yield "a part of the text", BODY, signed_with(text[:place])
    for other in (
        text.swapcase(),
        text[::-1],
        text + "====",
        text.rstrip("=") + "====",
        f'"{text}"',
        f"b'{text}'",
        text * 2,
    ):
        yield "another text", BODY, signed_with(other)
    yield "hexadecimal", BODY, signed_with(RAW.hex())
    yield "very long", BODY, signed_with("A" * 1_000_000)


def of_other_contents(chance: random.Random) -> Iterator[Forged]:
    for each in bit_flips(BODY, iter(chance.sample(range(8 * len(BODY)), 200))):
        yield "a bit of the body", each, GENUINE
    for length in chance.sample(range(len(BODY)), 50):
        yield "the beginning of the body", BODY[:length], GENUINE
        yield "more than the body", BODY + BODY[:length], GENUINE
    for seconds in (1, -1, 9, 60, 599, -599, 600_000_000):
        yield "another time", BODY, {**GENUINE, TIMESTAMP: str(NOW + seconds)}
    # What is signed is the timestamp and the body, one after the other: the border between them can be moved.
    for digits in range(1, 10):
        timestamp = GENUINE[TIMESTAMP]
        moved = timestamp[-digits:].encode() + BODY
        yield "the border moved", moved, {**GENUINE, TIMESTAMP: timestamp[:-digits]}
    yield "the border moved", BODY[1:], {**GENUINE, TIMESTAMP: GENUINE[TIMESTAMP] + "["}
    for text in (
        "",
        "0",
        "-0",
        "+" + GENUINE[TIMESTAMP],
        " " + GENUINE[TIMESTAMP],
        GENUINE[TIMESTAMP] + ".0",
        "0x1",
        "9" * 5000,
    ):
        yield "no timestamp", BODY, {**GENUINE, TIMESTAMP: text}


def of_others() -> Iterator[Forged]:
    for number in range(100):
        yield "another key", BODY, Signer().headers(BODY, at=NOW) if number % 2 else FOREIGN.headers(BODY, at=NOW)
    for curve in (ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()):
        signature = ec.generate_private_key(curve).sign(str(NOW).encode() + BODY, ec.ECDSA(hashes.SHA256()))
        yield "another curve", BODY, signed_with(signature)
    yield "the headers swapped", BODY, {SIGNATURE: GENUINE[TIMESTAMP], TIMESTAMP: GENUINE[SIGNATURE]}
    yield "two signatures", BODY, signed_with(f"{GENUINE[SIGNATURE]},{GENUINE[SIGNATURE]}")
    for age in (601, 900, 3600, 86_400, 10**8):
        for sign in (1, -1):
            yield "recorded, and sent later", BODY, KEY.headers(BODY, at=NOW + sign * age)
    for name in (SIGNATURE, TIMESTAMP):
        yield "a header missing", BODY, {name: GENUINE[name]}


def forged() -> list[Forged]:
    chance = random.Random(1)  # noqa: S311  examples, the same every time
    return [*of_other_signatures(), *of_other_texts(), *of_other_contents(chance), *of_others()]


def test_everything_that_is_forged_is_refused() -> None:
    now = datetime.fromtimestamp(NOW, UTC)
    signatures.verify(GENUINE, BODY, now=now)
    calls = forged()
    assert len(calls) > 1000
    accepted: list[tuple[str, dict[str, str]]] = []
    said: set[str] = set()
    for what, body, headers in calls:
        try:
            signatures.verify(headers, body, now=now)
        except InvalidSignature as error:
            said.add(str(error))
        else:
            accepted.append((what, headers))
    assert accepted == []
    # It goes into the log, and repeats nothing of the calls.
    assert len(said) <= 5
