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

from functions.shared.appearance import FontFamilies, HexColor, HttpsUrl
from functions.shared.named_brand import Brands, Name
from functions.shared.needs import MOST_ARCHIVE_DAYS
from functions.shared.queues.ramp import DEFAULT_FIRST_DAY, DEFAULT_GROWTH, GROWTHS, MOST_FIRST_DAY, Ramp
from functions.shared.records.contract import UtcDatetime
from functions.shared.records.deliver import NAME_OF_SECRET
from functions.shared.records.ids import DATABASE_PATTERN, DEFAULT_DATABASE, KIND_PATTERN
from functions.shared.records.states import Enroll
from functions.shared.times.schedule import Cadence

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

CommaSeparated = Annotated[list[str], BeforeValidator(_comma_separated)]

Urls = Annotated[list[str], BeforeValidator(_urls)]
"""Separated by commas or white space. A comma within a URL, such as between several recipients, is not a separator."""


Domains = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[^@\s*.]+(\.[^@\s*.]+)+$")]], BeforeValidator(_comma_separated)
]
"""Domains of addresses, such as example.com, separated by commas."""

FirestoreDatabase = Annotated[str, Field(pattern=DATABASE_PATTERN)]
"""The id of a Firestore database."""

BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$")]
"""A bucket of Cloud Storage, without domains' names. https://cloud.google.com/storage/docs/buckets#naming"""

Kind = Annotated[str, Field(pattern=KIND_PATTERN)]
"""The name of a kind of report."""

SecretName = Annotated[str, Field(pattern=rf"^{NAME_OF_SECRET}$")]
"""The name of a secret of destinations."""

RestoredAt = Annotated[UtcDatetime, AfterValidator(_past)]
"""When Firestore was restored."""


Percent = Annotated[Decimal, BeforeValidator(_or_off), Field(ge=0, le=100)]
"""A limit in percent; 0 and `off`: no limit."""


class OnUnknownOutcome(StrEnum):
    """What the pipeline does with a delivery of unknown outcome."""

    DEAD_LETTER = "dead-letter"
    RESEND_IF_ABSENT = "resend-if-absent"
    RESEND = "resend"


class MailProviderName(StrEnum):
    """Through whom the emails go. Each has a folder of this name in every function that speaks to it."""

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
    """Through whom the emails go."""

    mail_provider: MailProviderName = MailProviderName.SENDGRID
    """The email provider: `sendgrid`, `resend` or `smtp` (docs/guides/providers.md#which-one)."""


class CommonSettings(Settings):
    """The settings of every function."""

    google_cloud_project: str
    """The project's id."""
    firestore_database: FirestoreDatabase = DEFAULT_DATABASE
    """The id of the Firestore database (docs/guides/environments.md#several-environments)."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""


class IdentitySettings(Settings):
    """The issuer whose tokens the function accepts. The defaults are Google's; the local cloud has its own keys and
    issuer."""

    oidc_certs_url: str = "https://www.googleapis.com/oauth2/v3/certs"
    """The address of the JSON web key set (RSA keys, RS256) of the issuer whose tokens the function accepts."""
    oidc_issuer: str = "https://accounts.google.com"
    """The name of that issuer."""


class SubscriptionSettings(Settings):
    """The defaults of a subscription's fields, the same for all that read the document."""

    default_cadence: DefaultCadence = Cadence.HOURLY
    """The cadence of new users' subscriptions, and of those whose document names none; not `cron`."""
    default_kind: Kind
    """The kind of new users' subscriptions, and of those whose document names none. `./deploy.sh` takes the only
    kind that there is."""


class EnrollmentSettings(Settings):
    """Whom the dispatcher enrolls. A first deployment must say it (deployment/enrollment.py)."""

    enroll: Enroll = Enroll.ALL
    """Whom the dispatcher enrolls: `all`, `marked` or `none` (docs/guides/deployment.md#who-gets-reports). A
    first deployment must set it."""
    enroll_at_once: int = Field(default=500, ge=1)
    """A run that meets more new users than this enrolls none of them, and tells people."""


