"""An email as it came: one personalization of a request, with what all of them share."""

import base64
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

_CID = re.compile(r"""(?<=["'(=])\s*cid:([^"'()\s>]+)""", re.IGNORECASE)
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE)
_NOT_READ = re.compile(r"<(style|script)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)

_LONGEST_LINE = 998
"""https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src data: https: http:; style-src 'unsafe-inline'; font-src data:; media-src data:"
)
"""What an email's HTML may do where it is shown: look like itself, and run nothing."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Somebody's address, with the name that is shown."""

    email: str
    name: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Address":
        return cls(email=value["email"], name=value.get("name") or "")

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that came with an email.

    Attributes:
        filename: its name.
        type: its MIME type.
        inline: shown within the HTML, by its content id.
        content_id: what `cid:` links in the HTML call it; may be empty.
        content: its bytes.
    """

    filename: str
    type: str
    inline: bool
    content_id: str
    content: bytes

    @property
    def data_uri(self) -> str:
        return f"data:{'/'.join(_mime(self.type))};base64,{base64.b64encode(self.content).decode()}"


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """What a list of emails needs to know of a file that came with one.

    Attributes:
        filename: its name.
        type: its MIME type.
        inline: shown within the HTML, by its content id.
        content_id: what `cid:` links in the HTML call it; may be empty.
        size: in bytes.
    """

    filename: str
    type: str
    inline: bool
    content_id: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What a list of emails needs to know of one.

    Attributes:
        id: the email's id: the request's `X-Message-Id`, with a number behind it for a request's second email on.
        received_at: when it was accepted, in UTC.
        sender: from whom.
        to: to whom.
        cc: and who else sees it.
        bcc: and who else gets it.
        subject: of the email.
        custom_args: the sender's own, as they would come back in SendGrid's events.
        categories: what the sender filed it under.
        files: those that came with it, the inline ones included.
        size: of the whole email, in bytes.
        account: the API key of the account that took it, where that is not the deployment's own.
    """

    id: str
    received_at: datetime
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    custom_args: Mapping[str, str]
    categories: tuple[str, ...]
    files: tuple[FileEntry, ...]
    size: int
    account: str = ""

    @property
    def recipients(self) -> tuple[Address, ...]:
        """All who get it."""
        return (*self.to, *self.cc, *self.bcc)

    @property
    def attachments(self) -> tuple[FileEntry, ...]:
        """The files that are not inline."""
        return tuple(each for each in self.files if not each.inline)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A whole email.

    Attributes:
        envelope: who, when and what about.
        request: what was posted, reduced to this mail: one personalization, the substitutions made.
    """

    envelope: Envelope
    request: Mapping[str, Any]

    @property
    def text(self) -> str | None:
        """The text part."""
        return self._part("text/plain")

    @property
    def html(self) -> str | None:
        """The HTML part as it came."""
        return self._part("text/html")

    @property
    def headers(self) -> dict[str, str]:
        """The sender's own headers."""
        personal = self.request["personalizations"][0].get("headers") or {}
        return {**(self.request.get("headers") or {}), **personal}

    @property
    def reply_to(self) -> tuple[Address, ...]:
        """Where answers go, if not to the sender."""
        listed = self.request.get("reply_to_list") or []
        single = self.request.get("reply_to")
        return tuple(Address.from_json(each) for each in ([single] if single else listed))

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files, in the order that they came in."""
        return tuple(
            Attachment(
                filename=entry.filename,
                type=entry.type,
                inline=entry.inline,
                content_id=entry.content_id,
                content=base64.b64decode(each["content"]),
            )
            for entry, each in zip(self.envelope.files, self.request.get("attachments") or (), strict=True)
        )

    def texts(self) -> Iterator[str]:
        """Everything in it that people read: without the tags of the HTML, and without what files hold."""
        envelope = self.envelope
        yield envelope.subject
        for each in (envelope.sender, *envelope.recipients, *self.reply_to):
            yield f"{each.name} {each.email}"
        yield self.text or ""
        yield html.unescape(_NOT_READ.sub(" ", self.html or ""))
        yield from (f"{name}: {value}" for name, value in self.headers.items())
        yield from (f"{name}: {value}" for name, value in envelope.custom_args.items())
        yield from envelope.categories
        yield from (each.filename for each in envelope.files)

    def standalone_html(self, *, links_in_new_tab: bool = False) -> str:
        """The HTML part as a document that needs nothing beside it: inline images are in it, and scripts cannot run.

        An email without an HTML part is its text part, as it stands.

        Args:
            links_in_new_tab: for a frame, which would otherwise lose the email to what it links to.
        """
        document = self.html
        if document is None:
            text = html.escape(self.text or "")
            document = f'<!doctype html><meta charset="utf-8"><pre style="white-space: pre-wrap">{text}</pre>'
        images = {each.content_id: each.data_uri for each in self.attachments if each.content_id}

        def resolve(match: re.Match[str]) -> str:
            return images.get(unquote(html.unescape(match[1])), match[0])

        document = _CID.sub(resolve, document)
        extra = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">'
        if links_in_new_tab:
            extra += '<base target="_blank">'
        # First of all but the doctype, which would no longer count behind it: a browser makes a head of it, and nothing
        # that the sender wrote can come before the policy.
        doctype = _DOCTYPE.match(document)
        at = doctype.end() if doctype else 0
        return document[:at] + extra + document[at:]

    def as_message(self) -> EmailMessage:
        """The email as the message that a mail server would carry, blind copies left out."""
        envelope = self.envelope
        addresses = [envelope.sender, *envelope.to, *envelope.cc, *self.reply_to]
        # Headers beyond ASCII are encoded, as every mail program reads them; addresses cannot be.
        policy = SMTP if all(each.email.isascii() for each in addresses) else SMTPUTF8
        # Python folds a longer header, and encodes what it cannot fold: a link that no one could follow.
        message = EmailMessage(policy=policy.clone(max_line_length=_LONGEST_LINE))
        message["From"] = _header([envelope.sender])
        message["To"] = _header(envelope.to)
        if envelope.cc:
            message["Cc"] = _header(envelope.cc)
        if self.reply_to:
            message["Reply-To"] = _header(self.reply_to)
        message["Subject"] = _one_line(envelope.subject)
        # SendGrid makes these; a message that came by SMTP has them.
        message["Date"] = self.headers.get("Date") or format_datetime(envelope.received_at)
        message["Message-ID"] = self.headers.get("Message-ID") or f"<{envelope.id}@inbox.localhost>"
        for name, value in self.headers.items():
            if name not in message and name.lower() not in _MADE_BY_THE_BODY:
                message[name] = _one_line(value)
        if self.text is not None:
            message.set_content(self.text)
        if self.html is not None:
            self._add_html(message)
        if self.text is None and self.html is None:
            message.set_content("")
        for each in self.attachments:
            if not (each.inline and self.html is not None):
                maintype, subtype = _mime(each.type)
                message.add_attachment(
                    each.content, maintype=maintype, subtype=subtype, filename=_one_line(each.filename)
                )
        return message

    def _add_html(self, message: EmailMessage) -> None:
        part = message
        if self.text is None:
            message.set_content(self.html, subtype="html")
        else:
            message.add_alternative(self.html, subtype="html")
            part = message.get_payload()[-1]  # type: ignore[assignment,index] # an alternative's payload is its parts
        for each in self.attachments:
            if each.inline:
                maintype, subtype = _mime(each.type)
                part.add_related(
                    each.content,
                    maintype=maintype,
                    subtype=subtype,
                    cid=f"<{_one_line(each.content_id)}>" if each.content_id else None,
                    filename=_one_line(each.filename),
                    disposition="inline",
                )

    def _part(self, kind: str) -> str | None:
        for block in self.request.get("content") or ():
            if block["type"].lower() == kind:
                return str(block["value"])
        return None


_MADE_BY_THE_BODY = {"mime-version", "content-disposition", "content-id", "content-language"}


def split(request: Mapping[str, Any], *, message_id: str, received_at: datetime, size: int) -> list[Mail]:
    """The emails of a valid request, one for each personalization.

    Substitutions are made in its subject, its content and its custom arguments, SendGrid's "unique arguments".
    https://www.twilio.com/docs/sendgrid/for-developers/sending-email/substitution-tags

    Args:
        request: what was posted.
        message_id: the request's `X-Message-Id`.
        received_at: when it was accepted.
        size: of the request's body, in bytes.
    """
    shared = {key: value for key, value in request.items() if key != "personalizations"}
    files = tuple(_file_entry(each) for each in request.get("attachments") or ())
    mails = []
    for number, personalization in enumerate(request["personalizations"]):
        substitute = _substitution(personalization.get("substitutions") or {})
        reduced = {**shared, "personalizations": [personalization]}
        reduced["subject"] = substitute(personalization.get("subject") or request.get("subject") or "")
        reduced["content"] = [{**block, "value": substitute(block["value"])} for block in request.get("content") or ()]
        custom_args = {**(request.get("custom_args") or {}), **(personalization.get("custom_args") or {})}
        envelope = Envelope(
            id=message_id if number == 0 else f"{message_id}.{number}",
            received_at=received_at,
            sender=Address.from_json(personalization.get("from") or request["from"]),
            to=_addresses(personalization.get("to")),
            cc=_addresses(personalization.get("cc")),
            bcc=_addresses(personalization.get("bcc")),
            subject=reduced["subject"],
            custom_args={name: substitute(value) for name, value in custom_args.items()},
            categories=tuple(request.get("categories") or ()),
            files=files,
            size=size,
        )
        mails.append(Mail(envelope=envelope, request=reduced))
    return mails


def _file_entry(attachment: Mapping[str, Any]) -> FileEntry:
    content = attachment["content"]
    return FileEntry(
        filename=attachment["filename"],
        type=attachment.get("type") or "application/octet-stream",
        inline=attachment.get("disposition") == "inline",
        content_id=attachment.get("content_id") or "",
        # Four characters of base64 are three bytes, but for the padding.
        size=len(content) * 3 // 4 - content[-2:].count("="),
    )


def _addresses(listed: Sequence[Mapping[str, Any]] | None) -> tuple[Address, ...]:
    return tuple(Address.from_json(each) for each in listed or ())


def _substitution(substitutions: Mapping[str, str]) -> Any:
    def substitute(text: str) -> str:
        for tag, value in substitutions.items():
            text = text.replace(tag, value)
        return text

    return substitute


def _header(addresses: Sequence[Address]) -> tuple[HeaderAddress, ...]:
    headers = []
    for each in addresses:
        local_part, _, domain = each.email.rpartition("@")
        if local_part.startswith('"'):
            local_part = re.sub(r"\\(.)", r"\1", local_part[1:-1])
        headers.append(HeaderAddress(_one_line(each.name), local_part, domain))
    return tuple(headers)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _mime(kind: str) -> tuple[str, str]:
    """The two halves of a MIME type that can stand in a header and in a URI; that of any file for what is none."""
    if not _MIME.fullmatch(kind) or kind.lower().startswith(("multipart/", "message/")):
        return "application", "octet-stream"
    maintype, _, subtype = kind.lower().partition("/")
    return maintype, subtype
