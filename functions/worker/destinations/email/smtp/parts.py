"""What the worker gets of SMTP (email/provider.py)."""

from collections.abc import Callable
from datetime import datetime

from functions.shared.settings import MailSettings
from functions.worker.destinations.email.model import Mail, ProviderAbilities, Sender
from functions.worker.destinations.email.smtp.api import Smtp
from functions.worker.destinations.email.smtp.message import to_messages
from functions.worker.destinations.email.smtp.settings import SmtpSettings

ABILITIES = ProviderAbilities(
    keys_hold=None,
    has_records=False,
    has_events=False,
    can_cancel=False,
    # What the largest email of the worker needs. How much a server takes it says itself before each email, by SIZE
    # (https://www.rfc-editor.org/rfc/rfc1870): session.py refuses an email that is larger.
    most_bytes=30_000_000,
    # Each recipient's message has a transaction of its own.
    most_recipients=1,
    requests_a_second=None,
)


def problem(mail: MailSettings) -> str:
    """A mail server keeps no list of those who unsubscribed. And few take letters beyond ASCII before the @."""
    if mail.mail_unsubscribe_group is not None:
        return "MAIL_UNSUBSCRIBE_GROUP: a mail server has no such groups; with MAIL_PROVIDER=smtp set PREFERENCES_URL"
    for name, address in (("MAIL_FROM", mail.mail_from), ("MAIL_REPLY_TO", mail.mail_reply_to or "")):
        if not address.rpartition("@")[0].isascii():
            return f"{name}: must be ASCII before its @ with MAIL_PROVIDER=smtp, since few mail servers take others"
    return ""


def mail_provider(settings: SmtpSettings, mail: MailSettings, now: Callable[[], datetime]) -> Smtp:
    """The mail server of the environment."""
    return Smtp(server=settings.server, sender=Sender.from_settings(mail), now=now)


def repeatable_sending(_settings: SmtpSettings, _mail: MailSettings, _now: Callable[[], datetime]) -> None:
    """SMTP has no idempotency keys."""


def delivery_lookup(_settings: SmtpSettings, _now: Callable[[], datetime]) -> None:
    """A mail server cannot be asked about an email that it took."""


def to_request(mail: Mail, sender: Sender, at: datetime) -> dict[str, str]:
    """The request that sends an email to its first recipient."""
    message = to_messages(mail, sender, at=at)[0]
    return {
        "MAIL FROM": message.sender,
        "RCPT TO": message.recipient,
        "DATA": message.content.decode().replace("\r\n", "\n"),
    }
