"""Resend's own environment."""

from pydantic import Field

from functions.shared.settings import PrivateUrl, Secret, Settings


class ResendSettings(Settings):
    """Key and host of Resend's API. A key with the permission "Sending access" is enough."""

    resend_api_key: Secret = Field(repr=False)
    """A key of Resend (docs/guides/providers.md#resend); "Sending access" is enough."""
    resend_host: PrivateUrl = "https://api.resend.com"
    """Resend's API; `http://` for loopback addresses only."""
