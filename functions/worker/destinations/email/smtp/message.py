"""An email as messages: one for each recipient, as mail servers carry them. Pure.

https://www.rfc-editor.org/rfc/rfc5322
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, quote

from functions.shared.sanitize import sanitize
from functions.worker.destinations.email import head
from functions.worker.destinations.email.model import Mail, MailRecipient, Sender
from functions.worker.destinations.http_call import describe

_ARGUMENT_HEADERS = {"delivery_id": "X-Report-Delivery", "run_id": "X-Report-Run"}
"""The headers that have the email's arguments: a mail server keeps nothing beside the message."""

_ARGUMENT_CHARACTERS = 1_500
"""No id is longer."""

_LONGEST_WORD = 900
"""One that does not fit into a line is encoded, so that it can be folded."""

_BREAK = "\r\n"
_LINE_CHARACTERS = 76
"""Of a line with encoded words: https://www.rfc-editor.org/rfc/rfc2047#section-2. A longer word, such as a link, stays
whole: https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1 allows 998."""

_POLICY = SMTP.clone(cte_type="7bit")
"""Line breaks are CRLF, and all that is not ASCII is encoded: no server has to take 8 bits."""

_LOCAL_PART = re.compile(r"""[^\x00-\x20"(),:;<>@\[\\\]\x7f]+|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*\"""")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_LONGEST_LOCAL_PART, _LONGEST_ADDRESS = 64, 254
"""https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1"""

_NO_ADDRESS = "an address is none that mail servers take"


class UnsendableMail(ValueError):
    """No mail server takes it. The text says why, and has no address in it."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One recipient's message.

    Attributes:
        sender: the address to which mail servers report what they cannot deliver.
        recipient: the address.
        id: what stands before the @ in its `Message-ID`. With the rest it would pass for an address, which no log has.
        content: head and body. Each line ends with CRLF, also the last.
        is_utf8: whether one of the addresses cannot be written in ASCII, so that the server needs SMTPUTF8.
        is_trial: whether the server is only to be asked if it takes emails to the recipient.
    """

    sender: str
    recipient: str
    id: str
    content: bytes
    is_utf8: bool
    is_trial: bool


def to_messages(mail: Mail, sender: Sender, *, at: datetime) -> Sequence[Message]:
    """The messages of an email.

    Args:
        mail: what to send.
        sender: from whom.
        at: when the email is handed over, for `Date`, which every message must have. It is the one thing in a message
            that differs when an email is sent again. SMTP has no idempotency keys, so nothing is gained by the same
            bytes; mailboxes that drop doubles go by `Message-ID`.

    Raises:
        UnsendableMail: an address is none that mail servers take, or a part cannot be written.
    """
    try:
        return [_message(mail.with_link(each.unsubscribe_url), each, sender, at) for each in mail.recipients]
    except UnsendableMail:
        raise
    except (ValueError, LookupError, MessageError) as error:
        # Such as a kind's own picture whose id has a line break in it.
        raise UnsendableMail(f"the email cannot be written as a message: {describe(error)}") from error


def _message(mail: Mail, recipient: MailRecipient, sender: Sender, at: datetime) -> Message:
    sent_by, sent_to = mailbox(sender.address), mailbox(recipient.address)
    message_id = _message_id(mail, recipient.address, at)
    lines = [_party("From", sender.name, sent_by), _party("To", recipient.name, sent_to)]
    if sender.reply_to:
        lines.append(_party("Reply-To", "", mailbox(sender.reply_to)))
    lines += [
        _header("Subject", head.subject(mail)),
        _header("Date", format_datetime(at)),
        _header("Message-ID", f"<{message_id}@{sent_by.rpartition('@')[2]}>"),
        *(_header(name, value) for name, value in head.headers(recipient).items()),
        *(
            _header(header, sanitize(mail.arguments[name], _ARGUMENT_CHARACTERS))
            for name, header in _ARGUMENT_HEADERS.items()
            if mail.arguments.get(name)
        ),
    ]
    top = "".join(line + _BREAK for line in lines)
    return Message(
        sender=sent_by,
        recipient=sent_to,
        id=message_id,
        content=top.encode() + _body(mail).as_bytes(),
        is_utf8=not top.isascii(),
        is_trial=sender.sandbox or mail.sandbox,
    )


