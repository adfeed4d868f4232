"""SendGrid's own environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from functions.shared.settings import PrivateUrl, Secret


class SendGridSettings(BaseSettings):
    """Key and host of SendGrid's API."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    sendgrid_api_key: Secret | None = Field(default=None, repr=False)
    """A key that may read the statistics. Without one the breaker sees nothing."""
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"
