"""The settings that a function reads from its environment. If a variable is missing or malformed, the function does not
start and says why in one line."""

import json
import os
import re
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from functions.shared.appearance import hex_color, https_url
from functions.shared.queues.ramp import DEFAULT_FIRST_DAY, DEFAULT_GROWTH, GROWTHS, MOST_FIRST_DAY, Ramp
from functions.shared.records.contract import UtcDatetime
from functions.shared.records.ids import DATABASE_PATTERN, DEFAULT_DATABASE, KIND_PATTERN, SHARDS
from functions.shared.records.states import Enroll
from functions.shared.times.schedule import Cadence

SECOND_DATABASE = "PIPELINE_DATABASE"
"""Named a database for the pipeline's own collections when it could be another than that of the users. Where it is
still set, the pipeline would not find its documents, and could send reports twice."""

ONE_DATABASE = (
    "no longer a setting, since the pipeline has one database, FIRESTORE_DATABASE. "
    "docs/guides/environments.md#back-to-one-database says how to bring its documents there"
)

_HTTP_URL = TypeAdapter(AnyHttpUrl)
_BETWEEN_URLS = re.compile(r"[,\s]*\s[,\s]*|,+(?=[A-Za-z][A-Za-z0-9+.-]*://)|^,+|,+$")


def _http_url(value: str) -> str:
    try:
        return str(_HTTP_URL.validate_python(value)).rstrip("/")
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None


def _private_url(value: str) -> str:
    url = _http_url(value)
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_this_machine(parts.hostname or ""):
        raise ValueError("must begin with https://: a key goes there. http:// is for localhost only")
    return url


def is_this_machine(host: str) -> bool:
    """Whether a host of a URL is the machine that the process runs on."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _comma_separated(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _urls(value: Any) -> Any:
    return [part for part in _BETWEEN_URLS.split(value) if part] if isinstance(value, str) else value


def _from_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _or_off(value: Any) -> Any:
    return 0 if value == "off" else value


def _default_cadence(value: Cadence) -> Cadence:
    if value is Cadence.CRON:
        raise ValueError("must be another than cron, which needs a line for each subscription")
    return value


def _past(value: datetime) -> datetime:
    if value > datetime.now(UTC):
        raise ValueError("must not be in the future: no report that is due before it is sent without a doubt")
    return value


def _unsubscribe_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or not value.isascii() or any(c in value for c in ' <>"\r\n'):
        raise ValueError("must be an https URL: mailbox providers call no other (RFC 8058)")
    if "{user_id}" not in value or "{token}" not in value:
        raise ValueError("must have {user_id} and {token} in it: without the token anybody could unsubscribe anybody")
    return value


def _page_url(value: str) -> str:
    url = _http_url(value)
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_this_machine(parts.hostname or ""):
        raise ValueError("must begin with https://: mailbox providers call no other (RFC 8058)")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must be an address without anything behind its path: a token goes there")
    return url


Url = Annotated[str, AfterValidator(_http_url)]
"""A URL, kept as a string without a slash at its end: OIDC audiences are compared to the letter."""

PrivateUrl = Annotated[str, AfterValidator(_private_url)]
"""A Url to which a key is sent: https, or this machine."""

Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]

Secret = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[!-~]+$")]
"""A key for an HTTP header. Secret managers are often given one with the line break of the file that it came from."""

PageUrl = Annotated[str, AfterValidator(_page_url)]
"""Where a page is: https, or this machine; without a slash at its end."""

TokenKeys = Annotated[
    list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=32, pattern=r"^[!-~]+$")]],
    BeforeValidator(_comma_separated),
]
"""Keys of a recipient's links, the newest first, separated by commas."""

DefaultCadence = Annotated[Cadence, AfterValidator(_default_cadence)]

HttpsUrl = Annotated[str, AfterValidator(https_url)]
"""What a mail shows or links to."""

HexColor = Annotated[str, AfterValidator(hex_color)]

CommaSeparated = Annotated[list[str], BeforeValidator(_comma_separated)]

Urls = Annotated[list[str], BeforeValidator(_urls)]
"""Separated by commas or white space. A comma within a URL, such as between several recipients, is not a separator."""


