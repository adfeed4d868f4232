"""What the worker gets of Resend (email/provider.py)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from functions.shared.settings import MailSettings
from functions.worker.destinations.email.model import Mail, ProviderAbilities, Sender
from functions.worker.destinations.email.resend import request
from functions.worker.destinations.email.resend.api import KEYS_HOLD, Resend
from functions.worker.destinations.email.resend.settings import ResendSettings

ABILITIES = ProviderAbilities(
    keys_hold=KEYS_HOLD,
    # Its list of emails has neither tags nor a search by recipient.
    # https://resend.com/docs/api-reference/emails/list-emails
    has_records=False,
    has_events=True,
    # A scheduled email can be cancelled, and one with attachments cannot be scheduled.
    # https://resend.com/docs/dashboard/emails/attachments
    can_cancel=False,
    most_bytes=40_000_000,
    most_recipients=50,
    requests_a_second=5,
)
"""https://resend.com/docs/api-reference/emails/send-email, https://resend.com/docs/dashboard/emails/attachments,
https://resend.com/docs/api-reference/rate-limit"""


def problem(mail: MailSettings) -> str:
    """Resend keeps no list of those who unsubscribed from a kind of email."""
    if mail.mail_unsubscribe_group is None:
        return ""
    return "MAIL_UNSUBSCRIBE_GROUP: Resend has no such groups; with MAIL_PROVIDER=resend set PREFERENCES_URL"


def mail_provider(settings: ResendSettings, mail: MailSettings, now: Callable[[], datetime]) -> Resend:
    """Resend's API, with the key of the environment."""
    sender = Sender.from_settings(mail)
    return Resend(api_key=settings.resend_api_key, host=settings.resend_host, sender=sender, now=now)


def repeatable_sending(settings: ResendSettings, mail: MailSettings, now: Callable[[], datetime]) -> Resend:
    """The same: each of its requests has a key."""
    return mail_provider(settings, mail, now)


def delivery_lookup(_settings: ResendSettings, _now: Callable[[], datetime]) -> None:
    """Resend cannot be asked about an email whose id is not known."""


def to_request(mail: Mail, sender: Sender, _at: datetime) -> dict[str, Any]:
    """The request that sends an email to its first recipient."""
    return request.to_request(mail, sender, mail.recipients[0])
