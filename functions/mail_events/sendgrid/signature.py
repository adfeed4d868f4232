"""Whether SendGrid has signed a call.

It signs the timestamp's header and the raw body by ECDSA, with the private key of one of our public keys.
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime, timedelta

import cryptography.exceptions
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

from functions.mail_events.received_events import InvalidKey, InvalidSignature
from functions.mail_events.signed_time import check_signed_time
from functions.shared.identity import Headers

LONGEST_AGE = timedelta(minutes=10)
"""How far the timestamp of a call may be from the present: a call that was recorded cannot be repeated later."""


class Signatures:
    """Verifies calls with any of several public keys, so that a key can be replaced without losing a call.

    The library reads the keys. Its own verification takes a text, and copies it several times, at up to four bytes a
    character: some large calls at once, which need no key, would fill the function's memory.

    Args:
        keys: as SendGrid shows them: base64 of the key in DER.

    Raises:
        InvalidKey: one of them is no public key for ECDSA.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [_public_key(key, place) for place, key in enumerate(keys, 1)]

    def verify(self, headers: Headers, body: bytes, *, now: datetime) -> None:
        """Return if a call is SendGrid's.

        Args:
            headers: the request's.
            body: the raw body.
            now: the present, in UTC.

        Raises:
            InvalidSignature: it is not, or is too old to tell.
        """
        signature = headers.get(EventWebhookHeader.SIGNATURE, "")
        timestamp = headers.get(EventWebhookHeader.TIMESTAMP, "")
        if not signature or not timestamp:
            raise InvalidSignature("a header of the signature is missing")
        check_signed_time(timestamp, now=now, longest_age=LONGEST_AGE)
        try:
            decoded = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidSignature("the signature is no base64") from None
        # Python also reads texts with more padding than base64 has.
        if base64.b64encode(decoded) != signature.encode():
            raise InvalidSignature("the signature is no base64")
        digest = Hash(SHA256())
        digest.update(timestamp.encode())
        digest.update(body)
        signed = digest.finalize()
        if not any(_fits(key, decoded, signed) for key in self._keys):
            raise InvalidSignature("no key fits the signature")


def _fits(key: EllipticCurvePublicKey, signature: bytes, digest: bytes) -> bool:
    try:
        key.verify(signature, digest, ECDSA(Prehashed(SHA256())))
    except cryptography.exceptions.InvalidSignature:
        return False
    return True


def _public_key(key: str, place: int) -> EllipticCurvePublicKey:
    try:
        found = EventWebhook(key).public_key
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey(f"key {place} is no public key") from None
    if not isinstance(found, EllipticCurvePublicKey):
        raise InvalidKey(f"key {place} is no key for ECDSA")
    return found