class RestoreSettings(Settings):
    """What the functions must know of a restore of Firestore (functions.shared.records.delivery)."""

    restored_at: RestoredAt | None = None
    """After a restore of Firestore (docs/guides/recovery.md#what-a-restore-does): a time after the last email
    before the restore, such as `2026-11-24T13:30:00Z`."""


class ArchiveSettings(Settings):
    """Where copies of the emails are."""

    archive: BucketName | None = None
    """The bucket of Cloud Storage for copies of the emails (docs/guides/archive.md); without it, no copies are kept.
    In `deploy.env` it is `on` or `off`, and `./deploy.sh` makes the bucket."""


class OutcomeSettings(Settings):
    """How the team's application hears what becomes of reports."""

    outcomes_topic: str | None = None
    """The topic that tells your application what became of each report (docs/guides/outcomes.md); without it, it
    hears nothing. `./deploy.sh` makes the topic where `deploy.env` has `OUTCOMES=on`."""


class RampSettings(Settings):
    """The ramp of a new domain, and what it takes to compute it."""

    report_queues: CommaSeparated = Field(min_length=1)
    """The ids of the report queues, separated by commas."""
    ramp_start: date | None = None
    """The first day, in UTC, of the ramp of a new domain (docs/guides/deliverability.md#a-new-domain-the-ramp),
    such as `2026-12-01`."""
    ramp_first_day: int = Field(default=DEFAULT_FIRST_DAY, ge=1, le=MOST_FIRST_DAY)
    """How many reports the first day of the ramp allows."""
    ramp_growth: float = Field(default=DEFAULT_GROWTH, ge=GROWTHS[0], le=GROWTHS[1])
    """The factor by which each day of the ramp allows more than the day before, from 1.01 to 10."""
    queue_rate: float | None = Field(default=None, gt=0, le=500)
    """`--max-dispatches-per-second` of `queue.yaml`: the rate of each report queue after the ramp. Required with
    `RAMP_START`."""

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
    """Complaints in percent of the emails delivered in seven days at which people get an alert; `off` or `0`:
    never."""
    complaint_stop_percent: Percent = Decimal("0.3")
    """The same at which all runs stop (docs/guides/deliverability.md#when-recipients-complain-the-breaker)."""
    bounce_alert_percent: Percent = Decimal(2)
    """Permanent bounces in percent of the emails delivered or bounced in seven days at which people get an
    alert; `off` or `0`: never."""
    bounce_stop_percent: Percent = Decimal(5)
    """The same at which all runs stop."""
    breaker_least_mails: int = Field(default=1000, ge=1)
    """The number of emails from which the percentages of complaints and bounces count."""

    @model_validator(mode="after")
    def _alerts_first(self) -> Self:
        for name in ("complaint", "bounce"):
            alert, stop = getattr(self, f"{name}_alert_percent"), getattr(self, f"{name}_stop_percent")
            if stop and alert > stop:
                variables = f"{name.upper()}_ALERT_PERCENT, {name.upper()}_STOP_PERCENT"
                raise ValueError(f"{variables}: the alert must come before the stop, or with it")
        return self


class AccountSettings(Settings):
    """The accounts at the email provider beside the deployment's own."""

    mail_accounts: Annotated[dict[Name, Secret], BeforeValidator(_from_json)] = Field(default={}, repr=False)
    """The keys of the accounts that `brands.yaml` names (docs/guides/branding.md#several-brands), as JSON: each by
    the account's name."""


