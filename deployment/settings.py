"""What the operator decides and what deploy.sh has found out, as it hands it on: it has checked it."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from typing import Any, get_type_hints

from functions.shared.queues.ramp import DEFAULT_FIRST_DAY, DEFAULT_GROWTH


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What resources are declared from: the variables of the same names in capitals, of which
    docs/reference/settings.md explains those that are not explained here.

    Attributes:
        project_number: the project's number.
        project_created: when the project was made, in UTC.
        full_rate: the dispatches a second of a report queue.
        deployed: the functions that the settings ask for.
        wanted: those of them that this run deploys.
        needs: what kinds of report need, as kind_needs.py prints it.
        kind_secrets: the variables of the secrets that kinds need.
        owner_secrets: the variables of those that the DLQ handler reads to tell owners of kinds.
        secrets_to_be: the names of secrets that a dry run promises.
        with_console: whether the run deploys the console.
        firestore_rules: whether it deploys Firestore's rules.
        smoke: whether it ends with a smoke test.
        sources: the bucket where gcloud uploads what Cloud Build builds.
    """

    project_id: str
    project_number: str
    project_created: str = "2026-11-24"
    region: str
    prefix: str
    queue_name: str
    queues: int = 1
    ramp_start: date | None = None
    ramp_first_day: int = DEFAULT_FIRST_DAY
    ramp_growth: float = DEFAULT_GROWTH
    with_mail_events: bool = True
    full_rate: float
    alert_email: str
    notification_channels: tuple[str, ...]
    slo_percent: str
    runbook_url: str
    budget: str
    firestore_database: str = "(default)"
    firestore_location: str = ""
    firestore_pitr: str = ""
    firestore_delete_protection: str = ""
    firestore_backups: str = ""
    firestore_backup_retention: str = "14d"
    deployed: tuple[str, ...] = ("dispatcher", "worker", "dlq-handler", "mail-events", "preferences")
    wanted: tuple[str, ...] = ()
    mail_provider: str = "sendgrid"
    needs: str = ""
    kind_secrets: tuple[str, ...] = ()
    owner_secrets: tuple[str, ...] = ()
    secrets_to_be: tuple[str, ...] = ()
    console_operators: tuple[str, ...] = ()
    console_viewers: tuple[str, ...] = ()
    extra_members: tuple[str, ...] = ()
    deployer: str = ""
    with_console: bool = False
    firestore_rules: bool = False
    smoke: bool = False
    sources: str = ""

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Settings":
        """The settings in the environment that deploy.sh makes. An empty one has its default, if there is one.

        Raises:
            KeyError: a variable is missing.
        """
        kinds = get_type_hints(cls)
        given = {each.name: variables[each.name.upper()] for each in fields(cls) if each.default is MISSING}
        given |= {each.name: text for each in fields(cls) if (text := variables[each.name.upper()])}
        return cls(**{name: _read(kinds[name], text) for name, text in given.items()})

    @property
    def topic(self) -> str:
        """The topic of dead letters."""
        return f"{self.prefix}-dead-letters"

    @property
    def undeliverable(self) -> str:
        """The topic of those that cannot be delivered."""
        return f"{self.prefix}-undeliverable"

    @property
    def continuations(self) -> str:
        """The queue by which the dispatcher hands the rest of a run to itself."""
        return f"{self.prefix}-continuations"

    @property
    def database_name(self) -> str:
        """The full name of the database."""
        return f"projects/{self.project_id}/databases/{self.firestore_database}"

    @property
    def place(self) -> str:
        """The full name of the region in the project."""
        return f"projects/{self.project_id}/locations/{self.region}"

    def account(self, name: str) -> str:
        """The address of a service account."""
        # In a domain-scoped project, example.com:name, accounts are at name.example.com.
        domain = ".".join(reversed(self.project_id.split(":")))
        return f"{self.prefix}-{name}@{domain}.iam.gserviceaccount.com"

    def member(self, name: str) -> str:
        """A service account as a member of a policy."""
        return f"serviceAccount:{self.account(name)}"

    def secret(self, variable: str) -> str:
        """The secret behind a variable: SENDGRID_API_KEY is report-sendgrid-api-key."""
        return f"{self.prefix}-{variable}".lower().replace("_", "-")

    def url(self, name: str) -> str:
        """Cloud Run's address of a function, known before there is one.
        https://cloud.google.com/run/docs/triggering/https-request#deterministic"""
        return f"https://{self.prefix}-{name}-{self.project_number}.{self.region}.run.app"


def _read(kind: Any, text: str) -> Any:
    if kind is bool:
        return text == "yes"
    if kind == tuple[str, ...]:
        return tuple(text.replace(",", " ").split())
    return date.fromisoformat(text) if kind == date | None else kind(text)
