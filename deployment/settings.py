"""What the operator decides: command line first, then the environment, then the env file, then the defaults.

docs/reference/settings.md explains each setting, which is a field here, by its name in small letters.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from deployment.options import FUNCTIONS, Options
from functions.shared.audiences import queries_of_recipients
from functions.shared.named_brand import BRANDS_FILE, Brands, problems, read_brands
from functions.shared.needs import Needs
from functions.shared.project_files import PIPELINE
from functions.shared.queues.ramp import DEFAULT_FIRST_DAY, DEFAULT_GROWTH, GROWTHS, MOST_FIRST_DAY

RUNTIME = "python314"
"""The newest that Cloud Run offers: https://cloud.google.com/run/docs/runtimes/python"""

OF_DISPATCHER = (
    *("ENROLL", "ENROLL_AT_ONCE", "DISPATCH_TIME_LIMIT", "RESTORED_AT"),
    *("RAMP_START", "RAMP_FIRST_DAY", "RAMP_GROWTH", "COMPLAINT_ALERT_PERCENT", "COMPLAINT_STOP_PERCENT"),
    *("BOUNCE_ALERT_PERCENT", "BOUNCE_STOP_PERCENT", "BREAKER_LEAST_MAILS"),
)
OF_WORKER = (
    *("MAIL_REPLY_TO", "MAIL_POSTAL_ADDRESS", "MAIL_UNSUBSCRIBE_GROUP", "MAIL_UNSUBSCRIBE_URL"),
    *("MAIL_CHECK_UNSUBSCRIBED", "PREFERENCES_URL", "MAIL_SANDBOX", "PROVIDER_PAUSE", "RESTORED_AT"),
    "SETTLING_MINUTES",
    *("MAIL_ALLOWED_DOMAINS", "WEBHOOK_PRIVATE_ADDRESSES", "SLACK_API_URL", "ARCHIVE_DAYS"),
    *("BRAND_NAME", "BRAND_LOGO_URL", "BRAND_COLOR", "BRAND_URL", "BRAND_FONT", "BRAND_FONT_URL"),
)
"""Settings that the function has only where they are set: its own default holds otherwise."""
SECRETS = (
    *("SENDGRID_API_KEY", "RESEND_API_KEY", "RESEND_WEBHOOK_SECRET", "SMTP_URL", "MAIL_UNSUBSCRIBE_KEY"),
    *("PREFERENCES_KEY", "SLACK_WEBHOOK_URL", "ALERT_URLS", "OWNER_MAIL_URL", "DESTINATION_SECRETS"),
    "MAIL_ACCOUNTS",
)
GIVEN = (
    *("KIND_OWNERS", "AUDIENCES", "GOOGLE_CLOUD_PROJECT", "LOCATION", "REPORT_QUEUES", "CONTINUATION_QUEUE"),
    "WORKER_URL",
    *("DISPATCHER_URL", "TASKS_INVOKER", "SCHEDULER_INVOKER", "DLQ_HANDLER_URL", "EVENTS_INVOKER"),
    *("OUTCOMES_TOPIC", "STORAGE_EMULATOR_HOST", "BRANDS"),
    *("DEAD_LETTER_TOPIC", "MAX_ATTEMPTS", "QUEUE_RATE", "OIDC_CERTS_URL", "OIDC_ISSUER", "FIRESTORE_EMULATOR_HOST"),
    *("FIRESTORE_REST_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "CLOUD_TASKS_EMULATOR_HOST", "K_SERVICE", "K_REVISION"),
    *("K_CONFIGURATION", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "LOG_EXECUTION_ID", "CONSOLE_URL"),
    *("CONSOLE_AUDIENCE", "CONSOLE_KEY", "IAP_KEYS_URL"),
)
"""What the deployment itself gives to the functions, and what they read where Google is not Google. No kind of report
may declare one of these names, nor that of a setting or a secret."""

KEPT_EVENTS = (
    *("bounce", "dropped", "spam_report", "unsubscribe", "group_unsubscribe", "group_resubscribe"),
    *("deferred", "delivered", "processed"),
)
"""SendGrid's names of the events that the function keeps, which stand for those of every provider.
https://www.twilio.com/docs/sendgrid/api-reference/webhooks"""


_ON, _TRUE = ("on|off", "on or off."), ("true|false", "true or false.")
_EMAIL = (r"[^@\s]+@[^@\s]+", "not an email address.")
_HTTPS = (r"https://\S+", "must begin with https://.")
_HOST = (r"https://\S+", "must begin with https://: the API key and the emails go there.")
_PERCENT = (r"off|[0-9]{1,2}([.][0-9]{1,4})?|100", "percent, as in 0.3, or off.")
_OF_NAME = "lower-case letters, digits and hyphens, beginning with a letter."
_RULES = {
    # The account of the API has the shortest name that Google takes: ab-api.
    "prefix": ("[a-z][a-z0-9-]{0,16}[a-z0-9]", f"2 to 18 {_OF_NAME}"),
    "queue_name": ("[A-Za-z0-9-]{1,90}", "letters, digits and hyphens."),
    "queues": ("[1-9][0-9]?", "a number from 1 to 99."),
    "firestore_database": (r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]", f"(default), or 4 to 63 {_OF_NAME}"),
    "firestore_delete_protection": _ON,
    "firestore_pitr": _ON,
    "firestore_backups": ("daily|weekly|off", "daily, weekly or off."),
    "firestore_backup_retention": ("([1-9]|[1-8][0-9]|9[0-8])d|([1-9]|1[0-4])w", "at most 98d or 14w."),
    "kms_key": (
        "projects/[^/ ]+/locations/[^/ ]+/keyRings/[^/ ]+/cryptoKeys/[^/ ]+",
        "as in projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY.",
    ),
    "build_pool": (
        "projects/[^/ ]+/locations/[^/ ]+/workerPools/[^/ ]+",
        "as in projects/PROJECT/locations/REGION/workerPools/POOL.",
    ),
    "vpc_network": ("[a-z0-9/-]+", "a network's name, or projects/PROJECT/global/networks/NAME of another project."),
    "vpc_subnet": ("[a-z0-9/-]+", "a subnet's name, or projects/PROJECT/regions/REGION/subnetworks/NAME."),
    "vpc_egress": ("private-ranges-only|all-traffic", "private-ranges-only or all-traffic."),
    "mail_from": _EMAIL,
    "mail_provider": ("sendgrid|resend|smtp", "sendgrid, resend or smtp; docs/guides/providers.md helps to choose."),
    "sendgrid_host": _HOST,
    "resend_host": _HOST,
    "sendgrid_logs": _TRUE,
    "sendgrid_webhook_key": (
        "[A-Za-z0-9+/=]+( *, *[A-Za-z0-9+/=]+)*",
        "the public key as SendGrid shows it, or two, separated by a comma.",
    ),
    "mail_check_unsubscribed": _TRUE,
    "mail_sandbox": _TRUE,
    "mail_allowed_domains": (
        r"[^@\s*.,]+(\.[^@\s*.,]+)+(\s*,\s*[^@\s*.,]+(\.[^@\s*.,]+)+)*",
        "domains such as example.com, separated by commas.",
    ),
    "webhook_private_addresses": _TRUE,
    "slack_api_url": _HTTPS,
    "mail_without_unsubscribe": _TRUE,
    "preferences_url": (r"https://[^\s?#]+", _HTTPS[1]),
    "brand_logo_url": _HTTPS,
    "brand_url": _HTTPS,
    "brand_font": ("[A-Za-z][A-Za-z0-9 -]*(, *[A-Za-z][A-Za-z0-9 -]*)*", "font families, with commas between them."),
    "brand_font_url": _HTTPS,
    "brand_color": ("#[0-9a-fA-F]{6}", "a color such as #2563eb."),
    "default_cadence": (
        "hourly|daily|weekly|biweekly|monthly|quarterly",
        "hourly, daily, weekly, biweekly, monthly or quarterly.",
    ),
    "on_unknown_outcome": ("dead-letter|resend-if-absent|resend", "dead-letter, resend-if-absent or resend."),
    "settling_minutes": ("[2-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|360", "a number of minutes, from 20 to 360."),
    "log_level": ("DEBUG|INFO|WARNING|ERROR", "DEBUG, INFO, WARNING or ERROR."),
    "schedule": ("on|paused", "on or paused."),
    "enroll": ("all|marked|none", "all, marked or none."),
    "enroll_at_once": ("[1-9][0-9]{0,8}", "a number of users, at least 1."),
    "archive": _ON,
    "outcomes": _ON,
    "archive_days": (
        "[1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650",
        "a number of days, from 1 to 3650.",
    ),
    "restored_at": (r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z", "a time in UTC such as 2026-11-24T13:30:00Z."),
    "ramp_start": ("[0-9]{4}(-[0-9]{2}){2}", "a day such as 2026-12-01."),
    "ramp_first_day": ("0*[1-9][0-9]{0,8}", f"a whole number of reports, from 1 to {MOST_FIRST_DAY:,}."),
    "ramp_growth": (r"[0-9]+([.][0-9]+)?", f"a factor from {GROWTHS[0]} to {GROWTHS[1]}, such as 1.5."),
    "complaint_alert_percent": _PERCENT,
    "complaint_stop_percent": _PERCENT,
    "bounce_alert_percent": _PERCENT,
    "bounce_stop_percent": _PERCENT,
    "breaker_least_mails": ("[1-9][0-9]{0,8}", "a number of emails, at least 1."),
    "alert_email": _EMAIL,
    "smoke_test_address": _EMAIL,
    # Below 95 no pace can be 14.4 times as fast as the error budget allows, and the alert would never come.
    "slo_percent": ("9[5-9]([.][0-9]{1,2})?", "percent, from 95 to 99.99."),
    "runbook_url": (r"https://[^\s#]+", "an address that begins with https://, without #."),
    "budget": ("[1-9][0-9]{0,8}", "whole units of the billing account's currency a month."),
    "deployer": (
        r"(user|group|serviceAccount):[^@\s:]+@[^@\s]+",
        "none of user:ada@example.com, group:team@example.com, serviceAccount:name@PROJECT.iam.gserviceaccount.com.",
    ),
    "memory": ("[1-9][0-9]{0,5}(Mi|Gi)", "as in 512Mi or 1Gi."),
    "cpu": ("[12468]", "1, 2, 4, 6 or 8 CPUs: fewer than one take one request at a time."),
    "concurrency": ("[1-9][0-9]{0,2}|1000", "a number from 1 to 1000."),
    "min_instances": ("[0-9]{1,4}", "a number."),
    "max_instances": ("[1-9][0-9]{0,3}", "a number, at least 1."),
}
"""What a setting must match, and the words about one that does not."""


class _Checked(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, ignored_types=(functools.cached_property,))

    @field_validator(*_RULES, mode="wrap", check_fields=False)
    @classmethod
    def _matches(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        pattern, words = _RULES[str(info.field_name)]
        if isinstance(value, str) and value and not re.fullmatch(pattern, value):
            raise ValueError(words)
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(words) from None


_Words = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: value.replace(",", " ").split() if isinstance(value, str) else value)
]


class Size(_Checked):
    """How large a function may be: its settings, such as WORKER_MEMORY."""

    memory: str = "512Mi"
    cpu: int = 1
    concurrency: int = 16
    min_instances: int = 0
    # Everybody can call the page and mail events: this is what a flood costs at most. Google repeats what is refused.
    max_instances: int = 3


_SIZES: dict[str, dict[str, Any]] = {
    "dispatcher": {"concurrency": 1},
    "worker": {"memory": "1Gi", "concurrency": 10},
    "dlq-handler": {"concurrency": 8, "max_instances": 1},
    "mail-events": {},
    "preferences": {},
    "api": {},
    # As much memory as the worker, whose code makes the previews; one instance, since work that goes on, such as
    # replaying, is in its memory.
    "console": {"memory": "1Gi", "concurrency": 80, "max_instances": 1},
}
_SIZE_VARIABLES = {
    f"{name}_{field}".upper().replace("-", "_"): (name, field) for name in FUNCTIONS for field in Size.model_fields
}


class Settings(_Checked):
    """The settings of a pipeline, beside what the deployment finds out. `root` is the checkout of the pipeline,
    `project` the folder of the team, which is the checkout itself in a clone. `given` has the texts of all that is set,
    secrets too, by the names of the variables; `secrets_to_be`, the names of secrets that a dry run promises.
    `project_created` is in UTC, and empty before it can be read."""

    root: Path = PIPELINE
    project: Path = PIPELINE
    options: Options = Options()
    given: Annotated[Mapping[str, str], Field(repr=False)] = {}
    kinds: Mapping[str, Needs] = {}
    brands: Brands = {}
    sizes: Mapping[str, Size] = {name: Size(**size) for name, size in _SIZES.items()}
    project_number: str = ""
    project_created: str = "2026-11-24"
    secrets_to_be: tuple[str, ...] = ()
    with_mail_events: bool = True

    project_id: str = ""
    region: str = ""
    prefix: str = "report"
    queue_name: str = "reports"
    queues: int = 1
    firestore_database: str = "(default)"
    firestore_location: str = ""
    firestore_delete_protection: str = ""
    firestore_pitr: str = ""
    firestore_backups: str = ""
    firestore_backup_retention: str = "14d"
    kms_key: str = ""
    build_pool: str = ""
    vpc_network: str = ""
    vpc_subnet: str = ""
    vpc_egress: str = "private-ranges-only"
    mail_from: str = ""
    mail_from_name: str = "Reports"
    mail_reply_to: str = ""
    mail_postal_address: str = ""
    mail_provider: str = "sendgrid"
    sendgrid_host: str = "https://api.sendgrid.com"
    sendgrid_logs: str = ""
    sendgrid_webhook_key: str = ""
    resend_host: str = "https://api.resend.com"
    mail_unsubscribe_group: str = ""
    mail_unsubscribe_url: str = ""
    mail_check_unsubscribed: str = ""
    mail_sandbox: str = ""
    mail_allowed_domains: str = ""
    webhook_private_addresses: str = ""
    slack_api_url: str = ""
    mail_without_unsubscribe: str = ""
    archive: str = ""
    archive_days: str = ""
    outcomes: str = ""
    # Without `processed`, which costs a write an email and says little that no other event says.
    mail_events: str = " ".join(KEPT_EVENTS[:-1])
    preferences_url: str = ""
    provider_pause: str = ""
    brand_name: str = ""
    brand_logo_url: str = ""
    brand_color: str = ""
    brand_url: str = ""
    brand_font: str = ""
    brand_font_url: str = ""
    default_kind: str = ""
    default_cadence: str = "hourly"
    on_unknown_outcome: str = "dead-letter"
    settling_minutes: str = ""
    log_level: str = "INFO"
    schedule: str = "on"
    enroll: str = ""
    enroll_at_once: str = ""
    dispatch_time_limit: str = ""
    restored_at: str = ""
    ramp_start: date | None = None
    ramp_first_day: int = DEFAULT_FIRST_DAY
    ramp_growth: float = Field(default=DEFAULT_GROWTH, ge=GROWTHS[0], le=GROWTHS[1])
    complaint_alert_percent: str = "0.1"
    complaint_stop_percent: str = "0.3"
    bounce_alert_percent: str = "2"
    bounce_stop_percent: str = "5"
    breaker_least_mails: str = ""
    alert_email: str = ""
    notification_channels: _Words = ()
    slo_percent: str = "99"
    runbook_url: str = ""
    budget: str = ""
    api_callers: _Words = ()
    console_operators: _Words = ()
    console_viewers: _Words = ()
    deployer: str = ""
    extra_members: _Words = ()
    image_readers: _Words = ()
    smoke_test_address: str = ""

    def value(self, variable: str) -> str:
        """The text of a setting, also of a kind's; empty where it is not set."""
        return self.given.get(variable, "")

    def size(self, function: str, what: str) -> str:
        return str(getattr(self.sizes[function], what.lower()))

    def file(self, name: str) -> Path:
        """A file of the project, or the pipeline's own where the project has none."""
        own = self.project / name
        return own if own.is_file() else self.root / name

    @property
    def folder(self) -> Path:
        return self.root / "deployment"

    @property
    def deployed(self) -> tuple[str, ...]:
        """The functions that the settings ask for. A page that is there stays, since the links of old emails lead to
        it."""
        is_wanted = {"preferences": self.with_page, "mail-events": self.with_mail_events, "api": bool(self.api_callers)}
        return tuple(name for name in FUNCTIONS if is_wanted.get(name, True))

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(name for name in self.deployed if self.options.only in {"", "functions", name})

    @property
    def with_page(self) -> bool:
        """Whether the emails lead to the recipient's page, where they have no other way out."""
        is_elsewhere = self.mail_unsubscribe_group or self.mail_unsubscribe_url or self.preferences_url
        return not is_elsewhere and self.mail_without_unsubscribe != "true"

    @property
    def events(self) -> tuple[str, ...]:
        return tuple(self.mail_events.replace(",", " ").split())

    @functools.cached_property
    def _queue(self) -> dict[str, Any]:
        flags: dict[str, Any] = yaml.safe_load(self.file("queue.yaml").read_text(encoding="utf-8"))
        return flags

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset(each.account for each in self.brands.values() if each.account)

    @property
    def full_rate(self) -> float:
        """The most dispatches a second of a report queue: queue.yaml's, or Cloud Tasks' own default."""
        return float(self._queue.get("--max-dispatches-per-second", 500))

    @property
    def most_at_once(self) -> int:
        """The most reports at once of a report queue, likewise."""
        return int(self._queue.get("--max-concurrent-dispatches", 1000))

    @property
    def max_attempts(self) -> str:
        """How often a report is tried; empty where queue.yaml does not say it."""
        return str(self._queue.get("--max-attempts", ""))

    @property
    def task_makers(self) -> tuple[str, ...]:
        settles = ("worker",) if self.on_unknown_outcome == "resend-if-absent" else ()
        return tuple(name for name in ("dispatcher", "api", *settles) if name in self.deployed)

    @property
    def kind_settings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for needs in self.kinds.values() for name in needs.settings))

    @property
    def kind_secrets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for needs in self.kinds.values() for name in needs.secrets))

    @property
    def kind_instances(self) -> tuple[str, ...]:
        """The instances of Cloud SQL that kinds of report have a role on, in their order."""
        roles = [role for needs in self.kinds.values() for role in needs.roles]
        return tuple(sorted({role.name for role in roles if role.on == "instance"}))

    @property
    def kind_owners(self) -> str:
        """The owners of kinds, as JSON; empty where no kind has one."""
        owners = {kind: needs.owner for kind, needs in self.kinds.items() if needs.owner}
        return json.dumps(owners) if owners else ""

    @property
    def audiences(self) -> str:
        """The kinds whose recipients a query names, with commas; empty where there is none."""
        return ",".join(queries_of_recipients(self.project / "kinds"))

    @property
    def owner_secrets(self) -> tuple[str, ...]:
        """The variables of the secrets that the DLQ handler reads to tell owners of kinds."""
        return tuple(needs.owner for needs in self.kinds.values() if needs.owner and "@" not in needs.owner)

    @property
    def topic(self) -> str:
        return f"{self.prefix}-dead-letters"

    @property
    def undeliverable(self) -> str:
        return f"{self.prefix}-undeliverable"

    @property
    def continuations(self) -> str:
        """The queue by which the dispatcher hands the rest of a run to itself. It follows a queue_name that is set,
        since both names are kept for a while after a teardown."""
        is_usual = self.queue_name == f"{self.prefix}s"
        return f"{self.prefix if is_usual else self.queue_name}-continuations"

    @property
    def job(self) -> str:
        return f"{self.prefix}-dispatch"

    @property
    def sources(self) -> str:
        """The name of the pipeline's own bucket for sources, where what is built is uploaded, and where the lock is."""
        return self._bucket("sources")

    @property
    def outcomes_topic(self) -> str:
        """The topic by which the team's application hears what becomes of reports; empty where it hears nothing."""
        return f"{self.prefix}-outcomes" if self.outcomes == "on" else ""

    @property
    def copies(self) -> str:
        return self._bucket("copies")

    def _bucket(self, use: str) -> str:
        """Names of buckets are the same for all the world."""
        project = re.sub("[:.]", "_", self.project_id).replace("google", "elgoog")
        return f"{project}-{self.prefix}-{use}"[-63:].lstrip("-_")

    @property
    def database_name(self) -> str:
        return f"projects/{self.project_id}/databases/{self.firestore_database}"

    @property
    def place(self) -> str:
        return f"projects/{self.project_id}/locations/{self.region}"

    def function(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def account(self, name: str) -> str:
        # In a domain-scoped project, example.com:name, accounts are at name.example.com.
        domain = ".".join(reversed(self.project_id.split(":")))
        return f"{self.prefix}-{name}@{domain}.iam.gserviceaccount.com"

    def member(self, name: str) -> str:
        return f"serviceAccount:{self.account(name)}"

    def secret(self, variable: str) -> str:
        """The secret behind a variable: SENDGRID_API_KEY is report-sendgrid-api-key."""
        return f"{self.prefix}-{variable}".lower().replace("_", "-")

    def url(self, name: str) -> str:
        """Cloud Run's address of a function, known before there is one.
        https://cloud.google.com/run/docs/triggering/https-request#deterministic"""
        return f"https://{self.prefix}-{name}-{self.project_number}.{self.region}.run.app"

    def with_size(self, function: str, **fields: int) -> "Settings":
        """The settings with a function's size completed where it is not set."""
        name = function.upper().replace("-", "_")
        new = {key: value for key, value in fields.items() if f"{name}_{key.upper()}" not in self.given}
        return self.model_copy(update={"sizes": {**self.sizes, function: self.sizes[function].model_copy(update=new)}})


_FOUND_OUT = {"root", "project", "options", "given", "kinds", "brands", "sizes", "project_number", "project_created"}
_FOUND_OUT |= {"secrets_to_be", "with_mail_events"}
VARIABLES = (*(name.upper() for name in Settings.model_fields if name not in _FOUND_OUT), *_SIZE_VARIABLES)
"""The names of all settings that are no secrets."""


def settings_of(
    given: Mapping[str, str],
    *,
    root: Path,
    options: Options,
    kinds: Mapping[str, Needs],
    now: datetime,
    project: Path | None = None,
) -> tuple[Settings, list[str]]:
    """The settings, and a line for each that is wrong, which then has its default. `given` has the texts of all that
    are set, secrets and those of kinds among them; without a project, the checkout is one."""
    fields: dict[str, Any] = {name.lower(): given[name] for name in VARIABLES if given.get(name)}
    sizes: dict[str, dict[str, Any]] = {name: {**size} for name, size in _SIZES.items()}
    for variable, (name, field) in _SIZE_VARIABLES.items():
        if fields.pop(variable.lower(), ""):
            sizes[name][field] = given[variable]
    fields.setdefault("queue_name", f"{fields.get('prefix', 'report')}s")
    fields.setdefault("firestore_location", given.get("REGION", ""))
    of_project = _kinds_in((project or root) / "kinds")
    if len(of_project) == 1:
        fields.setdefault("default_kind", of_project[0])
    if fields.get("mail_provider") == "smtp":
        # A mail server reports nothing by itself.
        fields["mail_events"] = "off"
    found: dict[str, Any] = {"root": root, "project": project or root, "options": options, "given": given}
    found |= {"kinds": kinds, "sizes": sizes}
    found["with_mail_events"] = fields.get("mail_events") != "off"
    wrong: list[str] = []
    try:
        found["brands"] = read_brands((project or root) / BRANDS_FILE)
    except ValueError as error:
        wrong.append(str(error))
    try:
        settings = Settings(**fields, **found)
    except ValidationError as error:
        for each in error.errors():
            where = [str(part) for part in each["loc"]]
            words = each["msg"].removeprefix("Value error, ")
            if where[0] == "sizes":
                del sizes[where[1]][where[2]]
                wrong.append(f"{'_'.join(where[1:]).upper().replace('-', '_')}: {words}")
            else:
                del fields[where[0]]
                wrong.append(f"{where[0].upper()}: {words}")
        settings = Settings(**fields, **found)
    return settings, [*wrong, *_wrong_together(settings, now)]


def _kinds_in(folder: Path) -> list[str]:
    """The names of the kinds of report: folders that are a package, or have a report.yaml."""
    return sorted({file.parent.name for name in ("__init__.py", "report.yaml") for file in folder.glob(f"*/{name}")})


def _wrong_together(settings: Settings, now: datetime) -> Iterator[str]:
    given = settings.given
    if not settings.project_id:
        yield "PROJECT_ID is not set: --project=PROJECT, or PROJECT_ID in deploy.env."
    if not settings.region:
        yield "REGION is not set: --region=us-central1, or REGION in deploy.env."
    # A time in the future would make a doubtful report of each that is due until then.
    if settings.restored_at > f"{now:%Y-%m-%dT%H:%M:%SZ}":
        yield "RESTORED_AT: must not be in the future."
    if not given.get("MAIL_FROM"):
        yield (
            "MAIL_FROM is not set: the sender's address, one that the email provider knows as yours; "
            "set it in deploy.env."
        )
    ways = ("MAIL_UNSUBSCRIBE_GROUP", "MAIL_UNSUBSCRIBE_URL", "PREFERENCES_URL")
    if sum(bool(given.get(name)) for name in ways) > 1:
        yield f"{', '.join(ways)}: set only one of them."
    if settings.mail_check_unsubscribed == "true" and not settings.mail_unsubscribe_group:
        yield "MAIL_CHECK_UNSUBSCRIBED: needs MAIL_UNSUBSCRIBE_GROUP, the group to look in."
    if settings.kms_key and f"/locations/{settings.region}/" not in settings.kms_key:
        yield f"KMS_KEY: a key must be where it is used, in {settings.region}."
    elif settings.kms_key and settings.firestore_location != settings.region:
        yield f"FIRESTORE_LOCATION: with KMS_KEY the database must be where the key is, in {settings.region}."
    if given.get("VPC_EGRESS") and not (settings.vpc_network or settings.vpc_subnet):
        yield "VPC_EGRESS: needs VPC_NETWORK or VPC_SUBNET, the network that calls go through."
    yield from _wrong_of_provider(settings)
    yield from problems(
        settings.brands,
        in_group=bool(settings.mail_unsubscribe_group),
        has_page=settings.with_page or bool(settings.preferences_url),
        is_ascii=settings.mail_provider == "smtp",
    )
    of_project = _kinds_in(settings.project / "kinds")
    if of_project and not settings.default_kind:
        yield f"DEFAULT_KIND is not set: which report a subscription gets that names none, of {', '.join(of_project)}."
    elif settings.default_kind not in of_project:
        yield "DEFAULT_KIND: no kind of report of this name; ./reports new makes one."
    for name in ("complaint", "bounce"):
        alert, stop = (_limit(getattr(settings, f"{name}_{what}_percent")) for what in ("alert", "stop"))
        if 0 < stop < alert:
            yield (
                f"{name.upper()}_ALERT_PERCENT, {name.upper()}_STOP_PERCENT: the alert must come before the stop, or "
                "with it."
            )
    if settings.mail_events != "off":
        for event in settings.events:
            if event not in KEPT_EVENTS:
                yield f"MAIL_EVENTS: {event} is not one of {', '.join(KEPT_EVENTS)}; or off, for no events at all."
    for caller in settings.api_callers:
        if not re.fullmatch(r"[^@\s:]+@[^@\s:]+[.]gserviceaccount[.]com", caller):
            yield f"API_CALLERS: {caller} is not the address of a service account."
    yield from _wrong_of_console(settings)
    for function in FUNCTIONS:
        yield from _wrong_memory(settings, function)


def _limit(text: str) -> float:
    return 0 if text == "off" else float(text)


def _wrong_of_provider(settings: Settings) -> Iterator[str]:
    given = settings.given
    if settings.mail_provider != "sendgrid" and (
        settings.mail_unsubscribe_group or settings.mail_check_unsubscribed == "true"
    ):
        yield (
            "MAIL_UNSUBSCRIBE_GROUP, MAIL_CHECK_UNSUBSCRIBED: SendGrid alone has groups. "
            "Without them the script deploys the recipient's page (docs/guides/preferences.md)."
        )
    if settings.mail_provider == "smtp":
        for name in ("MAIL_FROM", "MAIL_REPLY_TO"):
            if not given.get(name, "").rpartition("@")[0].isascii():
                yield (
                    f"{name}: must be ASCII before its @ with MAIL_PROVIDER=smtp, since few mail servers take others."
                )
    secret = given.get("RESEND_WEBHOOK_SECRET", "")
    if secret and not re.fullmatch(r"whsec_[A-Za-z0-9+/=]+( *, *whsec_[A-Za-z0-9+/=]+)*", secret):
        yield ("RESEND_WEBHOOK_SECRET: the signing secret as Resend shows it, whsec_…, or two, separated by a comma.")
    server = given.get("SMTP_URL", "")
    if re.search(r":25(/|\?.*)?$", server):
        # https://cloud.google.com/compute/docs/tutorials/sending-mail
        yield (
            "SMTP_URL: Google Cloud lets nothing out to port 25; mail servers take email from their users at 465 "
            "(smtps://) or 587 (smtp://)."
        )
    elif server and not re.fullmatch(
        r"smtps?://([^\s/@:?#]+:[^\s/@:?#]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?", server
    ):
        yield (
            "SMTP_URL: smtps://user:password@host:465, or smtp://user:password@host:587 for STARTTLS; "
            "write @ : / ? # % in user or password in percent encoding, such as %40 for @."
        )


def _wrong_of_console(settings: Settings) -> Iterator[str]:
    email, group = r"[^@\s:]+@[^@\s:]+", r"(user|group):[^@\s:]+@[^@\s:]+"
    for member in settings.console_operators:
        if not re.fullmatch(email, member):
            yield f"CONSOLE_OPERATORS: {member} is not an email address."
    for member in settings.image_readers:
        if not re.fullmatch(_RULES["deployer"][0], member):
            yield f"IMAGE_READERS: {member} is {_RULES['deployer'][1]}"
    for member in settings.console_viewers:
        if not re.fullmatch(f"{email}|{group}|domain:[a-z0-9.-]+", member):
            yield f"CONSOLE_VIEWERS: {member} is none of ada@example.com, group:team@example.com, domain:example.com."
    if settings.options.console and not (settings.console_operators or settings.console_viewers):
        yield "CONSOLE_OPERATORS and CONSOLE_VIEWERS are not set: say in deploy.env who may open the console."


def _wrong_memory(settings: Settings, function: str) -> Iterator[str]:
    """What Cloud Run does not take of the two settings together.

    https://cloud.google.com/run/docs/configuring/services/memory-limits
    https://cloud.google.com/run/docs/configuring/services/cpu"""
    size, name = settings.sizes[function], function.upper().replace("-", "_")
    mebibytes = int(size.memory[:-2]) * (1024 if size.memory.endswith("Gi") else 1)
    least = {4: 2048, 6: 4096, 8: 4096}.get(size.cpu, 512)
    if not 512 <= mebibytes <= 32768:
        yield f"{name}_MEMORY: 512Mi to 32Gi."
    elif mebibytes > size.cpu * 4096:
        yield f"{name}_CPU={size.cpu}: with it, {name}_MEMORY is {size.cpu * 4}Gi at most."
    elif mebibytes < least:
        yield f"{name}_MEMORY={size.memory}: with {name}_CPU={size.cpu} it is {least // 1024}Gi at least."