class DispatcherSettings(
    CommonSettings,
    IdentitySettings,
    SubscriptionSettings,
    EnrollmentSettings,
    RestoreSettings,
    RampSettings,
    BreakerSettings,
    AccountSettings,
    MailProviderChoice,
    OutcomeSettings,
):
    """The dispatcher's environment."""

    location: str
    """The region of the queues and functions."""
    continuation_queue: str | None = None
    """The id of the queue through which the dispatcher hands the rest of a run to itself, so that it does not
    wait behind the reports. Without it, the first report queue."""
    worker_url: Url
    """The worker's address: the target of tasks, and the audience of their tokens."""
    dispatcher_url: Url
    """The dispatcher's address: the audience of Cloud Scheduler's token."""
    tasks_invoker: Address
    """The service account in the tokens of tasks."""
    scheduler_invoker: Address
    """The service account in the tokens of Cloud Scheduler."""
    dead_letter_topic: str
    """The id of the topic of dead letters."""
    audiences: Annotated[list[Kind], BeforeValidator(_comma_separated)] = []
    """The kinds whose recipients a query names (docs/guides/sql-reports.md#recipients-from-a-query), with commas.
    `./deploy.sh` and the local cloud set it from the kinds' `report.yaml`."""
    dispatch_time_limit: float = Field(default=1500, gt=0, le=1740)
    """Seconds after which the dispatcher hands the rest of a run to a task that calls it again; at most 1740,
    below the half hour that Cloud Scheduler and Cloud Tasks wait for an answer."""


class NamedBrandSettings(Settings):
    """The brands that users name."""

    brands: Annotated[Brands, BeforeValidator(_from_json)] = {}
    """The brands of `brands.yaml` (docs/guides/branding.md#several-brands), as JSON, by name. `./deploy.sh` and
    the local cloud set it."""


class BrandSettings(NamedBrandSettings):
    """Whose the emails and the recipient's page are."""

    mail_from_name: str = "Reports"
    """The sender's name."""
    brand_name: str = ""
    """The product's name in the emails (docs/guides/branding.md#your-brand). Without it, `MAIL_FROM_NAME`."""
    brand_logo_url: HttpsUrl | None = None
    """The https address of the logo, which emails show 28 pixels high instead of the name."""
    brand_color: HexColor | None = None
    """The color of the button, the links and the charts, such as `#2563eb`. Without it, blue."""
    brand_url: HttpsUrl | None = None
    """The https address that the button and the name lead to. Without it, there is no button."""


class MailSettings(BrandSettings, AccountSettings, MailProviderChoice):
    """The settings that are the same for every email."""

    mail_from: Address
    """The sender's address, which you have verified at the email provider."""
    mail_reply_to: Address | None = None
    """The address for replies. Without it, the sender."""
    mail_postal_address: str = ""
    """The sender's postal address, at the end of every email."""
    mail_unsubscribe_group: int | None = Field(default=None, ge=1)
    """With `sendgrid`, the id of an unsubscribe group: SendGrid keeps the list of unsubscribed recipients, and
    adds the link and the headers."""
    mail_unsubscribe_url: Annotated[str, AfterValidator(_unsubscribe_url)] | None = None
    """Instead of a group, your own https URL with `{user_id}` and `{token}` in it
    (docs/guides/preferences.md#another-way-to-unsubscribe)."""
    mail_unsubscribe_key: Secret | None = Field(default=None, min_length=16, repr=False)
    """The secret for making the tokens of `MAIL_UNSUBSCRIBE_URL`, 16 characters or more; required with it."""
    preferences_url: PageUrl | None = None
    """Instead of a group, where the recipient's page is (docs/guides/preferences.md): an https address, or one
    of this machine. Preferences requires it."""
    preferences_key: TokenKeys = Field(default=[], repr=False)
    """The keys of the links to the recipient's page, 32 characters or more each, the newest first, separated by
    commas; required with `PREFERENCES_URL`."""
    mail_check_unsubscribed: bool = False
    """`true`: before each email, the worker asks SendGrid whether the recipient has unsubscribed, and if so
    skips the report: one more call a report, and one a recipient."""
    brand_font: FontFamilies = ""
    """Font families for the emails, such as `Inter, Georgia`, before those of the layout."""
    brand_font_url: HttpsUrl | None = None
    """The https address of a file with the first of them."""
    mail_sandbox: bool = False
    """`true`: no email reaches a recipient (docs/guides/providers.md#which-one)."""

    @model_validator(mode="after")
    def _unsubscribing(self) -> Self:
        ways = {
            "MAIL_UNSUBSCRIBE_GROUP": self.mail_unsubscribe_group,
            "MAIL_UNSUBSCRIBE_URL": self.mail_unsubscribe_url,
            "PREFERENCES_URL": self.preferences_url,
        }
        ways_set = [name for name, value in ways.items() if value is not None]
        if len(ways_set) > 1:
            raise ValueError(f"{' and '.join(ways_set)}: set only one of them")
        if self.preferences_url is not None and not self.preferences_key:
            raise ValueError("PREFERENCES_KEY: not set, and PREFERENCES_URL needs it for its tokens")
        if self.mail_unsubscribe_url is not None and self.mail_unsubscribe_key is None:
            raise ValueError("MAIL_UNSUBSCRIBE_KEY: not set, and MAIL_UNSUBSCRIBE_URL needs it for its {token}")
        if self.mail_check_unsubscribed and self.mail_unsubscribe_group is None:
            raise ValueError("MAIL_CHECK_UNSUBSCRIBED: needs MAIL_UNSUBSCRIBE_GROUP, the group to look in")
        return self


