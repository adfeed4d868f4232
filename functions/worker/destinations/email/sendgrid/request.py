"""An email as SendGrid's mail send takes it. Pure.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import base64
from typing import Any

from functions.worker.destinations.email import head
from functions.worker.destinations.email.model import Mail, MailRecipient, Sender
from functions.worker.destinations.email.sendgrid.tags import GROUP_LINK
from functions.worker.destinations.email.unsubscribe_link import substitutions
from report_kit.report import Attachment, InlineImage


def to_request(mail: Mail, sender: Sender) -> dict[str, Any]:
    """The body of the request that sends a mail: one personalization for each recipient, so that each has a message of
    their own, with their own headers and link.

    https://www.twilio.com/docs/sendgrid/for-developers/sending-email/personalizations
    """
    links = {recipient.unsubscribe_url for recipient in mail.recipients}
    if sender.unsubscribe_group is not None:
        mail = mail.with_link(GROUP_LINK)
    elif len(links) == 1:
        mail = mail.with_link(*links)
    personalizations = [_personalization(recipient, mail) for recipient in mail.recipients]
    if len(links) > 1:
        for personalization, recipient in zip(personalizations, mail.recipients, strict=True):
            personalization["substitutions"] = substitutions(recipient.unsubscribe_url)
    body: dict[str, Any] = {
        "personalizations": personalizations,
        "from": _party(sender.address, sender.name),
        "subject": head.subject(mail),
        "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
        "categories": list(mail.categories),
    }
    if sender.reply_to:
        body["reply_to"] = {"email": sender.reply_to}
    if sender.unsubscribe_group is not None:
        # The group makes the link; the tracking adds List-Unsubscribe and List-Unsubscribe-Post. With a tag that the
        # email does not have it adds no second footer; what users write cannot have it (tags.py).
        # https://www.twilio.com/docs/sendgrid/ui/sending-email/list-unsubscribe
        body["asm"] = {"group_id": sender.unsubscribe_group}
        body["tracking_settings"] = {
            "subscription_tracking": {"enable": True, "substitution_tag": "[no second unsubscribe link]"}
        }
    elif sender.own_unsubscribe:
        body["tracking_settings"] = {"subscription_tracking": {"enable": False}}
    if sender.sandbox or mail.sandbox:
        body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    if files := [*map(_inline, mail.images), *map(_attached, mail.attachments)]:
        body["attachments"] = files
    return body


def _inline(image: InlineImage) -> dict[str, str]:
    return {**_attached(image), "disposition": "inline", "content_id": image.content_id}


def _attached(file: Attachment | InlineImage) -> dict[str, str]:
    return {
        "content": base64.b64encode(file.content).decode(),
        "type": file.media_type,
        "filename": file.filename,
        "disposition": "attachment",
    }


def _personalization(recipient: MailRecipient, mail: Mail) -> dict[str, Any]:
    # By the API's description the last two belong here; beside `from`, `custom_args` would be a string.
    return {
        "to": [_party(recipient.address, recipient.name)],
        "headers": dict(head.headers(recipient)),
        "custom_args": dict(mail.arguments),
    }


def _party(address: str, name: str) -> dict[str, str]:
    shown = head.name(name)
    return {"email": address, "name": shown} if shown else {"email": address}
