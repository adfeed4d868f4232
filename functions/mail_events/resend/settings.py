"""What the function knows of Resend."""

from pydantic import Field

from functions.shared.settings import CommaSeparated, Settings


class ResendSettings(Settings):
    """By what Resend's calls are verified."""

    resend_webhook_secret: CommaSeparated = Field(min_length=1, repr=False)
    """The webhook's secrets, which begin with `whsec_`: one, or two while a secret is replaced."""
