"""What a function reads from its environment. A missing or malformed variable stops it at start, in one line."""

import sys
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from functions.shared.schedule import Cadence

_HTTP_URL = TypeAdapter(AnyHttpUrl)


def _http_url(value: str) -> str:
    try:
        return str(_HTTP_URL.validate_python(value)).rstrip("/")
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None


def _comma_separated(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_http_url)]
"""A URL, kept as a string without a slash at its end: OIDC audiences are compared to the letter."""

Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]

Secret = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[!-~]+$")]
"""A key for an HTTP header. Secret managers are often given one with the line break of the file that it came from."""

CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(_comma_separated)]


class OnUnknownOutcome(StrEnum):
    """What becomes of a delivery of which nobody knows whether SendGrid took it."""

    DEAD_LETTER = "dead-letter"
    RESEND = "resend"


class CommonSettings(BaseSettings):
    """What every function reads. Names of variables are the fields' names in capitals."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    google_cloud_project: str
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class IdentitySettings(BaseSettings):
    """Whose tokens are believed. The defaults are Google's; the local cloud brings its own keys and issuer."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    oidc_certs_url: str = "https://www.googleapis.com/oauth2/v3/certs"
    oidc_issuer: str = "https://accounts.google.com"


class DispatcherSettings(CommonSettings, IdentitySettings):
    """The dispatcher's environment."""

    location: str
    report_queues: CommaSeparated = Field(min_length=1)
    worker_url: Url
    dispatcher_url: Url
    tasks_invoker: Address
    scheduler_invoker: Address
    dead_letter_topic: str
    default_cadence: Cadence = Cadence.HOURLY
    dispatch_time_limit: float = Field(default=1500, gt=0, le=1740)
    """Seconds after which the dispatcher hands the rest of a run to itself: below the half hour that Cloud Scheduler
    and Cloud Tasks wait for an answer. https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs"""


class WorkerSettings(CommonSettings, IdentitySettings):
    """The worker's environment."""

    worker_url: Url
    tasks_invoker: Address
    dead_letter_topic: str
    max_attempts: int = Field(ge=1)
    default_cadence: Cadence = Cadence.HOURLY
    on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.DEAD_LETTER
    sendgrid_api_key: Secret = Field(repr=False)
    sendgrid_host: Url = "https://api.sendgrid.com"
    mail_from: Address
    mail_from_name: str = "Reports"


class DlqHandlerSettings(CommonSettings):
    """The DLQ handler's environment."""

    location: str
    slack_webhook_url: Url | None = Field(default=None, repr=False)
    alert_urls: CommaSeparated = Field(default=[], repr=False)


SettingsType = TypeVar("SettingsType", bound=BaseSettings)


def load_settings(settings_class: type[SettingsType]) -> SettingsType:
    """Read the settings from the environment.

    Raises:
        SystemExit: with one line that names each variable that is missing or malformed. Values are not repeated:
            some are secrets.
    """
    try:
        return settings_class()
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']).upper()}: "
            f"{'not set' if item['type'] == 'missing' else item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        sys.exit(f"Cannot start: {'; '.join(problems)} (environment variables; see docs/configuration.md)")
