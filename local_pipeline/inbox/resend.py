"""What Resend's `POST /emails` refuses and in which words, and its emails in the form in which the inbox keeps emails.

The rules are those of its published API description and pages; the texts are the ones that the service answers with.
https://github.com/resend/resend-openapi
https://resend.com/docs/api-reference/errors

What the inbox cannot do is refused, too, instead of being ignored: templates, scheduled emails, topics, and files that
Resend itself would fetch. One rule is left out: Resend refuses recipients at `example.com` and the like, where the
sample users live.
"""

import base64
import binascii
import contextlib
import mimetypes
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from local_pipeline.inbox.mail import Address, Mail, split
from local_pipeline.inbox.sendgrid import is_address

MOST_BYTES = 40 * 1024 * 1024
"""Of an email, its attachments in base64. https://resend.com/docs/dashboard/emails/attachments"""
MOST_RECIPIENTS = 50
LONGEST_TAG = 256
LONGEST_CONTENT_ID = 127
"""https://resend.com/docs/dashboard/emails/embed-inline-images"""

ENCODED_TAGS = ("delivery_id", "run_id")
"""The tags that hold any text, in base64 for URLs without padding, since a tag takes few characters. A long one goes on
in `delivery_id-2`. Tags called `category-1` and so on are the email's categories."""

_NOT_HERE = ("template", "scheduled_at", "topic_id")
_CATEGORY = re.compile("category-[0-9]+")
_HEADER = re.compile("[!-9;-~]+")
_TAG = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_TAG}}}")
_NAMED = re.compile(r'(?P<name>"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"|[^<>"\x00-\x1f\x7f]*?) *<(?P<email>[^<>]+)>')


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An error of Resend's API. https://resend.com/docs/api-reference/errors

    Attributes:
        status: the answer's.
        name: which error, such as `validation_error`.
        message: what is wrong.
    """

    status: HTTPStatus
    name: str
    message: str

    @property
    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"statusCode": self.status.value, "name": self.name, "message": self.message}


def read_address(text: object) -> Address | None:
    """Read `email@example.com` or `Name <email@example.com>`; None where it is neither."""
    if not isinstance(text, str):
        return None
    if is_address(text):
        return Address(email=text)
    named = _NAMED.fullmatch(text)
    if named is None or not is_address(named["email"]):
        return None
    name = named["name"]
    return Address(email=named["email"], name=re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name)


def find_refusal(payload: object, *, sender_domains: Collection[str]) -> Refusal | None:
    """Why Resend would refuse an email, None if it would take it.

    Args:
        payload: the request's body, decoded.
        sender_domains: the domains that are verified.
    """
    if not isinstance(payload, dict):
        return _invalid("The request body must be an object.")
    if given := [name for name in _NOT_HERE if payload.get(name) is not None]:
        return _invalid(f"The local inbox has no `{given[0]}`.")
    return (
        _missing(payload)
        or _wrong_text(payload)
        or _wrong_addresses(payload)
        or _wrong_headers(payload.get("headers"))
        or _wrong_tags(payload.get("tags"))
        or _wrong_attachments(payload.get("attachments"))
        or _wrong_domain(payload, sender_domains)
    )


def to_mail(payload: Mapping[str, Any], *, email_id: str, received_at: datetime, size: int) -> Mail:
    """An email that Resend would take, as the inbox keeps it.

    Args:
        payload: the request's body, decoded.
        email_id: the email's id at Resend.
        received_at: when it was taken.
        size: of the request's body, in bytes.
    """
    sender = read_address(payload["from"])
    assert sender is not None  # noqa: S101  find_refusal has read it
    addresses = {name: found for name in ("to", "cc", "bcc") if (found := _json_addresses(payload.get(name)))}
    tags = tags_of(payload)
    content = [("text/plain", payload.get("text")), ("text/html", payload.get("html"))]
    request: dict[str, Any] = {
        "personalizations": [addresses],
        "from": {"email": sender.email, "name": sender.name},
        "subject": payload["subject"],
        "content": [{"type": kind, "value": value} for kind, value in content if value],
        "headers": dict(payload.get("headers") or {}),
        "custom_args": _decoded(tags),
        "categories": [value for name, value in tags.items() if _CATEGORY.fullmatch(name)],
        "attachments": [_attachment(each) for each in payload.get("attachments") or ()],
        "reply_to_list": _json_addresses(payload.get("reply_to")),
    }
    (mail,) = split(request, message_id=email_id, received_at=received_at, size=size)
    return mail


def to_email(mail: Mail, *, tags: Mapping[str, str], last_event: str) -> dict[str, Any]:
    """An email as `GET /emails/{id}` shows it. https://resend.com/docs/api-reference/emails/retrieve-email

    Args:
        mail: one that `to_mail` made.
        tags: that it was sent with.
        last_event: the latest that has become of it, such as `delivered`.
    """
    envelope = mail.envelope
    return {
        "object": "email",
        "id": envelope.id,
        "message_id": f"<{envelope.id}@inbox.localhost>",
        "from": str(envelope.sender),
        "to": [str(each) for each in envelope.to],
        "cc": [str(each) for each in envelope.cc],
        "bcc": [str(each) for each in envelope.bcc],
        "reply_to": [str(each) for each in mail.reply_to],
        "created_at": f"{envelope.received_at:%Y-%m-%d %H:%M:%S.%f}+00",
        "subject": envelope.subject,
        "html": mail.html,
        "text": mail.text,
        "last_event": last_event,
        "scheduled_at": None,
        "tags": [{"name": name, "value": value} for name, value in tags.items()],
    }


def tags_of(payload: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an email that Resend would take."""
    return {each["name"]: each["value"] for each in payload.get("tags") or ()}


