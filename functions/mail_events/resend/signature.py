"""Whether Resend has signed a call.

It signs the call's id, the timestamp and the raw body by HMAC-SHA256, with a secret that it and we know. Svix makes its
calls. While a secret is replaced, a call has a signature by each.
https://resend.com/docs/webhooks/verify-webhooks-requests
https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from functions.mail_events.received_events import InvalidKey, InvalidSignature
from functions.mail_events.signed_time import check_signed_time
from functions.shared.identity import Headers

LONGEST_AGE = timedelta(minutes=5)
"""How far the timestamp of a call may be from the present: a call that was recorded cannot be repeated later. Each
attempt of Resend's has a timestamp of its own."""

_ID, _TIMESTAMP, _SIGNATURE = "svix-id", "svix-timestamp", "svix-signature"
_PREFIX = "whsec_"
_FEWEST_BYTES = 16
_VERSION = "v1,"


class Signatures:
    """Verifies calls with any of several secrets, so that a secret can be replaced without losing a call.

    Args:
        secrets: as Resend shows them: `whsec_` and base64.

    Raises:
        InvalidKey: one of them is none.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._keys = [_key(secret, place) for place, secret in enumerate(secrets, 1)]

    def verify(self, headers: Headers, body: bytes, *, now: datetime) -> None:
        """Return if a call is Resend's.

        Args:
            headers: the request's.
            body: the raw body.
            now: the present, in UTC.

        Raises:
            InvalidSignature: it is not, or is too old to tell.
        """
        call_id, timestamp = headers.get(_ID, ""), headers.get(_TIMESTAMP, "")
        given = [
            each.removeprefix(_VERSION).encode()
            for each in headers.get(_SIGNATURE, "").split()
            if each.startswith(_VERSION)
        ]
        if not call_id or not timestamp or not given:
            raise InvalidSignature("a header of the signature is missing")
        check_signed_time(timestamp, now=now, longest_age=LONGEST_AGE)
        expected = [_signature(key, f"{call_id}.{timestamp}.".encode(), body) for key in self._keys]
        if not any(hmac.compare_digest(one, other) for one in expected for other in given):
            raise InvalidSignature("no secret fits the signature")


def _signature(key: bytes, head: bytes, body: bytes) -> bytes:
    # In two parts: the body may be large, and anybody can make a call.
    signed = hmac.new(key, head, hashlib.sha256)
    signed.update(body)
    return base64.b64encode(signed.digest())


def _key(secret: str, place: int) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < _FEWEST_BYTES:
        raise InvalidKey(f"secret {place} is none: one begins with {_PREFIX}")
    return key
