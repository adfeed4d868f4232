"""Signs webhooks as Resend does, and makes its events."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any

ID, TIMESTAMP, SIGNATURE = "svix-id", "svix-timestamp", "svix-signature"


class Secret:
    """One secret of a webhook's."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(24)

    @property
    def text(self) -> str:
        """As Resend shows it."""
        return f"whsec_{base64.b64encode(self._key).decode()}"

    def signature(self, body: bytes, *, at: float, call_id: str = "msg_1") -> str:
        """The signature of a call."""
        digest = hmac.digest(self._key, f"{call_id}.{int(at)}.".encode() + body, hashlib.sha256)
        return f"v1,{base64.b64encode(digest).decode()}"

    def headers(self, body: bytes, *, at: float | None = None, call_id: str = "msg_1") -> dict[str, str]:
        """The headers that come with a body, signed now or at another time."""
        at = time.time() if at is None else at
        signature = self.signature(body, at=at, call_id=call_id)
        return {ID: call_id, TIMESTAMP: str(int(at)), SIGNATURE: signature}


def encoded(text: str) -> str:
    """A tag's value that carries a text."""
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def resend_event(kind: str, *, at: datetime | None = None, **data: Any) -> dict[str, Any]:
    """An event as Resend sends it, of an email of the pipeline's."""
    return {
        "type": kind,
        "created_at": (at or datetime.now(UTC)).isoformat().replace("+00:00", "Z"),
        "data": {
            "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
            "created_at": "2026-11-24T13:00:02.110Z",
            "from": "Example Reports <reports@example.com>",
            "to": ["ada@example.com"],
            "subject": "Your report",
            "tags": {"delivery_id": encoded("u1:default:20261124T1300Z"), "run_id": encoded("20261124T1300Z")},
            **data,
        },
    }


def to_body(event: Any) -> bytes:
    """The body of a call."""
    return json.dumps(event).encode()