def mailbox(address: str) -> str:
    """An address as SMTP takes it: its domain in ASCII.

    Args:
        address: as people write it.

    Raises:
        UnsendableMail: it is none.
    """
    local_part, _, domain = address.rpartition("@")
    try:
        in_ascii = domain.lower().encode("idna").decode()
        length = len(local_part.encode())
    except UnicodeError:
        raise UnsendableMail(_NO_ADDRESS) from None
    found = f"{local_part}@{in_ascii}"
    if not _LOCAL_PART.fullmatch(local_part) or not _DOMAIN.fullmatch(in_ascii):
        raise UnsendableMail(_NO_ADDRESS)
    if length > _LONGEST_LOCAL_PART or length + len(in_ascii) >= _LONGEST_ADDRESS:
        raise UnsendableMail("an address is longer than mail servers take")
    return found


def _message_id(mail: Mail, address: str, at: datetime) -> str:
    """The same for each message of a delivery to an address: a second one is known for the double that it is.

    What is no delivery, such as a test, has another each time.
    """
    delivery = mail.arguments.get("delivery_id") or at.isoformat()
    return hashlib.sha256(f"{delivery}\n{address.casefold()}".encode("utf-8", "replace")).hexdigest()[:32]


def _party(header: str, shown: str, address: str) -> str:
    name = head.name(shown)
    if not name:
        return f"{header}: {address}"
    if _is_plain(name):
        return f'{header}: "{quote(name)}" <{address}>'
    # On a line of its own: what stands beside encoded words counts for the length of their line.
    return f"{_header(header, name)}{_BREAK} <{address}>"


def _header(name: str, value: str) -> str:
    """A header, folded where it is long. Python's newer interface loses spaces between encoded words, and encodes links
    that are longer than a line."""
    charset = "us-ascii" if _is_plain(value) else "utf-8"
    header = Header(value, charset, maxlinelen=_LINE_CHARACTERS, header_name=name)
    return f"{name}: {header.encode(linesep=_BREAK)}"


def _is_plain(text: str) -> bool:
    """Whether a text stands in a header as it is. One that looks like an encoded word would be read as what it encodes,
    which may be a line break."""
    return text.isascii() and "=?" not in text and max(map(len, text.split()), default=0) <= _LONGEST_WORD


def _body(mail: Mail) -> EmailMessage:
    """https://www.rfc-editor.org/rfc/rfc2046#section-5.1.4 and https://www.rfc-editor.org/rfc/rfc2387"""
    body = EmailMessage(policy=_POLICY)
    body.set_content(_writable(mail.text))
    body.add_alternative(_writable(mail.html), subtype="html")
    html = body.get_payload()[-1]  # type: ignore[index]  # an alternative's payload is its parts
    assert isinstance(html, EmailMessage)  # noqa: S101
    for image in mail.images:
        maintype, subtype = _media_type(image.media_type)
        html.add_related(
            image.content,
            maintype=maintype,
            subtype=subtype,
            cid=f"<{image.content_id}>",
            filename=image.filename,
            disposition="inline",
        )
    for file in mail.attachments:
        maintype, subtype = _media_type(file.media_type)
        body.add_attachment(file.content, maintype=maintype, subtype=subtype, filename=file.filename)
    # Python's own boundaries are random. A text cannot have its own hash in it, and so no boundary either.
    digest = hashlib.sha256("\0".join((mail.text, mail.html)).encode("utf-8", "replace")).hexdigest()
    for number, part in enumerate(body.walk()):
        if part.is_multipart():
            part.set_boundary(f"{digest}-{number}")
    return body


def _media_type(named: str) -> tuple[str, str]:
    """The halves of a media type; that of any file for one that would be taken for parts of the message."""
    maintype, _, subtype = named.lower().partition("/")
    return ("application", "octet-stream") if maintype in {"multipart", "message"} else (maintype, subtype)


def _writable(text: str) -> str:
    """What UTF-8 and SMTP can have: https://www.rfc-editor.org/rfc/rfc5321#section-2.3.1"""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
