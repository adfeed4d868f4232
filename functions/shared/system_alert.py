"""An alert about the system itself, rather than about one report. It travels on the dead letter topic."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from functions.shared.contract import Contract, UtcDatetime


class AlertKind(StrEnum):
    """What is wrong with the system."""

    OVERDUE_REPORTS = "overdue-reports"
    """A run found reports whose task died without a trace."""
    RUN_ERRORS = "run-errors"
    """A run could not do everything."""
    NO_RUN = "no-run"
    """The run before a run was more than two hours earlier."""
    KEY_REFUSED = "provider-refuses-key"
    """The mail provider refuses the API key, so no mail goes out."""


class SystemAlert(Contract):
    """What a run or a worker publishes about the system.

    Its message has the attribute `alert`. It is informational: no report is lost with it.
    """

    alert: AlertKind
    run_id: Annotated[str, Field(min_length=1, max_length=64)]
    """The run that noticed it, or whose task did: each kind alerts once for each run."""
    at: UtcDatetime
    detail: str
    figures: dict[str, int] = Field(default_factory=dict)