def _invalid(message: str) -> Refusal:
    return Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, name="validation_error", message=message)


def _missing(payload: Mapping[str, Any]) -> Refusal | None:
    message = ""
    if absent := [name for name in ("from", "to", "subject") if not payload.get(name)]:
        message = f"Missing `{absent[0]}` field."
    elif not payload.get("html") and not payload.get("text"):
        message = "Missing `html` or `text` field."
    if not message:
        return None
    return Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, name="missing_required_field", message=message)


def _wrong_text(payload: Mapping[str, Any]) -> Refusal | None:
    for name in ("subject", "html", "text"):
        if not isinstance(payload.get(name), str | None):
            return _invalid(f"The `{name}` field must be a `string`.")
    return None


def _wrong_addresses(payload: Mapping[str, Any]) -> Refusal | None:
    form = "The email address needs to follow the `email@example.com` or `Name <email@example.com>` format."
    if read_address(payload["from"]) is None:
        return _invalid(f"Invalid `from` field. {form}")
    for name in ("to", "cc", "bcc", "reply_to"):
        listed = _listed(payload.get(name))
        if any(read_address(each) is None for each in listed):
            return _invalid(f"Invalid `{name}` field. {form}")
        if len(listed) > MOST_RECIPIENTS:
            return _invalid(f"The `{name}` field must have at most {MOST_RECIPIENTS} items.")
    return None


def _wrong_headers(headers: object) -> Refusal | None:
    if headers is None:
        return None
    if not isinstance(headers, dict) or not all(isinstance(each, str) for each in headers.values()):
        return _invalid("The `headers` field must be an object of strings.")
    if not all(_HEADER.fullmatch(name) for name in headers):
        return _invalid("The names of `headers` must be printable ASCII characters without spaces and colons.")
    return None


def _wrong_tags(tags: object) -> Refusal | None:
    if tags is None:
        return None
    if not isinstance(tags, list) or not all(isinstance(each, dict) for each in tags):
        return _invalid("The `tags` field must be an array of objects with `name` and `value`.")
    for each in tags:
        for text in (each.get("name"), each.get("value")):
            if not isinstance(text, str) or not _TAG.fullmatch(text):
                return _invalid(
                    "Tags should only contain ASCII letters, numbers, underscores, or dashes, and have between 1 and "
                    f"{LONGEST_TAG} characters."
                )
    return None


def _wrong_attachments(attachments: object) -> Refusal | None:
    if attachments is None:
        return None
    if not isinstance(attachments, list) or not all(isinstance(each, dict) for each in attachments):
        return _invalid("The `attachments` field must be an array of objects.")
    for each in attachments:
        if not each.get("content") and not each.get("path"):
            return _wrong_attachment("Attachment must have either a `content` or `path`.")
        if each.get("path"):
            return _wrong_attachment("The local inbox fetches no file from a `path`.")
        if _content(each["content"]) is None:
            return _wrong_attachment("The `content` of an attachment must be base64.")
        for name in ("filename", "content_type", "content_id"):
            if not isinstance(each.get(name), str | None):
                return _wrong_attachment(f"The `{name}` of an attachment must be a string.")
        if len(each.get("content_id") or "") > LONGEST_CONTENT_ID:
            return _wrong_attachment("The `content_id` of an attachment must be less than 128 characters.")
    return None


def _wrong_attachment(message: str) -> Refusal:
    return Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, name="invalid_attachment", message=message)


def _wrong_domain(payload: Mapping[str, Any], sender_domains: Collection[str]) -> Refusal | None:
    sender = read_address(payload["from"])
    domain = sender.email.rpartition("@")[2].lower() if sender else ""
    if domain in {each.lower() for each in sender_domains}:
        return None
    message = f"The {domain} domain is not verified. Please, add and verify your domain on https://resend.com/domains"
    return Refusal(status=HTTPStatus.FORBIDDEN, name="validation_error", message=message)


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _json_addresses(value: object) -> list[dict[str, str]]:
    found = [read_address(each) for each in _listed(value)]
    return [{"email": each.email, "name": each.name} for each in found if each is not None]


def _content(value: object) -> bytes | None:
    """The bytes of an attachment: base64, or the numbers that Resend's Python client makes of bytes."""
    try:
        if isinstance(value, list):
            return bytes(value)
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError, TypeError):
        return None


def _attachment(given: Mapping[str, Any]) -> dict[str, Any]:
    filename = given.get("filename") or "attachment"
    content_id = given.get("content_id") or ""
    return {
        "content": base64.b64encode(_content(given["content"]) or b"").decode(),
        "filename": filename,
        # Derived from the name where it is not given, as Resend does.
        "type": given.get("content_type") or mimetypes.guess_type(filename)[0] or "application/octet-stream",
        "disposition": "inline" if content_id else "attachment",
        "content_id": content_id,
    }


def _decoded(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that are no categories, with those in base64 decoded, as far as they are."""
    found = {name: value for name, value in tags.items() if not _CATEGORY.fullmatch(name)}
    for name in ENCODED_TAGS:
        parts = [name, *(part for number in range(2, len(tags) + 1) if (part := f"{name}-{number}") in tags)]
        encoded = "".join(tags.get(part, "") for part in parts)
        with contextlib.suppress(ValueError):
            decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
            found = {key: value for key, value in found.items() if key not in parts}
            found |= {name: decoded} if decoded else {}
    return found
