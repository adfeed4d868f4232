"""A mail as SendGrid's mail send takes it. Pure.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import base64
from typing import Any

from functions.worker.mail.model import Mail, Sender
from functions.worker.sanitize import sanitize

_NAME_CHARACTERS = 100
_SUBJECT_CHARACTERS = 200
_HEADER_CHARACTERS = 998


def to_request(mail: Mail, sender: Sender) -> dict[str, Any]:
    """The body of the request that sends a mail."""
    # By the API's description these two belong here; beside `from`, `custom_args` would be a string.
    personalization: dict[str, Any] = {
        "to": [_party(mail.to_address, mail.to_name)],
        "headers": {name: sanitize(value, _HEADER_CHARACTERS) for name, value in mail.headers.items()},
        "custom_args": dict(mail.arguments),
    }
    body: dict[str, Any] = {
        "personalizations": [personalization],
        "from": _party(sender.address, sender.name),
        "subject": sanitize(mail.subject, _SUBJECT_CHARACTERS) or "-",
        "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
        "categories": list(mail.categories),
    }
    if sender.reply_to:
        body["reply_to"] = {"email": sender.reply_to}
    if sender.unsubscribe_group is not None:
        # The group makes the link; the tracking adds List-Unsubscribe and List-Unsubscribe-Post. With a tag that the
        # mail does not have it adds no second footer; what users write cannot have it (tags.py).
        # https://www.twilio.com/docs/sendgrid/ui/sending-email/list-unsubscribe
        body["asm"] = {"group_id": sender.unsubscribe_group}
        body["tracking_settings"] = {
            "subscription_tracking": {"enable": True, "substitution_tag": "[no second unsubscribe link]"}
        }
    elif sender.own_unsubscribe:
        body["tracking_settings"] = {"subscription_tracking": {"enable": False}}
    if sender.sandbox or mail.sandbox:
        body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    if mail.images:
        body["attachments"] = [
            {
                "content": base64.b64encode(image.content).decode(),
                "type": image.media_type,
                "filename": f"{image.content_id}.{image.media_type.rpartition('/')[2]}",
                "disposition": "inline",
                "content_id": image.content_id,
            }
            for image in mail.images
        ]
    return body


def _party(address: str, name: str) -> dict[str, str]:
    shown = sanitize(name, _NAME_CHARACTERS)
    return {"email": address, "name": shown} if shown else {"email": address}
