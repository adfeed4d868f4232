"""SendGrid's own environment."""

from pydantic import Field

from functions.shared.settings import PrivateUrl, Secret, Settings


class SendGridSettings(Settings):
    """Key and host of SendGrid's API."""

    sendgrid_api_key: Secret | None = Field(default=None, repr=False)
    """A key that may read the statistics. Without one the breaker sees nothing."""
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"
