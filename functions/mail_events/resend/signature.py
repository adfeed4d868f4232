"""Whether Resend has signed a call.

It signs the call's id, the timestamp and the raw body by HMAC-SHA256, with a secret that it and we know. Svix makes its
calls. While a secret is replaced, a call has a signature by each.
https://resend.com/docs/webhooks/verify-webhooks-requests
https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta

from functions.mail_events.received_events import InvalidKey, InvalidSignature
from functions.mail_events.signatures import Signatures

_PREFIX = "whsec_"
_FEWEST_BYTES = 16
_VERSION = "v1,"


class ResendSignatures(Signatures[bytes]):
    """Verifies calls with secrets, which Resend shows as `whsec_` and base64."""

    HEADERS = ("svix-timestamp", "svix-id", "svix-signature")
    # Each attempt of Resend's has a timestamp of its own.
    LONGEST_AGE = timedelta(minutes=5)

    def key(self, text: str, place: int) -> bytes:
        """Read a secret."""
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except ValueError:
            key = b""
        if not text.startswith(_PREFIX) or len(key) < _FEWEST_BYTES:
            raise InvalidKey(f"secret {place} is none: one begins with {_PREFIX}")
        return key

    def check(self, headers: Sequence[str], body: bytes) -> None:
        """Return if one of the secrets fits a signature."""
        timestamp, call_id, signatures = headers
        head = f"{call_id}.{timestamp}.".encode()
        given = [each.removeprefix(_VERSION) for each in signatures.split() if each.startswith(_VERSION)]
        expected = [_signature(key, head, body) for key in self.keys]
        if not any(hmac.compare_digest(one, other.encode()) for one in expected for other in given):
            raise InvalidSignature("no secret fits the signature")


def _signature(key: bytes, head: bytes, body: bytes) -> bytes:
    # In two parts: the body may be large, and anybody can make a call.
    signed = hmac.new(key, head, hashlib.sha256)
    signed.update(body)
    return base64.b64encode(signed.digest())
