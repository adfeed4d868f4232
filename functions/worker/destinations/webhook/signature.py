"""The signature of a webhook by Standard Webhooks, symmetric, version v1. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64


def signing_keys(secret: str) -> Sequence[bytes]:
    """The keys that a secret's value holds, the newest first: several while one replaces another.

    Args:
        secret: keys as Standard Webhooks writes them, `whsec_` and base64, with white space between them.

    Raises:
        ValueError: one of them is none, or there is none.
    """
    keys = []
    for each in secret.split():
        try:
            key = base64.b64decode(each.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"must be keys in base64, each behind {_PREFIX}") from None
        if not each.startswith(_PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
            raise ValueError(f"must be keys of {_LEAST_BYTES} to {_MOST_BYTES} bytes in base64, each behind {_PREFIX}")
        keys.append(key)
    if not keys:
        raise ValueError("must have a key")
    return keys


def signature(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each key, so that a receiver with either of two can verify it.

    Args:
        keys: as `signing_keys` reads them.
        message_id: the header `webhook-id`, without a full stop.
        timestamp: the header `webhook-timestamp`: of this attempt, in Unix seconds.
        body: of the request.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys)
