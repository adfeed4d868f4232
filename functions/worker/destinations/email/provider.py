"""The mail provider of this deployment: the one place that chooses it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from functions.shared.settings import (
    MailProviderChoice,
    MailProviderName,
    MailSettings,
    Settings,
    cannot_start,
    load_both,
    load_settings,
)
from functions.worker.destinations.email import unsubscribe_link
from functions.worker.destinations.email.delivery_lookup import DeliveryLookup
from functions.worker.destinations.email.model import Mail, MailProvider, ProviderAbilities, Sender
from functions.worker.destinations.email.resend.settings import ResendSettings
from functions.worker.destinations.email.sendgrid import tags
from functions.worker.destinations.email.sendgrid.settings import SendGridSettings
from functions.worker.destinations.email.smtp.settings import SmtpSettings
from functions.worker.destinations.repeatable_sending import RepeatableSending

MailSettingsType = TypeVar("MailSettingsType", bound=MailSettings)


PROVIDER_SETTINGS: Mapping[MailProviderName, type[Settings]] = {
    MailProviderName.SENDGRID: SendGridSettings,
    MailProviderName.RESEND: ResendSettings,
    MailProviderName.SMTP: SmtpSettings,
}
"""What each provider reads from the environment."""


class ProviderParts(Protocol):
    """What a provider's folder has in its module `parts`. One choice brings all of it, so that no provider is asked
    about a mail that another one took.
    """

    ABILITIES: ProviderAbilities
    """What it can do."""

    def problem(self, mail: MailSettings, /) -> str:
        """What this provider cannot do of the settings for all mails, and what to do about it; empty where nothing."""

    def mail_provider(self, settings: Any, mail: MailSettings, /) -> MailProvider:
        """Make the provider.

        Args:
            settings: of its class in PROVIDER_SETTINGS.
            mail: what is the same for every mail.
        """

    def repeatable_sending(self, settings: Any, mail: MailSettings, /) -> RepeatableSending | None:
        """Make the provider as one with idempotency keys; None where it has none."""

    def delivery_lookup(self, settings: Any, /) -> DeliveryLookup | None:
        """Make the provider's lookup of mails of unknown outcome; None where it has none, or is not to be asked."""

    def to_request(self, mail: Mail, sender: Sender, /) -> Any:
        """What sends a mail to its first recipient, as JSON has it: what a preview shows."""


def parts_of(name: MailProviderName) -> ProviderParts:
    """A provider's parts. The others are not imported: a function has no package that it does not use."""
    match name:
        case MailProviderName.SENDGRID:
            from functions.worker.destinations.email.sendgrid import parts as sendgrid

            return sendgrid
        case MailProviderName.RESEND:
            from functions.worker.destinations.email.resend import parts as resend

            return resend
        case MailProviderName.SMTP:
            from functions.worker.destinations.email.smtp import parts as smtp

            return smtp


class ChosenProvider(NamedTuple):
    """The provider of this deployment, and what the environment says about it.

    Attributes:
        parts: of its folder.
        settings: its own.
        mail: what is the same for every mail.
    """

    parts: ProviderParts
    settings: Settings
    mail: MailSettings

    @classmethod
    def from_variables(cls, mail: MailSettings, variables: Mapping[str, str | None]) -> Self:
        """Choose by MAIL_PROVIDER.

        Args:
            mail: what is the same for every mail.
            variables: the provider's, by name.

        Raises:
            pydantic.ValidationError: one of them is missing or malformed.
        """
        parts = parts_of(mail.mail_provider)
        given: dict[str, Any] = {name.lower(): value for name, value in variables.items() if value}
        return cls(parts=parts, settings=PROVIDER_SETTINGS[mail.mail_provider](**given), mail=mail)

    def mail_provider(self) -> MailProvider:
        """The provider."""
        return self.parts.mail_provider(self.settings, self.mail)

    def repeatable_sending(self) -> RepeatableSending | None:
        """The provider as one with idempotency keys; None where it has none."""
        return self.parts.repeatable_sending(self.settings, self.mail)

    def delivery_lookup(self) -> DeliveryLookup | None:
        """The provider's lookup of mails of unknown outcome; None where there is none."""
        return self.parts.delivery_lookup(self.settings)


def load_with_provider(settings_class: type[MailSettingsType]) -> tuple[MailSettingsType, ChosenProvider]:
    """Read the settings of a process that sends mail, and those of the provider that MAIL_PROVIDER names.

    Args:
        settings_class: the process's own.

    Raises:
        SystemExit: a variable is missing, malformed, or nothing that the provider can do; a line says so.
    """
    name = load_settings(MailProviderChoice).mail_provider
    parts = parts_of(name)
    settings, own = load_both(settings_class, PROVIDER_SETTINGS[name])
    if problem := parts.problem(settings):
        cannot_start(problem)
    return settings, ChosenProvider(parts=parts, settings=own, mail=settings)


def make_tags_inert(text: str) -> str:
    """Keep a provider from replacing tags, the mail's or its own, in text that a user or an application wrote.

    The tags of every provider, whichever is chosen: a mail is the same for all of them.
    """
    return tags.inert(unsubscribe_link.inert(text))
