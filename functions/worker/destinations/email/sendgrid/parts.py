"""What the worker gets of SendGrid (email/provider.py)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from functions.shared.settings import MailSettings
from functions.worker.destinations.email.model import Mail, ProviderAbilities, Sender
from functions.worker.destinations.email.sendgrid import request
from functions.worker.destinations.email.sendgrid.api import SendGrid
from functions.worker.destinations.email.sendgrid.logs import SendGridLogs
from functions.worker.destinations.email.sendgrid.settings import SendGridSettings

ABILITIES = ProviderAbilities(
    keys_hold=None,
    has_records=True,
    has_events=True,
    # At most 10 scheduled sends may be cancelled at a time, and not within 10 minutes of their time.
    # https://www.twilio.com/docs/sendgrid/for-developers/sending-email/stopping-a-scheduled-send
    can_cancel=False,
    most_bytes=30_000_000,
    most_recipients=1000,
    requests_a_second=None,
)
"""https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations"""


def problem(_mail: MailSettings) -> str:
    """SendGrid does all of it."""
    return ""


def mail_provider(settings: SendGridSettings, mail: MailSettings, now: Callable[[], datetime]) -> SendGrid:
    """SendGrid's mail send, with the key of the environment."""
    return SendGrid(
        api_key=settings.sendgrid_api_key,
        host=settings.sendgrid_host,
        sender=Sender.from_settings(mail),
        check_unsubscribed=mail.mail_check_unsubscribed,
        now=now,
    )


def repeatable_sending(_settings: SendGridSettings, _mail: MailSettings, _now: Callable[[], datetime]) -> None:
    """SendGrid has no idempotency keys."""


def delivery_lookup(settings: SendGridSettings, now: Callable[[], datetime]) -> SendGridLogs | None:
    """SendGrid's Email Logs, unless the team does not want them asked."""
    if not settings.sendgrid_logs:
        return None
    return SendGridLogs(api_key=settings.sendgrid_api_key, host=settings.sendgrid_host, now=now)


def to_request(mail: Mail, sender: Sender, _at: datetime) -> dict[str, Any]:
    """The request that sends an email to its recipients."""
    return request.to_request(mail, sender)
