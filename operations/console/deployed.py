"""The console on Cloud Run, behind Identity-Aware Proxy: `python -m operations.console.deployed`.

docs/guides/console.md says who may open it.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

import uvicorn
from pydantic import AfterValidator, BeforeValidator, Field
from starlette.applications import Starlette

from functions.shared.logging import configure_logging
from functions.shared.serving.server import IDLE_SECONDS
from functions.shared.settings import Secret, Settings, load_settings
from operations.console.application import make_application
from operations.console.iap import KEYS_URL, IapAccess
from operations.errors import NotConfigured
from operations.session import Session

_ANY_ADDRESS = "0.0.0.0"
_AUDIENCE = re.compile(r"/projects/[0-9]+/locations/[a-z0-9-]+/services/[a-z0-9-]+")
_SECONDS_TO_END = 5
"""For requests that go on when the instance ends. Cloud Run waits ten: https://cloud.google.com/run/docs/container-contract#instance-shutdown"""


def _addresses(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or value != f"https://{parts.netloc}":
        raise ValueError("must be https:// and a name, and nothing else")
    return value


def _audience(value: str) -> str:
    if not _AUDIENCE.fullmatch(value):
        raise ValueError("must be /projects/NUMBER/locations/REGION/services/SERVICE")
    return value


class ConsoleSettings(Settings):
    """The environment of the deployed console. GOOGLE_CLOUD_PROJECT, LOCATION, PREFIX and FIRESTORE_DATABASE say what
    it works on; they are read as by each command."""

    port: int = Field(default=8080, ge=1, le=65535)
    """Where it listens; Cloud Run sets it."""
    console_url: Annotated[str, AfterValidator(_origin)]
    """Its address, `https://` and a name: it refuses every other `Host` or `Origin`."""
    console_audience: Annotated[str, AfterValidator(_audience)]
    """The audience of Identity-Aware Proxy's assertions: `/projects/NUMBER/locations/REGION/services/SERVICE`."""
    console_operators: Annotated[list[str], BeforeValidator(_addresses)] = Field(default_factory=list)
    """The addresses of those who may act, separated by commas."""
    console_key: Secret = Field(min_length=16, repr=False)
    """A secret for the tokens of its forms, 16 characters or more."""
    iap_keys_url: str = KEYS_URL
    """The address of Identity-Aware Proxy's JSON web key set (ES256)."""
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""


def make_deployed(settings: ConsoleSettings) -> Starlette:
    """Make the console as it is deployed.

    Raises:
        NotConfigured: there is nothing to connect to.
    """
    access = IapAccess(
        audience=settings.console_audience, operators=settings.console_operators, keys_url=settings.iap_keys_url
    )
    return make_application(
        Session(None),
        access,
        hosts=[urlsplit(settings.console_url).netloc],
        schemes=("https",),
        form_key=settings.console_key.encode(),
    )


def main() -> None:
    """Serve until Cloud Run ends the instance."""
    settings = load_settings(ConsoleSettings)
    configure_logging("console", settings.log_level)
    try:
        application = make_deployed(settings)
    except NotConfigured as error:
        raise SystemExit(str(error)) from None
    uvicorn.run(
        application,
        host=_ANY_ADDRESS,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # What it says about the caller is of no use: IAP is the caller.
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )


if __name__ == "__main__":
    main()
