"""The mail provider of this deployment: the one place of this function that chooses it."""

from datetime import datetime
from typing import Any, Protocol

from functions.mail_events.received_events import ReceivedEvents
from functions.shared.identity import Headers
from functions.shared.settings import MailProviderName, Settings


class Signatures(Protocol):
    """Verifies calls."""

    def verify(self, headers: Headers, body: bytes, *, now: datetime) -> None:
        """Return if a call is the provider's.

        Args:
            headers: the request's.
            body: the raw body.
            now: the present, in UTC.

        Raises:
            InvalidSignature: it is not, or is too old to tell.
        """


class ProviderParts(Protocol):
    """What a provider's folder has in its module `parts`."""

    @property
    def PATH(self) -> str:  # noqa: N802  a constant of the module
        """Where its calls go."""

    @property
    def settings_class(self) -> type[Settings]:
        """By what its calls are verified."""

    def signatures(self, settings: Any, /) -> Signatures:
        """Make what verifies its calls.

        Args:
            settings: of its `settings_class`.

        Raises:
            SystemExit: with one line, if a key is none.
        """

    def read_events(self, body: bytes, /) -> ReceivedEvents:
        """Read a call's body.

        Raises:
            InvalidBody: it is not what the provider sends.
        """


def parts_of(name: MailProviderName) -> ProviderParts | None:
    """A provider's parts; None where it reports nothing about its mails. The others are not imported."""
    match name:
        case MailProviderName.SENDGRID:
            from functions.mail_events.sendgrid import parts as sendgrid

            return sendgrid
        case MailProviderName.RESEND:
            from functions.mail_events.resend import parts as resend

            return resend
        case _:
            return None
