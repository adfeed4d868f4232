"""SendGrid's own environment."""

from pydantic import Field

from functions.shared.settings import PrivateUrl, Secret, Settings


class SendGridSettings(Settings):
    """Key and host of SendGrid's API, and whether its records are asked."""

    sendgrid_api_key: Secret = Field(repr=False)
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"
    sendgrid_logs: bool = True
    """Whether the worker asks SendGrid about mails of unknown outcome."""
