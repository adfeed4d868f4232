"""Signs webhooks as SendGrid does, without the library that verifies them."""

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


class Signer:
    """One key of the provider's."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """As SendGrid shows it."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def headers(self, body: bytes, *, at: float | None = None) -> dict[str, str]:
        """The headers that come with a body, signed now or at another time."""
        timestamp = str(int(time.time() if at is None else at))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def sendgrid_event(kind: str, *, at: float | None = None, **fields: Any) -> dict[str, Any]:
    """One event as SendGrid sends it, of an email of the pipeline's."""
    return {
        "email": "ada@example.com",
        "timestamp": int(time.time() if at is None else at),
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": kind,
        "category": ["report", "activity"],
        "sg_event_id": base64.b64encode(kind.encode()).decode(),
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "delivery_id": "u1:default:20261124T1300Z",
        "run_id": "20261124T1300Z",
        **fields,
    }


def to_body(*events: Any) -> bytes:
    """The body of a call."""
    return json.dumps(events).encode()
