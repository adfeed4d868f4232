"""A message as mail servers carry it, read into the form in which the inbox keeps emails. Pure.

https://www.rfc-editor.org/rfc/rfc5322
"""

import base64
import re
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any

ARGUMENT_HEADERS = {"delivery_id": "x-report-delivery", "run_id": "x-report-run"}
"""What SendGrid has in its custom arguments stands in headers of a message."""

_ONCE = ("from", "to", "date", "message-id")
_KEPT_ELSEWHERE = {"from", "to", "cc", "reply-to", "subject", *ARGUMENT_HEADERS.values()}
_LONGEST_LINE = 998
"""https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1"""

_BARE_BREAK = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


class InvalidMessage(ValueError):
    """A mail server would refuse the message. The text says why, and has no address in it."""


def to_request(content: bytes, recipients: Sequence[str]) -> dict[str, Any]:
    """A message as a request of SendGrid's mail send, with a personalization for each recipient.

    Args:
        content: the message.
        recipients: the addresses that it goes to. Its own header may name others.

    Raises:
        InvalidMessage: it is no message that a mail server takes.
    """
    _check_bytes(content)
    try:
        message = message_from_bytes(content, policy=policy.SMTPUTF8)
        assert isinstance(message, EmailMessage)  # noqa: S101  the policy makes these
        headers = _headers(message)
        parts = [part for part in message.walk() if not part.is_multipart()]
        content_parts = [
            {"type": part.get_content_type(), "value": part.get_content().replace("\r\n", "\n")}
            for part in parts
            if part.get_content_disposition() is None and part.get_content_maintype() == "text"
        ]
        files = [_file(part) for part in parts if part.get_content_disposition() is not None]
        parsedate_to_datetime(headers["date"])
    except (MessageError, LookupError, ValueError, TypeError) as error:
        raise InvalidMessage(f"the message cannot be read: {type(error).__name__}") from error
    if defects := [each for part in message.walk() for each in part.defects]:
        raise InvalidMessage(f"the message is malformed: {type(defects[0]).__name__}")
    names = {address: name for name, address in [_party(headers["to"])]}
    arguments = {name: _decoded(headers.get(header, "")) for name, header in ARGUMENT_HEADERS.items()}
    request: dict[str, Any] = {
        "personalizations": [
            {
                "to": [_json(names.get(address, ""), address)],
                "headers": {
                    name: _decoded(value)
                    for name, value in message.raw_items()
                    if name.lower() not in _KEPT_ELSEWHERE and not _is_of_mime(name)
                },
                "custom_args": {name: value for name, value in arguments.items() if value},
            }
            for address in recipients
        ],
        "from": _json(*_party(headers["from"])),
        "subject": _decoded(headers.get("subject", "")),
        "content": content_parts,
    }
    if "reply-to" in headers:
        request["reply_to"] = _json(*_party(headers["reply-to"]))
    if files:
        request["attachments"] = files
    return request


def _check_bytes(content: bytes) -> None:
    """https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8"""
    if _BARE_BREAK.search(content):
        raise InvalidMessage("the message has a line break that is none, or a null character")
    if max(map(len, content.split(b"\r\n"))) > _LONGEST_LINE:
        raise InvalidMessage(f"the message has a line of more than {_LONGEST_LINE} characters")


def _headers(message: EmailMessage) -> dict[str, str]:
    """The headers as they came, by their names in small letters."""
    raw = [(name.lower(), _unfolded(value)) for name, value in message.raw_items()]
    for name in _ONCE:
        if (times := [each for each, _ in raw].count(name)) != 1:
            raise InvalidMessage(f"the message has the header {name} {times} times")
    return dict(raw)


def _unfolded(value: str) -> str:
    return re.sub(r"\r?\n(?=[ \t])", "", str(value)).strip()


def _decoded(value: str) -> str:
    """Not by the policy: it leaves a space between encoded words, which is no part of the text (RFC 2047, 6.2)."""
    return str(make_header(decode_header(_unfolded(value))))


def _party(value: str) -> tuple[str, str]:
    name, address = parseaddr(_unfolded(value))
    return _decoded(name), address


def _json(name: str, address: str) -> dict[str, str]:
    return {"email": address, "name": name} if name else {"email": address}


def _is_of_mime(name: str) -> bool:
    return name.lower() == "mime-version" or name.lower().startswith("content-")


def _file(part: EmailMessage) -> dict[str, str]:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)  # noqa: S101  it is no multipart
    file = {
        "content": base64.b64encode(content).decode(),
        "type": part.get_content_type(),
        "filename": part.get_filename() or "",
        "disposition": part.get_content_disposition() or "attachment",
    }
    content_id = str(part.get("Content-ID", "")).strip("<> ")
    return {**file, "content_id": content_id} if content_id else file
