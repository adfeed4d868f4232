"""Mail: what is sent, from whom, and through whom. Pure; a provider has a folder of its own here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple, Protocol

from functions.shared.records.recipients import RecipientRole
from functions.shared.settings import MailSettings
from functions.worker.destinations.built_report import BuiltReport
from functions.worker.destinations.email.unsubscribe_link import IN_HTML, IN_TEXT, substitutions
from functions.worker.destinations.outcome import Outcome

CATEGORY = "report"
"""One that every email has."""


class MailRecipient(NamedTuple):
    """One address that gets the email, as a message of its own: no recipient's headers name another one.

    Attributes:
        address: an email address.
        name: shown beside the address; may be empty.
        role: why this address gets the email.
        headers: beside those that an email always has.
        unsubscribe_url: the recipient's own link; empty where the email has none, or the provider makes it.
    """

    address: str
    name: str = ""
    role: RecipientRole = RecipientRole.TO
    headers: Mapping[str, str] = {}
    unsubscribe_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Mail(BuiltReport):
    """One report, the same for all of its recipients but for the unsubscribe link: its texts have a tag in place of
    that (unsubscribe_link.py). The provider checks a sandbox email and does not deliver it.

    Attributes:
        recipients: one or more, no address twice.
        categories: what the provider groups its statistics by.
        arguments: the provider keeps them with the message and returns them with whatever it reports about it.
        without_link: makes its HTML and plain parts again, without the link to its copy; None where they have none.
    """

    recipients: Sequence[MailRecipient]
    categories: Sequence[str] = ()
    arguments: Mapping[str, str]
    without_link: Callable[[], tuple[str, str]] | None = field(default=None, compare=False, repr=False)

    def without_copy_link(self) -> "Mail":
        """The email without a link to its copy."""
        if self.without_link is None:
            return self
        html, text = self.without_link()
        return replace(self, html=html, text=text, without_link=None)

    def with_link(self, link: str) -> "Mail":
        """The email with an unsubscribe link in place of the tags, as a recipient sees it.

        Args:
            link: a recipient's; the tags stay where it is empty.
        """
        if not link:
            return self
        in_place = substitutions(link)
        return replace(
            self, text=self.text.replace(IN_TEXT, in_place[IN_TEXT]), html=self.html.replace(IN_HTML, in_place[IN_HTML])
        )


class Sender(NamedTuple):
    """From whom the emails are, and what the provider is to do with all of them.

    Attributes:
        address: one that the provider has verified.
        name: shown beside the address.
        reply_to: where answers go; empty: to the sender.
        unsubscribe_group: the provider's unsubscribe group that the emails belong to; None where the team keeps the
            list elsewhere, or keeps none.
        own_unsubscribe: whether the emails have an unsubscribe link of the team's own.
        sandbox: whether the provider is to check the emails and deliver none.
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


class MailProvider(Protocol):
    """A service that delivers email. Another provider is another class with this method, chosen in provider.py."""

    def send(self, mail: Mail, /, *, seconds: float) -> Outcome:
        """Hand over an email.

        Args:
            mail: what to send.
            seconds: after how long it must be over, whatever the outcome.
        """


class ProviderAbilities(NamedTuple):
    """What an email provider can do, and how much it takes. docs/guides/providers.md has the sources.

    Attributes:
        keys_hold: how long it knows an idempotency key; None where it has none.
        has_records: whether it can be asked about emails of unknown outcome.
        has_events: whether it reports what becomes of an email.
        can_cancel: whether an email that it accepted can be called back in time to matter.
        most_bytes: of one email, as the provider counts them.
        most_recipients: of one request.
        requests_a_second: what a new account may do; None where the provider names no limit.
    """

    keys_hold: timedelta | None
    has_records: bool
    has_events: bool
    can_cancel: bool
    most_bytes: int
    most_recipients: int
    requests_a_second: float | None
