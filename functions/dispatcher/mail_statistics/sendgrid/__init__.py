"""SendGrid as the mail provider."""

from pydantic import Field

from functions.dispatcher.mail_statistics.sendgrid.statistics import SendGridStatistics
from functions.shared.settings import PrivateUrl, Secret, Settings, load_settings


class SendGridSettings(Settings):
    """Key and host of SendGrid's API."""

    sendgrid_api_key: Secret | None = Field(default=None, repr=False)
    """A key that may read the statistics. Without one the breaker sees nothing."""
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"


def mail_statistics() -> SendGridStatistics | None:
    """SendGrid's statistics; None where the dispatcher has no key."""
    settings = load_settings(SendGridSettings)
    if not settings.sendgrid_api_key:
        return None
    return SendGridStatistics(api_key=settings.sendgrid_api_key, host=settings.sendgrid_host)
