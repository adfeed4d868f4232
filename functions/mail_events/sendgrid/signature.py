"""Whether SendGrid has signed a call.

It signs the timestamp's header and the raw body by ECDSA, with the private key of one of our public keys.
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import base64
from collections.abc import Sequence
from datetime import timedelta

import cryptography.exceptions
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

from functions.mail_events.received_events import InvalidKey, InvalidSignature
from functions.mail_events.signatures import Signatures


class SendGridSignatures(Signatures[EllipticCurvePublicKey]):
    """Verifies calls with public keys, which SendGrid shows as base64 of the key in DER.

    The library reads the keys. Its own verification takes a text, and copies it several times, at up to four bytes a
    character: some large calls at once, which need no key, would fill the function's memory.
    """

    HEADERS = (EventWebhookHeader.TIMESTAMP, EventWebhookHeader.SIGNATURE)
    LONGEST_AGE = timedelta(minutes=10)

    def key(self, text: str, place: int) -> EllipticCurvePublicKey:
        """Read a key."""
        try:
            found = EventWebhook(text).public_key
        except (ValueError, UnsupportedAlgorithm):
            raise InvalidKey(f"key {place} is no public key") from None
        if not isinstance(found, EllipticCurvePublicKey):
            raise InvalidKey(f"key {place} is no key for ECDSA")
        return found

    def check(self, headers: Sequence[str], body: bytes) -> None:
        """Return if one of the keys fits the signature."""
        timestamp, signature = headers
        try:
            decoded = base64.b64decode(signature, validate=True)
        except ValueError:
            raise InvalidSignature("the signature is no base64") from None
        # Python also reads texts with more padding than base64 has.
        if base64.b64encode(decoded) != signature.encode():
            raise InvalidSignature("the signature is no base64")
        digest = Hash(SHA256())
        digest.update(timestamp.encode())
        digest.update(body)
        signed = digest.finalize()
        if not any(_fits(key, decoded, signed) for key in self.keys):
            raise InvalidSignature("no key fits the signature")


def _fits(key: EllipticCurvePublicKey, signature: bytes, digest: bytes) -> bool:
    try:
        key.verify(signature, digest, ECDSA(Prehashed(SHA256())))
    except cryptography.exceptions.InvalidSignature:
        return False
    return True
