"""SendGrid as the email provider."""

from collections.abc import Mapping

from pydantic import Field

from functions.dispatcher.mail_statistics.all_accounts import AllAccounts
from functions.dispatcher.mail_statistics.sendgrid.statistics import SendGridStatistics
from functions.shared.settings import PrivateUrl, Secret, Settings, load_settings


class SendGridSettings(Settings):
    """Key and host of SendGrid's API."""

    sendgrid_api_key: Secret | None = Field(default=None, repr=False)
    """A key that may read the statistics. Without one the breaker sees nothing."""
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"


def mail_statistics(accounts: Mapping[str, str]) -> AllAccounts | None:
    """SendGrid's statistics; None where the dispatcher has no key.

    Args:
        accounts: the keys of the accounts beside the deployment's own, by name.
    """
    settings = load_settings(SendGridSettings)
    if not settings.sendgrid_api_key:
        return None
    keys = {"": settings.sendgrid_api_key, **accounts}
    return AllAccounts(
        {name: SendGridStatistics(api_key=key, host=settings.sendgrid_host) for name, key in keys.items()}
    )
