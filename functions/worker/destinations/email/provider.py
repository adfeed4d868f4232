"""The email provider of this deployment: the one place that chooses it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from pydantic import ValidationError

from functions.shared import named_brand
from functions.shared.named_brand import BRANDS_FILE
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

KEYS = {
    MailProviderName.SENDGRID: "sendgrid_api_key",
    MailProviderName.RESEND: "resend_api_key",
    MailProviderName.SMTP: "smtp_url",
}
"""Which of it an account of a brand's own replaces."""


class ProviderParts(Protocol):
    """What a provider's folder has in its module `parts`. One choice brings all of it, so that no provider is asked
    about an email that another one took.
    """

    ABILITIES: ProviderAbilities
    """What it can do."""

    def problem(self, mail: MailSettings, /) -> str:
        """What this provider cannot do of the settings for all emails, and what to do about it; empty where nothing."""

    def mail_provider(self, settings: Any, mail: MailSettings, now: Callable[[], datetime], /) -> MailProvider:
        """Make the provider.

        Args:
            settings: of its class in PROVIDER_SETTINGS.
            mail: what is the same for every email.
            now: the present, in UTC.
        """

    def repeatable_sending(
        self, settings: Any, mail: MailSettings, now: Callable[[], datetime], /
    ) -> RepeatableSending | None:
        """Make the provider as one with idempotency keys; None where it has none."""

    def delivery_lookup(self, settings: Any, now: Callable[[], datetime], /) -> DeliveryLookup | None:
        """Make the provider's lookup of emails of unknown outcome; None where it has none, or is not to be asked."""

    def to_request(self, mail: Mail, sender: Sender, at: datetime, /) -> Any:
        """The request, as JSON, that sends an email to its first recipient at a moment: a preview shows it."""


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
        mail: what is the same for every email.
        account: of MAIL_ACCOUNTS, by name; empty: the deployment's own.
    """

    parts: ProviderParts
    settings: Settings
    mail: MailSettings
    account: str = ""

    @classmethod
    def from_variables(cls, mail: MailSettings, variables: Mapping[str, str | None]) -> Self:
        """Choose by MAIL_PROVIDER.

        Args:
            mail: what is the same for every email.
            variables: the provider's, by name.

        Raises:
            pydantic.ValidationError: one of them is missing or malformed.
        """
        parts = parts_of(mail.mail_provider)
        given: dict[str, Any] = {name.lower(): value for name, value in variables.items() if value}
        return cls(parts=parts, settings=PROVIDER_SETTINGS[mail.mail_provider](**given), mail=mail)

    def of_brand(self, name: str) -> "ChosenProvider":
        """The provider as it sends the emails of a brand: from the brand's sender, by the brand's account.

        Args:
            name: in `brands.yaml`; empty: the deployment's own.

        Raises:
            ValueError: MAIL_ACCOUNTS has no key of its account, or one that is none. The message has no key in it.
        """
        if not name:
            return self
        brand, settings = self.mail.brands[name], self.settings
        if brand.account:
            key = self.mail.mail_accounts.get(brand.account)
            if key is None:
                raise ValueError(f"MAIL_ACCOUNTS has no account {brand.account}")
            try:
                settings = type(settings)(**{**settings.model_dump(), KEYS[self.mail.mail_provider]: key})
            except ValidationError as error:
                why = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f"MAIL_ACCOUNTS: {brand.account}: {why}") from None
        return self._replace(settings=settings, mail=brand.within(self.mail), account=brand.account)

    @property
    def id(self) -> str:
        """The provider and the account, as a delivery keeps it: who is asked about its email later."""
        return "/".join(filter(None, (self.mail.mail_provider.value, self.account)))

    def problems(self) -> Iterator[str]:
        """What is wrong with the settings, those of each brand too."""
        mail = self.mail
        if problem := self.parts.problem(mail):
            yield problem
        yield from named_brand.problems(
            mail.brands,
            in_group=mail.mail_unsubscribe_group is not None,
            has_page=mail.preferences_url is not None,
            is_ascii=mail.mail_provider is MailProviderName.SMTP,
        )
        for name in mail.brands:
            try:
                self.of_brand(name)
            except ValueError as error:
                yield f"{BRANDS_FILE}: {name}: {error}"

    def mail_provider(self, now: Callable[[], datetime]) -> MailProvider:
        """The provider."""
        return self.parts.mail_provider(self.settings, self.mail, now)

    def repeatable_sending(self, now: Callable[[], datetime]) -> RepeatableSending | None:
        """The provider as one with idempotency keys; None where it has none."""
        return self.parts.repeatable_sending(self.settings, self.mail, now)

    def delivery_lookup(self, now: Callable[[], datetime]) -> DeliveryLookup | None:
        """The provider's lookup of emails of unknown outcome; None where there is none."""
        return self.parts.delivery_lookup(self.settings, now)


def load_with_provider(settings_class: type[MailSettingsType]) -> tuple[MailSettingsType, ChosenProvider]:
    """Read the settings of a process that sends email, and those of the provider that MAIL_PROVIDER names.

    Args:
        settings_class: the process's own.

    Raises:
        SystemExit: a variable is missing, malformed, or nothing that the provider can do; a line says so.
    """
    name = load_settings(MailProviderChoice).mail_provider
    parts = parts_of(name)
    settings, own = load_both(settings_class, PROVIDER_SETTINGS[name])
    provider = ChosenProvider(parts=parts, settings=own, mail=settings)
    if problem := "; ".join(provider.problems()):
        cannot_start(problem)
    return settings, provider


def make_tags_inert(text: str) -> str:
    """Keep a provider from replacing tags, the email's or its own, in text that a user or an application wrote.

    The tags of every provider, whichever is chosen: an email is the same for all of them.
    """
    return tags.inert(unsubscribe_link.inert(text))
