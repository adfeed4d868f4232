"""SendGrid's own environment."""

from pydantic import Field
from pydantic_settings import BaseSettings

from functions.shared.settings import FROM_ENVIRONMENT, PrivateUrl, Secret


class SendGridSettings(BaseSettings):
    """Key and host of SendGrid's API, and whether its records are asked."""

    model_config = FROM_ENVIRONMENT

    sendgrid_api_key: Secret = Field(repr=False)
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"
    sendgrid_logs: bool = True
    """Whether the worker asks SendGrid about mails of unknown outcome."""
