"""What the function knows of Resend."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from functions.shared.settings import CommaSeparated


class ResendSettings(BaseSettings):
    """By what Resend's calls are verified."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    resend_webhook_secret: CommaSeparated = Field(min_length=1, repr=False)
    """The webhook's secrets, which begin with `whsec_`: one, or two while a secret is replaced."""
