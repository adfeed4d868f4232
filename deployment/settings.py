"""What the operator decides, as deploy.sh hands it on: it has checked it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that resources are declared from. docs/reference/settings.md explains them.

    Attributes:
        project: the project's id.
        project_number: the project's number.
        region: where everything runs.
        prefix: what the names of all resources begin with.
        queue_name: the name of the first report queue.
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