class DestinationSettings(Settings):
    """What the worker needs for reports that do not go by email."""

    destination_secrets: Annotated[dict[SecretName, str], BeforeValidator(_from_json)] = Field(default={}, repr=False)
    """The secrets that subscriptions name (docs/guides/destinations.md#secrets), as JSON: each value by its
    name."""
    webhook_private_addresses: bool = False
    """`true`: webhooks (docs/guides/destinations.md#a-webhook) may be in a private network."""
    slack_api_url: PrivateUrl = "https://slack.com/api"
    """Where Slack's Web API is."""


class WorkerSettings(
    CommonSettings,
    IdentitySettings,
    MailSettings,
    SubscriptionSettings,
    RestoreSettings,
    ArchiveSettings,
    DestinationSettings,
    OutcomeSettings,
):
    """The worker's environment."""

    archive_days: int = Field(default=90, ge=1, le=MOST_ARCHIVE_DAYS)
    """For how many days a copy is kept, unless its kind says another number."""

    worker_url: Url
    tasks_invoker: Address
    dead_letter_topic: str
    max_attempts: int = Field(ge=1)
    """`--max-attempts` of `queue.yaml`: a report that fails on this attempt becomes a dead letter."""
    mail_allowed_domains: Domains = []
    """The only domains that emails go to, separated by commas, for a staging environment
    (docs/guides/environments.md#several-environments); a subdomain is another domain. Reports to others are
    skipped with the reason `domain-not-allowed`."""
    on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.DEAD_LETTER
    """What happens to a report of unknown outcome: `dead-letter` (a person decides), `resend-if-absent` (sent again
    where SendGrid's logs show that it was not accepted (docs/guides/mail-events.md#sending-again-what-is-absent), else
    a person decides) or `resend` (the user may get it twice)."""
    settling_minutes: int = Field(default=30, ge=20, le=360)
    """With `resend-if-absent`, how many minutes after a worker's claim has ended the logs must show an email that was
    accepted, from 20 to 360: by then no worker that stood still meanwhile can send any more."""
    location: str = ""
    """The region of the queues and functions. Required; for the worker only with `resend-if-absent`."""
    report_queues: CommaSeparated = []
    """The ids of the report queues, separated by commas. Required; for the worker only with `resend-if-absent`."""
    provider_pause: float = Field(default=5.0, ge=0, le=300)
    """Seconds for which a worker sends nothing after the email provider failed five times in a row, doubled
    after each failed trial up to 12 times as long; `0`: it never pauses
    (docs/explanation/how-it-works.md#an-outage-of-the-provider)."""

    @model_validator(mode="after")
    def _settling(self) -> Self:
        is_wanted = self.on_unknown_outcome is OnUnknownOutcome.RESEND_IF_ABSENT
        if is_wanted and not (self.location and self.report_queues):
            raise ValueError("LOCATION, REPORT_QUEUES: not set, and ON_UNKNOWN_OUTCOME=resend-if-absent needs them")
        return self