Domains = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[^@\s*.]+(\.[^@\s*.]+)+$")]], BeforeValidator(_comma_separated)
]
"""Domains of addresses, such as example.com, separated by commas."""

FirestoreDatabase = Annotated[str, Field(pattern=DATABASE_PATTERN)]
"""The id of a Firestore database."""

Kind = Annotated[str, Field(pattern=KIND_PATTERN)]
"""The name of a kind of report."""

RestoredAt = Annotated[UtcDatetime, AfterValidator(_past)]
"""When Firestore was restored."""


Percent = Annotated[Decimal, BeforeValidator(_or_off), Field(ge=0, le=100)]
"""A limit in percent; 0 and `off`: no limit."""


class OnUnknownOutcome(StrEnum):
    """What the pipeline does with a delivery of unknown outcome."""

    DEAD_LETTER = "dead-letter"
    RESEND = "resend"


class MailProviderName(StrEnum):
    """Through whom the mails go. Each has a folder of this name in every function that speaks to it."""

    SENDGRID = "sendgrid"
    RESEND = "resend"
    SMTP = "smtp"


class Settings(BaseModel):
    """What a process reads from its environment. A variable has the name of its field, in capitals."""

    # What checks a class is built when the class is first read: a function reads one or two of all these.
    model_config = ConfigDict(extra="ignore", defer_build=True)

    @classmethod
    def from_environment(cls) -> Self:
        """Read the variables. One that is empty counts as not set.

        Raises:
            pydantic.ValidationError: one is missing or malformed.
        """
        variables = {name: os.environ.get(name.upper()) for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in variables.items() if value})


class MailProviderChoice(Settings):
    """Through whom the mails go."""

    mail_provider: MailProviderName = MailProviderName.SENDGRID


class CommonSettings(Settings):
    """The settings of every function."""

    google_cloud_project: str
    firestore_database: FirestoreDatabase = DEFAULT_DATABASE
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class IdentitySettings(Settings):
    """The issuer whose tokens the function accepts. The defaults are Google's; the local cloud has its own keys and
    issuer."""

    oidc_certs_url: str = "https://www.googleapis.com/oauth2/v3/certs"
    oidc_issuer: str = "https://accounts.google.com"


class SubscriptionSettings(Settings):
    """The defaults of a subscription's fields, the same for all that read the document."""

    default_cadence: DefaultCadence = Cadence.HOURLY
    default_kind: Kind


class EnrollmentSettings(Settings):
    """Whom the dispatcher enrolls. A first deployment must say it (deployment/enrollment.py)."""

    enroll: Enroll = Enroll.ALL
    enroll_at_once: int = Field(default=500, ge=1)
    """How many new users a run enrolls at most. More than that are hardly sign-ups, and none of them is enrolled before
    a person raises it: a collection that was there before, or ENROLL was widened."""


class RestoreSettings(Settings):
    """What the functions must know of a restore of Firestore (functions.shared.records.delivery)."""

    restored_at: RestoredAt | None = None
    """A time by which the pipeline before the restore had sent its last mail; None: Firestore was not restored."""


class RampSettings(Settings):
    """The ramp of a new domain, and what it takes to compute it."""

    report_queues: CommaSeparated = Field(min_length=1)
    ramp_start: date | None = None
    """The first day of the ramp, in UTC; None: there is none."""
    ramp_first_day: int = Field(default=DEFAULT_FIRST_DAY, ge=1, le=MOST_FIRST_DAY)
    ramp_growth: float = Field(default=DEFAULT_GROWTH, ge=GROWTHS[0], le=GROWTHS[1])
    queue_rate: float | None = Field(default=None, gt=0, le=500)
    """The rate of each report queue after the ramp, as queue.yaml has it."""

    @model_validator(mode="after")
    def _full_rate(self) -> Self:
        if self.ramp_start is not None and self.queue_rate is None:
            raise ValueError("QUEUE_RATE: not set, and RAMP_START needs it to know where the ramp ends")
        return self

    @property
    def ramp(self) -> Ramp | None:
        """The ramp, where there is one."""
        if self.ramp_start is None or self.queue_rate is None:
            return None
        return Ramp(
            start=self.ramp_start,
            first_day=self.ramp_first_day,
            growth=self.ramp_growth,
            full_rate=self.queue_rate,
            queues=len(self.report_queues),
        )


