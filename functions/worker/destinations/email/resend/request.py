"""An email as Resend's `POST /emails` takes it, to the byte: the same email always makes the same requests. Pure.

Resend compares a request with the earlier one that had the same idempotency key, and refuses any other.
https://resend.com/docs/api-reference/emails/send-email
https://resend.com/docs/dashboard/emails/idempotency-keys
"""

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

from functions.shared.mail.argument_tags import to_tags
from functions.shared.records.address_hash import address_hash
from functions.shared.records.stored_request import KeptRequest
from functions.worker.destinations.email import head
from functions.worker.destinations.email.model import Mail, MailRecipient, Sender
from report_kit.report import Attachment, InlineImage

SANDBOX_ADDRESS = "delivered+{label}@resend.dev"
"""Resend takes an email to it like any other, and delivers it to no person.
https://resend.com/docs/dashboard/emails/send-test-emails"""

_SPECIAL = re.compile(r'[()<>\[\]:;@\\,."]')
"""What a name can have in quotation marks alone. https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3"""


def to_requests(mail: Mail, sender: Sender) -> Sequence[KeptRequest]:
    """The requests that send a mail: one for each recipient, since all the addresses of a request share one message.

    Args:
        mail: what to send.
        sender: from whom.
    """
    return [
        KeptRequest(
            address=recipient.address,
            content=json.dumps(to_request(mail, sender, recipient), separators=(",", ":")).encode(),
        )
        for recipient in mail.recipients
    ]


def to_request(mail: Mail, sender: Sender, recipient: MailRecipient) -> dict[str, Any]:
    """What sends an email to one recipient.

    A file with a `content_id` is a picture of the HTML part: https://resend.com/docs/dashboard/emails/embed-inline-images

    Args:
        mail: what to send.
        sender: from whom.
        recipient: one of the email's.
    """
    mail = mail.with_link(recipient.unsubscribe_url)
    sandbox = sender.sandbox or mail.sandbox
    body: dict[str, Any] = {
        "from": _mailbox(sender.address, sender.name),
        "to": [_mailbox(_sandboxed(recipient.address) if sandbox else recipient.address, recipient.name)],
        "subject": head.subject(mail),
        "text": mail.text,
        "html": mail.html,
        "headers": dict(head.headers(recipient)),
        "tags": [*_tags(mail)],
    }
    if sender.reply_to:
        body["reply_to"] = sender.reply_to
    if files := [*map(_inline, mail.images), *map(_attached, mail.attachments)]:
        body["attachments"] = files
    return body


def _tags(mail: Mail) -> Sequence[dict[str, str]]:
    """The arguments, which come back with every event, and the categories, which Resend's pages show.

    https://resend.com/docs/dashboard/emails/tags
    """
    categories = {f"category-{number}": name for number, name in enumerate(mail.categories, start=1)}
    return [{"name": name, "value": value} for name, value in {**to_tags(mail.arguments), **categories}.items()]


def _mailbox(address: str, name: str) -> str:
    """An address as a field of the API has it, beside its name.

    A name that has one of the characters that mean something in an address stands in quotation marks, and what would
    need a backslash there becomes an apostrophe.
    """
    shown = head.name(name)
    if _SPECIAL.search(shown):
        shown = '"' + re.sub(r'[\\"]', "'", shown) + '"'
    return f"{shown} <{address}>" if shown else address


def _sandboxed(address: str) -> str:
    """The test address in place of an address: another one for each, and always the same one."""
    return SANDBOX_ADDRESS.format(label=address_hash(address))


def _inline(image: InlineImage) -> dict[str, str]:
    return {**_attached(image), "content_id": image.content_id}


def _attached(file: Attachment | InlineImage) -> dict[str, str]:
    return {
        "filename": file.filename,
        "content": base64.b64encode(file.content).decode(),
        "content_type": file.media_type,
    }