class DlqHandlerSettings(CommonSettings, IdentitySettings, OutcomeSettings):
    """The DLQ handler's environment."""

    location: str
    dlq_handler_url: Url
    """The DLQ handler's address: the audience of the tokens with which Pub/Sub pushes."""
    events_invoker: Address
    """The service account in the tokens with which Pub/Sub pushes."""
    slack_webhook_url: Url | None = Field(default=None, repr=False)
    """An incoming webhook of Slack."""
    alert_urls: Urls = Field(default=[], repr=False)
    """Other channels, as URLs of [Apprise](https://github.com/caronc/apprise), separated by commas or white
    space (docs/guides/alerts.md#channels)."""
    kind_owners: Annotated[dict[Kind, str], BeforeValidator(_from_json)] = {}
    """Who gets an alert when the reports of a kind fail (docs/guides/alerts.md#owners-of-kinds), as JSON by
    kind: an address, or the variable with a webhook. `./deploy.sh` and the local cloud set it from the kinds'
    `needs.yaml`."""
    owner_mail_url: str | None = Field(default=None, repr=False)
    """The mail server for owners with an address, as a URL of Apprise without `to`."""
    console_url: Url | None = None
    """The web console's address, to which alerts link. `./deploy.sh` sets it if `CONSOLE_OPERATORS` or
    `CONSOLE_VIEWERS` is set."""


class MailEventsSettings(CommonSettings, SubscriptionSettings, MailProviderChoice, OutcomeSettings):
    """The environment of the function that takes the email provider's events."""

    dead_letter_topic: str


class PreferencesSettings(CommonSettings, BrandSettings, SubscriptionSettings, ArchiveSettings, OutcomeSettings):
    """The environment of the recipient's page."""

    preferences_url: PageUrl
    preferences_key: TokenKeys = Field(min_length=1, repr=False)


class ApiSettings(CommonSettings, IdentitySettings, SubscriptionSettings, ArchiveSettings, NamedBrandSettings):
    """The API's environment."""

    api_url: Url
    """The API's address: the audience of its callers' tokens."""
    api_callers: Annotated[list[Address], BeforeValidator(_comma_separated)] = Field(min_length=1)
    """The service accounts that may call the API (docs/guides/api.md#who-may-call), separated by commas. Without them,
    `./deploy.sh` deploys no API."""
    location: str
    report_queues: CommaSeparated = Field(min_length=1)
    worker_url: Url
    tasks_invoker: Address
    preferences_url: PageUrl | None = None
    preferences_key: TokenKeys = Field(default=[], repr=False)

    @model_validator(mode="after")
    def _links(self) -> Self:
        if self.preferences_url is not None and not self.preferences_key:
            raise ValueError("PREFERENCES_KEY: not set, and PREFERENCES_URL needs it for its tokens")
        return self


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
    problems: list[str] = []
    for settings_class in classes:
        try:
            found.append(settings_class.from_environment())
        except ValidationError as error:
            problems.append(describe_problems(error))
    if problems:
        cannot_start("; ".join(problems))
    return found


def cannot_start(problem: str) -> NoReturn:
    """End the process, since its environment is not what it needs.

    Args:
        problem: what is wrong, with the names of the variables.
    """
    sys.exit(f"Cannot start: {problem} (environment variables; see docs/reference/settings.md)")


def describe_problems(error: ValidationError) -> str:
    """What is wrong with which variable, in one line without the values: some are secrets."""
    return "; ".join(map(_describe, error.errors(include_input=False, include_url=False)))


def _describe(problem: Any) -> str:
    message = "not set" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
    variable = ".".join(str(part) for part in problem["loc"]).upper()
    # The message about several variables already names them.
    return f"{variable}: {message}" if variable else message
