"""What the function knows of Resend."""

from pydantic import Field
from pydantic_settings import BaseSettings

from functions.shared.settings import FROM_ENVIRONMENT, CommaSeparated


class ResendSettings(BaseSettings):
    """By what Resend's calls are verified."""

    model_config = FROM_ENVIRONMENT

    resend_webhook_secret: CommaSeparated = Field(min_length=1, repr=False)
    """The webhook's secrets, which begin with `whsec_`: one, or two while a secret is replaced."""
