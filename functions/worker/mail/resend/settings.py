"""Resend's own environment."""

from pydantic import Field
from pydantic_settings import BaseSettings

from functions.shared.settings import FROM_ENVIRONMENT, PrivateUrl, Secret


class ResendSettings(BaseSettings):
    """Key and host of Resend's API. A key with the permission "Sending access" is enough."""

    model_config = FROM_ENVIRONMENT

    resend_api_key: Secret = Field(repr=False)
    resend_host: PrivateUrl = "https://api.resend.com"
