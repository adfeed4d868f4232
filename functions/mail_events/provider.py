"""The email provider of this deployment: the one place of this function that chooses it."""

from typing import Any, Protocol

from functions.mail_events.received_events import InvalidKey, ReceivedEvents
from functions.mail_events.signatures import Signatures
from functions.shared.settings import MailProviderName, Settings, cannot_start


class ProviderParts(Protocol):
    """What a provider's folder has in its module `parts`."""

    PATH: str
    """Where its calls go."""

    KEYS: str
    """The name of the setting that has the keys."""

    @property
    def settings_class(self) -> type[Settings]:
        """By what its calls are verified."""

    def signatures(self, keys: list[str], /) -> Signatures[Any]:
        """Make what verifies its calls.

        Raises:
            InvalidKey: one of the keys is none.
        """

    def read_events(self, body: bytes, /) -> ReceivedEvents:
        """Read a call's body.

        Raises:
            InvalidBody: it is not what the provider sends.
        """


def parts_of(name: MailProviderName) -> ProviderParts | None:
    """A provider's parts; None where it reports nothing about its emails. The others are not imported."""
    match name:
        case MailProviderName.SENDGRID:
            from functions.mail_events.sendgrid import parts as sendgrid

            return sendgrid
        case MailProviderName.RESEND:
            from functions.mail_events.resend import parts as resend

            return resend
        case _:
            return None


def signatures_of(parts: ProviderParts, settings: Settings) -> Signatures[Any]:
    """What verifies a provider's calls.

    Args:
        parts: the provider's.
        settings: of its `settings_class`.

    Raises:
        SystemExit: with one line, if a key is none.
    """
    try:
        return parts.signatures(getattr(settings, parts.KEYS))
    except InvalidKey as error:
        cannot_start(f"{parts.KEYS.upper()}: {error}")
