"""Addresses and names of the local cloud, and the environment variables by which functions and commands find it."""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_cloud.errors import LocalCloudError
from local_pipeline.addresses import HOST
from local_pipeline.brands import brand_variables
from local_pipeline.inbox import elsewhere
from local_pipeline.inbox.event_webhook import WebhookKey
from local_pipeline.inbox.resend_webhook import WebhookSecret
from local_pipeline.inbox.server import RESEND_API_KEY, SLACK_WEBHOOK_PATH
from local_pipeline.kind_needs import audience_variables, given_variables, owner_variables
from local_pipeline.provider import Provider

SENDGRID_API_KEY = "SG.local-cloud.not-a-secret"
SMTP_USER, SMTP_PASSWORD = "local-cloud", "not-a-secret"
PREFERENCES_KEY = "local-cloud.not-a-secret.0123456789"

PASSED_ON = (
    *(
        "GOOGLE_CLOUD_PROJECT",
        "FIRESTORE_DATABASE",
        "LOCATION",
        "REPORT_QUEUES",
        "CONTINUATION_QUEUE",
        "WORKER_URL",
        "DISPATCHER_URL",
        "TASKS_INVOKER",
        "DLQ_HANDLER_URL",
        "EVENTS_INVOKER",
        "CONSOLE_URL",
        "API_URL",
        "API_CALLERS",
    ),
    *("SCHEDULER_INVOKER", "DEAD_LETTER_TOPIC", "MAX_ATTEMPTS", "SENDGRID_API_KEY", "SENDGRID_HOST", "MAIL_FROM"),
    *("MAIL_FROM_NAME", "MAIL_REPLY_TO", "MAIL_POSTAL_ADDRESS", "MAIL_UNSUBSCRIBE_GROUP", "MAIL_UNSUBSCRIBE_URL"),
    *("MAIL_UNSUBSCRIBE_KEY", "MAIL_CHECK_UNSUBSCRIBED", "PREFERENCES_URL", "PREFERENCES_KEY"),
    *("RAMP_START", "RAMP_FIRST_DAY", "RAMP_GROWTH", "QUEUE_RATE"),
    *("DESTINATION_SECRETS", "WEBHOOK_PRIVATE_ADDRESSES", "SLACK_API_URL", "STORAGE_EMULATOR_HOST"),
    *("MAIL_PROVIDER", "MAIL_SANDBOX", "MAIL_ALLOWED_DOMAINS", "RESEND_API_KEY", "RESEND_HOST", "SMTP_URL"),
    *("SENDGRID_LOGS", "SENDGRID_WEBHOOK_KEY", "RESEND_WEBHOOK_SECRET"),
    *("ARCHIVE", "ARCHIVE_DAYS", "STORAGE_EMULATOR_HOST", "OUTCOMES_TOPIC"),
    *("PROVIDER_PAUSE", "BRAND_NAME", "BRAND_LOGO_URL", "BRAND_COLOR", "BRAND_URL", "BRAND_FONT", "BRAND_FONT_URL"),
    *("BRANDS", "MAIL_ACCOUNTS"),
    *(
        "SLACK_WEBHOOK_URL",
        "ALERT_URLS",
        "DEFAULT_KIND",
        "DEFAULT_CADENCE",
        "ENROLL",
        "ENROLL_AT_ONCE",
        "ON_UNKNOWN_OUTCOME",
        "SETTLING_MINUTES",
        "LOG_LEVEL",
    ),
    *("FIRESTORE_EMULATOR_HOST", "FIRESTORE_REST_EMULATOR_HOST", "CLOUD_TASKS_EMULATOR_HOST"),
    *("OIDC_CERTS_URL", "OIDC_ISSUER"),
)
"""Variables that override the local cloud's own values if they are set when it starts."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The port of each part."""

    base: int

    def __post_init__(self) -> None:
        if not 1024 <= self.base <= 65_500:
            raise LocalCloudError(f"--port-base {self.base}: choose one between 1024 and 65500.")

    @property
    def inbox(self) -> int:
        return self.base

    @property
    def firestore(self) -> int:
        return self.base + 1

    @property
    def tasks(self) -> int:
        return self.base + 2

    @property
    def pubsub(self) -> int:
        return self.base + 3

    @property
    def identity(self) -> int:
        return self.base + 4

    @property
    def dispatcher(self) -> int:
        return self.base + 5

    @property
    def worker(self) -> int:
        return self.base + 6

    @property
    def dlq_handler(self) -> int:
        return self.base + 7

    @property
    def tasks_rest(self) -> int:
        return self.base + 8

    @property
    def preferences(self) -> int:
        return self.base + 9

    @property
    def mail_events(self) -> int:
        return self.base + 10

    @property
    def console(self) -> int:
        return self.base + 11

    @property
    def control(self) -> int:
        return self.base + 12

    @property
    def smtp(self) -> int:
        return self.base + 13

    @property
    def firestore_rest(self) -> int:
        return self.base + 14

    @property
    def storage(self) -> int:
        return self.base + 15

    @property
    def api(self) -> int:
        return self.base + 16


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The values of all variables: the local cloud's own, and those that were set when it started.

    Attributes:
        ports: where each part listens.
        max_attempts: of the queue, as queue.yaml has it.
        queue_rate: likewise.
        outside: the variables that the local cloud was started with.
        provider: through whom the pipeline sends; None for the one that MAIL_PROVIDER names, or else SendGrid.
        default_kind: which report a subscription gets that names none.
        webhook_key: what SendGrid's stand-in signs its events with.
        webhook_secret: what Resend's does.
    """

    ports: Ports
    max_attempts: int
    queue_rate: float
    default_kind: str
    outside: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    provider: Provider | None = None
    webhook_key: WebhookKey = field(default_factory=WebhookKey)
    webhook_secret: WebhookSecret = field(default_factory=WebhookSecret)

    @property
    def variables(self) -> dict[str, str]:
        """The variables of section "Configuration" in the documentation, with the values that hold."""
        project = self.outside.get("GOOGLE_CLOUD_PROJECT") or "local-project"
        ports = self.ports
        own = {
            "GOOGLE_CLOUD_PROJECT": project,
            "FIRESTORE_DATABASE": "(default)",
            "LOCATION": "us-central1",
            "REPORT_QUEUES": "reports",
            "CONTINUATION_QUEUE": "report-continuations",
            "WORKER_URL": f"http://{HOST}:{ports.worker}",
            "DISPATCHER_URL": f"http://{HOST}:{ports.dispatcher}",
            "TASKS_INVOKER": f"tasks-invoker@{project}.iam.gserviceaccount.com",
            "SCHEDULER_INVOKER": f"scheduler-invoker@{project}.iam.gserviceaccount.com",
            "DLQ_HANDLER_URL": f"http://{HOST}:{ports.dlq_handler}",
            "CONSOLE_URL": f"http://{HOST}:{ports.console}",
            "API_URL": f"http://{HOST}:{ports.api}",
            "API_CALLERS": f"app@{project}.iam.gserviceaccount.com",
            "EVENTS_INVOKER": f"events-invoker@{project}.iam.gserviceaccount.com",
            "DEAD_LETTER_TOPIC": "report-dead-letters",
            "MAX_ATTEMPTS": str(self.max_attempts),
            "QUEUE_RATE": f"{self.queue_rate:g}",
            # Its users are its own, however many are asked for.
            "ENROLL": "all",
            "ENROLL_AT_ONCE": "1000000",
            "DEFAULT_KIND": self.default_kind,
            "MAIL_PROVIDER": Provider.SENDGRID.value,
            "SENDGRID_API_KEY": SENDGRID_API_KEY,
            "SENDGRID_HOST": f"http://{HOST}:{ports.inbox}",
            "SENDGRID_WEBHOOK_KEY": self.webhook_key.public,
            "RESEND_API_KEY": RESEND_API_KEY,
            "RESEND_HOST": f"http://{HOST}:{ports.inbox}",
            "RESEND_WEBHOOK_SECRET": self.webhook_secret.text,
            "SMTP_URL": f"smtp://{SMTP_USER}:{SMTP_PASSWORD}@{HOST}:{ports.smtp}?tls=off",
            "MAIL_FROM": "reports@example.com",
            "MAIL_FROM_NAME": "Example Reports",
            "BRAND_NAME": "Example",
            "BRAND_URL": "https://app.example.com/",
            "SLACK_WEBHOOK_URL": f"http://{HOST}:{ports.inbox}{SLACK_WEBHOOK_PATH}",
            "DESTINATION_SECRETS": json.dumps(elsewhere.secrets_at(f"http://{HOST}:{ports.inbox}")),
            # The receiver of webhooks is on this machine.
            "WEBHOOK_PRIVATE_ADDRESSES": "true",
            "SLACK_API_URL": f"http://{HOST}:{ports.inbox}{elsewhere.SLACK_PATH}",
            "FIRESTORE_EMULATOR_HOST": f"{HOST}:{ports.firestore}",
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{ports.pubsub}",
            "CLOUD_TASKS_EMULATOR_HOST": f"{HOST}:{ports.tasks}",
            "STORAGE_EMULATOR_HOST": f"http://{HOST}:{ports.storage}",
            "ARCHIVE": "report-copies",
            "OIDC_CERTS_URL": f"http://{HOST}:{ports.identity}/oauth2/v3/certs",
            "OIDC_ISSUER": f"http://{HOST}:{ports.identity}",
        }
        if self.is_own("FIRESTORE_EMULATOR_HOST"):
            own["FIRESTORE_REST_EMULATOR_HOST"] = f"{HOST}:{ports.firestore_rest}"
        if self.is_own("CLOUD_TASKS_EMULATOR_HOST"):
            # gcloud-aio-taskqueue reads this variable and speaks REST; no other client library has a variable for it.
            own["CLOUDTASKS_EMULATOR_HOST"] = f"{HOST}:{ports.tasks_rest}"
        # An email has one way out: another one of the outside takes the place of the local cloud's page.
        if not any(self.outside.get(name) for name in ("MAIL_UNSUBSCRIBE_GROUP", "MAIL_UNSUBSCRIBE_URL")):
            own["PREFERENCES_URL"] = f"http://{HOST}:{ports.preferences}"
            own["PREFERENCES_KEY"] = PREFERENCES_KEY
        chosen = {"MAIL_PROVIDER": self.provider.value} if self.provider else {}
        return own | {name: self.outside[name] for name in PASSED_ON if self.outside.get(name)} | chosen

    @property
    def mail_provider(self) -> Provider:
        """Through whom the pipeline sends.

        Raises:
            LocalCloudError: MAIL_PROVIDER names another.
        """
        name = self.variables["MAIL_PROVIDER"]
        try:
            return Provider(name)
        except ValueError as error:
            raise LocalCloudError(f"MAIL_PROVIDER={name}: choose one of {', '.join(Provider)}.") from error

    @property
    def has_mail_events(self) -> bool:
        """Whether the provider says what becomes of the emails."""
        return self.mail_provider.webhook_variable is not None

    def is_own(self, variable: str) -> bool:
        """Whether the value is the local cloud's own, not one that it was started with."""
        return not self.outside.get(variable)

    def for_function(self, repository: Path, project: Path) -> dict[str, str]:
        """The whole environment of a function: what the local cloud was started with, and the variables above.

        Args:
            repository: the folder that holds `functions/`.
            project: the folder that holds `kinds/`.
        """
        # The project's kinds are found before those that are beside the functions.
        places = dict.fromkeys([str(project), str(repository)])
        search_path = [*places, *filter(None, [self.outside.get("PYTHONPATH")])]
        of_kinds = {**owner_variables(project, self.outside), **audience_variables(project)}
        return {
            **of_kinds,
            **self._brands(project),
            **self.outside,
            **self.variables,
            "PYTHONPATH": os.pathsep.join(search_path),
        }

    def _brands(self, project: Path) -> dict[str, str]:
        return brand_variables(project, self.mail_provider, self.variables["SMTP_URL"])

    def write(self, file: Path, *, project: Path, with_control: bool = False) -> None:
        """Leave the variables, and those of kinds, where a command on this machine finds them; a shell can read the
        file, too.

        It is a new file from the beginning that only this user may read: keys may be in it.

        Args:
            file: where.
            project: the folder that holds `kinds/`.
            with_control: whether the local cloud can be controlled (local_pipeline.control).
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        variables = {**given_variables(project, self.outside), **self._brands(project), **self.variables}
        if with_control:
            variables["LOCAL_CONTROL_URL"] = f"http://{HOST}:{self.ports.control}"
            # It takes Slack's messages also where emails go elsewhere.
            variables["LOCAL_INBOX_URL"] = f"http://{HOST}:{self.ports.inbox}"
        lines = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
        file.unlink(missing_ok=True)
        file.touch(mode=0o600, exist_ok=False)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
