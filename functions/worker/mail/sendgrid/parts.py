"""What the worker gets of SendGrid (mail/provider.py)."""

from functions.shared.settings import MailProviderSettings
from functions.worker.mail.model import Sender
from functions.worker.mail.sendgrid.api import SendGrid
from functions.worker.mail.sendgrid.logs import SendGridLogs
from functions.worker.mail.sendgrid.request import to_request
from functions.worker.mail.sendgrid.tags import inert as make_tags_inert

__all__ = ["delivery_lookup", "mail_provider", "make_tags_inert", "to_request"]


def mail_provider(settings: MailProviderSettings) -> SendGrid:
    """SendGrid's mail send, with the key of the environment."""
    return SendGrid(
        api_key=settings.sendgrid_api_key,
        host=settings.sendgrid_host,
        sender=Sender.from_settings(settings),
        check_unsubscribed=settings.mail_check_unsubscribed,
    )


def delivery_lookup(settings: MailProviderSettings) -> SendGridLogs | None:
    """SendGrid's Email Logs, unless the team does not want them asked."""
    if not settings.sendgrid_logs:
        return None
    return SendGridLogs(api_key=settings.sendgrid_api_key, host=settings.sendgrid_host)
