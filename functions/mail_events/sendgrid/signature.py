"""Whether SendGrid has signed a call.

It signs the timestamp's header and the raw body by ECDSA, with the private key of one of our public keys.
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

from functions.mail_events.received_events import InvalidSignature
from functions.shared.identity import Headers

LONGEST_AGE = timedelta(minutes=10)
"""How far the timestamp of a call may be from the present: a call that was recorded cannot be repeated later."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class InvalidKey(ValueError):
    """A public key is none. The text says which by its place, from 1."""


class Signatures:
    """Verifies calls with any of several public keys, so that a key can be replaced without losing a call.

    Args:
        keys: as SendGrid shows them: base64 of the key in DER.

    Raises:
        InvalidKey: one of them is no public key for ECDSA.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._verifiers: Sequence[EventWebhook] = [_verifier(key, place) for place, key in enumerate(keys, 1)]

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
        # Before the signature, since this costs nothing.
        if not _TIMESTAMP.fullmatch(timestamp):
            raise InvalidSignature("the timestamp is no number of seconds")
        if abs(int(timestamp) - now.timestamp()) > LONGEST_AGE.total_seconds():
            raise InvalidSignature("the timestamp is too far from the present")
        try:
            # The library's decoder passes over what is no base64, and raises for the wrong number of characters.
            base64.b64decode(signature, validate=True)
            # The library signs a text. What SendGrid sends is UTF-8, so its bytes are the same again.
            text = body.decode()
        except (binascii.Error, ValueError):
            raise InvalidSignature("the signature or the body is not encoded as it must be") from None
        if not any(verifier.verify_signature(text, signature, timestamp) for verifier in self._verifiers):
            raise InvalidSignature("no key fits the signature")


def _verifier(key: str, place: int) -> EventWebhook:
    try:
        verifier = EventWebhook(key)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey(f"key {place} is no public key") from None
    if not isinstance(verifier.public_key, EllipticCurvePublicKey):
        raise InvalidKey(f"key {place} is no key for ECDSA")
    return verifier
