"""What the operator decides, as deploy.sh hands it on: it has checked it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from functions.shared.queues.ramp import DEFAULT_FIRST_DAY, DEFAULT_GROWTH


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that resources are declared from. docs/reference/settings.md explains them.

    Attributes:
        project: the project's id.
        project_number: the project's number.
        region: where everything runs.
        prefix: what the names of all resources begin with.
        queue_name: the name of the first report queue.
        queues: how many report queues there are.
        ramp_start: the first day of the ramp of a new domain, in UTC; None for no ramp.
        ramp_first_day: how many reports that day allows.
        ramp_growth: the factor by which each day allows more.
        with_mail_events: whether the provider reports what becomes of emails.
        full_rate: the dispatches a second of a report queue.
        alert_email: who gets alerts; empty for nobody.
        notification_channels: the full names of channels that get alerts, too.
        slo_percent: how many reports are to be on time, in percent.
        runbook_url: where the team keeps the runbooks; empty for docs/guides/runbooks.md alone.
        budget: whole units of the billing account's currency a month; empty for no budget.
    """

    project: str
    project_number: str
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

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Settings":
        """The settings in the environment that deploy.sh makes.

        Raises:
            KeyError: a variable is missing.
        """
        channels = [channel.strip() for channel in variables["NOTIFICATION_CHANNELS"].split(",")]
        return cls(
            project=variables["PROJECT_ID"],
            project_number=variables["PROJECT_NUMBER"],
            region=variables["REGION"],
            prefix=variables["PREFIX"],
            queue_name=variables["QUEUE_NAME"],
            queues=int(variables["QUEUES"] or 1),
            ramp_start=date.fromisoformat(variables["RAMP_START"]) if variables["RAMP_START"] else None,
            ramp_first_day=int(variables["RAMP_FIRST_DAY"] or DEFAULT_FIRST_DAY),
            ramp_growth=float(variables["RAMP_GROWTH"] or DEFAULT_GROWTH),
            with_mail_events=variables["WITH_MAIL_EVENTS"] == "yes",
            full_rate=float(variables["FULL_RATE"]),
            alert_email=variables["ALERT_EMAIL"],
            notification_channels=tuple(filter(None, channels)),
            slo_percent=variables["SLO_PERCENT"],
            runbook_url=variables["RUNBOOK_URL"],
            budget=variables["BUDGET"],
        )

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
    def place(self) -> str:
        """The full name of the region in the project."""
        return f"projects/{self.project}/locations/{self.region}"

    def account(self, name: str) -> str:
        """The address of a service account."""
        # In a domain-scoped project, example.com:name, accounts are at name.example.com.
        domain = ".".join(reversed(self.project.split(":")))
        return f"{self.prefix}-{name}@{domain}.iam.gserviceaccount.com"

    def url(self, name: str) -> str:
        """Cloud Run's address of a function, known before there is one.
        https://cloud.google.com/run/docs/triggering/https-request#deterministic"""
        return f"https://{self.prefix}-{name}-{self.project_number}.{self.region}.run.app"
