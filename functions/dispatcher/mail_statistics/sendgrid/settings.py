"""SendGrid's own environment."""

from pydantic import Field
from pydantic_settings import BaseSettings

from functions.shared.settings import FROM_ENVIRONMENT, PrivateUrl, Secret


class SendGridSettings(BaseSettings):
    """Key and host of SendGrid's API."""

    model_config = FROM_ENVIRONMENT

    sendgrid_api_key: Secret | None = Field(default=None, repr=False)
    """A key that may read the statistics. Without one the breaker sees nothing."""
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"