class BreakerSettings(Settings):
    """When complaints and bounces alert people, and when they stop the runs. docs/guides/deliverability.md has the
    sources of the limits."""

    complaint_alert_percent: Percent = Decimal("0.1")
    complaint_stop_percent: Percent = Decimal("0.3")
    bounce_alert_percent: Percent = Decimal(2)
    bounce_stop_percent: Percent = Decimal(5)
    breaker_least_mails: int = Field(default=1000, ge=1)
    """How many mails there must be in the last days before a percentage counts."""

    @model_validator(mode="after")
    def _alerts_first(self) -> Self:
        for name in ("complaint", "bounce"):
            alert, stop = getattr(self, f"{name}_alert_percent"), getattr(self, f"{name}_stop_percent")
            if stop and alert > stop:
                variables = f"{name.upper()}_ALERT_PERCENT, {name.upper()}_STOP_PERCENT"
                raise ValueError(f"{variables}: the alert must come before the stop, or with it")
        return self


class DispatcherSettings(
    CommonSettings,
    IdentitySettings,
    SubscriptionSettings,
    EnrollmentSettings,
    RestoreSettings,
    RampSettings,
    BreakerSettings,
    MailProviderChoice,
):
    """The dispatcher's environment."""

    location: str
    continuation_queue: str | None = None
    """The queue by which the dispatcher hands the rest of a run to itself. It is a queue of its own, so that the rest
    does not wait behind the reports. Default: the first report queue."""
    worker_url: Url
    dispatcher_url: Url
    tasks_invoker: Address
    scheduler_invoker: Address
    dead_letter_topic: str
    dispatch_time_limit: float = Field(default=1500, gt=0, le=1740)
    """Seconds after which the dispatcher hands the rest of a run to itself: below the half hour that Cloud Scheduler
    and Cloud Tasks wait for an answer. https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs"""
    dispatch_shares: int = Field(default=1, ge=1, le=SHARDS)
    """How many instances divide the shards of a run among themselves. docs/guides/size.md says when that pays."""


class BrandSettings(Settings):
    """Whose the mails and the recipient's page are."""

    mail_from_name: str = "Reports"
    brand_name: str = ""
    """The product's, in the mail itself; the sender's name where it is not set."""
    brand_logo_url: HttpsUrl | None = None
    brand_color: HexColor | None = None
    brand_url: HttpsUrl | None = None
    """Where the button of a mail leads."""


class MailSettings(BrandSettings, MailProviderChoice):
    """The settings that are the same for every mail."""

    mail_from: Address
    mail_reply_to: Address | None = None
    mail_postal_address: str = ""
    mail_unsubscribe_group: int | None = Field(default=None, ge=1)
    mail_unsubscribe_url: Annotated[str, AfterValidator(_unsubscribe_url)] | None = None
    mail_unsubscribe_key: Secret | None = Field(default=None, min_length=16, repr=False)
    preferences_url: PageUrl | None = None
    """Where the recipient's page is."""
    preferences_key: TokenKeys = Field(default=[], repr=False)
    mail_check_unsubscribed: bool = False
    """Whether the provider is asked before each mail if a recipient unsubscribed: one or two calls more a report."""
    mail_sandbox: bool = False

    @model_validator(mode="after")
    def _unsubscribing(self) -> Self:
        ways = {
            "MAIL_UNSUBSCRIBE_GROUP": self.mail_unsubscribe_group,
            "MAIL_UNSUBSCRIBE_URL": self.mail_unsubscribe_url,
            "PREFERENCES_URL": self.preferences_url,
        }
        ways_set = [name for name, value in ways.items() if value is not None]
        if len(ways_set) > 1:
            raise ValueError(f"{' and '.join(ways_set)}: set one of them, since a mail has one way out")
        if self.preferences_url is not None and not self.preferences_key:
            raise ValueError("PREFERENCES_KEY: not set, and PREFERENCES_URL needs it for its tokens")
        if self.mail_unsubscribe_url is not None and self.mail_unsubscribe_key is None:
            raise ValueError("MAIL_UNSUBSCRIBE_KEY: not set, and MAIL_UNSUBSCRIBE_URL needs it for its {token}")
        if self.mail_check_unsubscribed and self.mail_unsubscribe_group is None:
            raise ValueError("MAIL_CHECK_UNSUBSCRIBED: needs MAIL_UNSUBSCRIBE_GROUP, the group to look in")
        return self


