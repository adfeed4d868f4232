"""What the tests of every email provider have to know of one."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.shared.settings import MailProviderName, MailSettings
from functions.worker.destinations.email.model import Mail, Sender
from functions.worker.destinations.email.provider import ChosenProvider, ProviderParts, parts_of
from functions.worker.destinations.outcome import Outcome, Unavailable, Unclear
from tests.functions.worker.destinations.http_server import Behaviour, Said
from tests.support import now


@dataclass(frozen=True, kw_only=True)
class SentFile:
    """A file as the recipient gets it. `content_id`: empty where the file is attached, and not shown in the email."""

    filename: str
    media_type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """A message as its recipient gets it, read from what the provider is sent.

    Attributes:
        to: name and address of each recipient that it names.
        sender: name and address.
        reply_to: an address; empty where answers go to the sender.
        subject: as it stands.
        headers: those of the recipient, by name.
        text: the plain part.
        html: the HTML part.
        files: pictures and attachments, in the email's order.
        arguments: what the provider returns with its events.
        sandboxed: whether it reaches no recipient.
    """

    to: Sequence[tuple[str, str]]
    sender: tuple[str, str]
    reply_to: str
    subject: str
    headers: Mapping[str, str]
    text: str
    html: str
    files: Sequence[SentFile]
    arguments: Mapping[str, str]
    sandboxed: bool


@dataclass(frozen=True, kw_only=True)
class ProviderCase:
    """An email provider, and a server that speaks as it does.

    Attributes:
        name: the provider.
        secret: its key, which no error repeats.
        variables: its environment, for a server at a host and a port, by TLS or not.
        written: what goes to the provider of an email.
        read: the messages in that, in the order of the email's recipients.
        refusal: why the local cloud's stand-in would refuse something of what is written; empty where it takes it.
        take: reads an email's first message up to its end, and returns what `written` has of it; nothing where a mail
            server gets no end.
        take_a_part: reads the beginning of a message.
        saying: a server that takes one message after the other and says so many things about them in turn.
        message_id: of an email that is accepted.
        wait: what the provider asks for when it is throttled, in seconds; None where it cannot.
        cut_early: what it means that the connection breaks before a message is whole.
        one_request: whether one request has all of an email's messages, so that none is accepted without the others.
    """

    name: MailProviderName
    secret: str
    variables: Callable[[str, int, bool], Mapping[str, str]]
    written: Callable[[Mail, Sender], Sequence[bytes]]
    read: Callable[[Sequence[bytes]], Sequence[SentMessage]]
    refusal: Callable[[bytes], str]
    take: Callable[[socket.socket], bytes]
    take_a_part: Behaviour
    saying: Callable[[Sequence[Said]], Behaviour]
    message_id: str
    wait: int | None
    cut_early: type[Unavailable | Unclear]
    one_request: bool

    @property
    def parts(self) -> ProviderParts:
        """What the worker gets of it."""
        return parts_of(self.name)

    def chosen(self, port: int, *, host: str = "127.0.0.1", tls: bool = False, **mail: Any) -> ChosenProvider:
        """The provider as the worker chooses it, with a server of ours.

        Args:
            port: the server's.
            host: the server's.
            tls: whether to speak TLS to it.
            mail: settings for all emails.
        """
        fields = {"mail_from": "reports@example.com", "mail_from_name": "Reports", **mail}
        settings = MailSettings(mail_provider=self.name, **fields)
        return ChosenProvider.from_variables(settings, self.variables(host, port, tls))

    def send(
        self, mail: Mail, port: int, *, seconds: float = 10, host: str = "127.0.0.1", tls: bool = False
    ) -> Outcome:
        """Hand an email to a server of ours.

        Args:
            mail: what to send.
            port: the server's.
            seconds: after how long it must be over.
            host: the server's.
            tls: whether to speak TLS to it.
        """
        return self.chosen(port, host=host, tls=tls).mail_provider(now).send(mail, seconds=seconds)
