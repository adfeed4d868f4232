"""Mail: what is sent, who takes it, and how that can go. Pure; SendGrid itself is in sendgrid_api.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class InlineImage:
    """A picture that the HTML part shows by `cid:`."""

    content_id: str
    content: bytes
    media_type: str = "image/png"


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One message to one recipient.

    Attributes:
        to_address: the recipient.
        to_name: shown beside the address; may be empty.
        subject: one line.
        text: the plain part.
        html: the HTML part.
        images: what the HTML part shows.
        headers: beside those that a mail always has.
        categories: what the provider's statistics are kept by.
        arguments: kept with the message by the provider, and handed back with whatever it reports about it.
        sandbox: to be checked by the provider, and delivered to nobody.
    """

    to_address: str
    to_name: str
    subject: str
    text: str
    html: str
    images: Sequence[InlineImage] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    categories: Sequence[str] = ()
    arguments: Mapping[str, str]
    sandbox: bool = False


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The provider has taken the mail. `message_id` is its name there, empty where it gave none."""

    message_id: str


@dataclass(frozen=True, kw_only=True)
class Unsubscribed:
    """The recipient has told the provider to get no more of these mails. Nothing was sent."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """This mail will not be taken, however often it is tried."""

    error: str


@dataclass(frozen=True, kw_only=True)
class NotAllowed:
    """No mail is taken from us: the key is wrong, or lacks a permission."""

    error: str


@dataclass(frozen=True, kw_only=True)
class Throttled:
    """Too much mail at once. The provider wants to be left alone for so many seconds, where it said so."""

    error: str
    retry_after_seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class Unavailable:
    """Not taken this time: the provider said so, or could not be reached."""

    error: str


@dataclass(frozen=True, kw_only=True)
class Unclear:
    """The request was on its way, and no answer came or one that does not say: the mail may go out, or not."""

    error: str


Outcome = Accepted | Unsubscribed | Refused | NotAllowed | Throttled | Unavailable | Unclear


class MailProvider(Protocol):
    """Who takes the mail. SendGrid here; another provider is another class with this method."""

    def send(self, mail: Mail, *, seconds: float) -> Outcome:
        """Hand over a mail.

        Args:
            mail: what to send.
            seconds: after how long it must be over, with whatever outcome.
        """