class WorkerSettings(CommonSettings, IdentitySettings, MailSettings, SubscriptionSettings, RestoreSettings):
    """The worker's environment."""

    worker_url: Url
    tasks_invoker: Address
    dead_letter_topic: str
    max_attempts: int = Field(ge=1)
    mail_allowed_domains: Domains = []
    """The only domains that mails go to; none: to every one."""
    on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.DEAD_LETTER
    provider_pause: float = Field(default=5.0, ge=0, le=300)
    """Seconds for which a worker sends nothing after the mail provider fails several times in a row; 0: no pause."""


class DlqHandlerSettings(CommonSettings, IdentitySettings):
    """The DLQ handler's environment."""

    location: str
    dlq_handler_url: Url
    events_invoker: Address
    slack_webhook_url: Url | None = Field(default=None, repr=False)
    alert_urls: Urls = Field(default=[], repr=False)
    kind_owners: Annotated[dict[Kind, str], BeforeValidator(_from_json)] = {}
    """Who is told when reports of a kind fail, as JSON: an address, or the variable with a webhook, by kind."""
    owner_mail_url: str | None = Field(default=None, repr=False)
    """The mail server by which owners with an address are told: a URL of Apprise without `to`."""
    console_url: Url | None = None
    """Where the web console is: alerts link to its pages."""


class MailEventsSettings(CommonSettings, SubscriptionSettings, MailProviderChoice):
    """The environment of the function that takes the mail provider's events."""

    dead_letter_topic: str


class PreferencesSettings(CommonSettings, BrandSettings, SubscriptionSettings):
    """The environment of the recipient's page."""

    preferences_url: PageUrl
    preferences_key: TokenKeys = Field(min_length=1, repr=False)


SettingsType = TypeVar("SettingsType", bound=Settings)
MoreSettings = TypeVar("MoreSettings", bound=Settings)


def load_settings(settings_class: type[SettingsType]) -> SettingsType:
    """Read the settings from the environment.

    Raises:
        SystemExit: with one line that names each variable that is missing or malformed. Values are not repeated:
            some are secrets.
    """
    (settings,) = _load(settings_class)
    return cast("SettingsType", settings)


def load_both(first: type[SettingsType], second: type[MoreSettings]) -> tuple[SettingsType, MoreSettings]:
    """Read the settings of two classes from the environment.

    Raises:
        SystemExit: with one line about both, as `load_settings`.
    """
    settings, more = _load(first, second)
    return cast("SettingsType", settings), cast("MoreSettings", more)


def _load(*classes: type[Settings]) -> list[Settings]:
    found: list[Settings] = []
    problems = [f"{SECOND_DATABASE}: {ONE_DATABASE}"] if os.environ.get(SECOND_DATABASE) else []
    for settings_class in classes:
        try:
            found.append(settings_class.from_environment())
        except ValidationError as error:
            problems += [_describe(item) for item in error.errors(include_input=False, include_url=False)]
    if problems:
        cannot_start("; ".join(problems))
    return found


def cannot_start(problem: str) -> NoReturn:
    """End the process, since its environment is not what it needs.

    Args:
        problem: what is wrong, with the names of the variables.
    """
    sys.exit(f"Cannot start: {problem} (environment variables; see docs/reference/settings.md)")


def _describe(problem: Any) -> str:
    message = "not set" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
    variable = ".".join(str(part) for part in problem["loc"]).upper()
    # The message about several variables already names them.
    return f"{variable}: {message}" if variable else message
