"""SendGrid as the mail provider."""

from functions.dispatcher.mail_statistics.sendgrid.settings import SendGridSettings
from functions.dispatcher.mail_statistics.sendgrid.statistics import SendGridStatistics
from functions.shared.settings import load_settings


def mail_statistics() -> SendGridStatistics | None:
    """SendGrid's statistics; None where the dispatcher has no key."""
    settings = load_settings(SendGridSettings)
    if not settings.sendgrid_api_key:
        return None
    return SendGridStatistics(api_key=settings.sendgrid_api_key, host=settings.sendgrid_host)
