"""A mail as SendGrid's mail send takes it. Pure.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import base64
from dataclasses import dataclass
from typing import Any

from functions.shared.settings import MailSettings
from functions.worker.mail import Mail
from functions.worker.one_line import one_line

_NAME_CHARACTERS = 100
_SUBJECT_CHARACTERS = 200
_HEADER_CHARACTERS = 998


@dataclass(frozen=True, kw_only=True)
class Sender:
    """From whom mails are, and what SendGrid is to do with them.

    Attributes:
        address: verified at SendGrid.
        name: shown beside the address.
        reply_to: where answers go; empty: to the sender.
        unsubscribe_group: the unsubscribe group that the mails belong to; None where the list is kept elsewhere, or by
            nobody.
        own_unsubscribe: whether the mails have a link out of the team's own.
        sandbox: whether SendGrid is to check the mails and deliver none.
    """

    address: str
    name: str = ""
    reply_to: str = ""
    unsubscribe_group: int | None = None
    own_unsubscribe: bool = False
    sandbox: bool = False

    @classmethod
    def from_settings(cls, settings: MailSettings) -> "Sender":
        """The sender that the environment names."""
        return cls(
            address=settings.mail_from,
            name=settings.mail_from_name,
            reply_to=settings.mail_reply_to or "",
            unsubscribe_group=settings.mail_unsubscribe_group,
            own_unsubscribe=settings.mail_unsubscribe_url is not None,
            sandbox=settings.mail_sandbox,
        )


def to_request(mail: Mail, sender: Sender) -> dict[str, Any]:
    """The body of the request that sends a mail."""
    # By the API's description these two belong here; beside `from`, `custom_args` would be a string.
    personalization: dict[str, Any] = {
        "to": [_party(mail.to_address, mail.to_name)],
        "headers": {name: one_line(value, _HEADER_CHARACTERS) for name, value in mail.headers.items()},
        "custom_args": dict(mail.arguments),
    }
    body: dict[str, Any] = {
        "personalizations": [personalization],
        "from": _party(sender.address, sender.name),
        "subject": one_line(mail.subject, _SUBJECT_CHARACTERS) or "-",
        "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
        "categories": list(mail.categories),
    }
    if sender.reply_to:
        body["reply_to"] = {"email": sender.reply_to}
    if sender.unsubscribe_group is not None:
        # The group makes the link; the tracking adds List-Unsubscribe and List-Unsubscribe-Post. With a tag that the
        # mail does not have it adds no second footer; what users write cannot have it (provider_tags.py).
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
    shown = one_line(name, _NAME_CHARACTERS)
    return {"email": address, "name": shown} if shown else {"email": address}
