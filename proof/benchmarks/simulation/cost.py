"""Computes the cost of a run by service, without the email provider's plan."""

from dataclasses import dataclass

from proof.benchmarks.simulation import limits
from proof.benchmarks.simulation.model import Outcome
from proof.benchmarks.simulation.plan import Plan

_WORKER_GIB = 1.0
_DISPATCHER_GIB = 0.5
"""WORKER_MEMORY and DISPATCHER_MEMORY, as deploy.sh has them."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Dollars, beyond the free quotas."""

    firestore: float
    cloud_tasks: float
    cloud_run: float

    @property
    def total(self) -> float:
        """All together."""
        return self.firestore + self.cloud_tasks + self.cloud_run


def cost(plan: Plan, outcome: Outcome) -> Cost:
    """Compute a run's cost.

    Args:
        plan: the deployed settings.
        outcome: the outcome of the run.
    """
    # The dispatcher reads each subscription that is due, and counts users and subscriptions twice, at a read for a
    # thousand.
    reads = outcome.begun * plan.pace.reads + plan.reports * (1 + 4 / 1000)
    writes = outcome.begun * plan.pace.writes
    operations = plan.reports + outcome.attempts
    seconds = outcome.instance_seconds * _per_second(_WORKER_GIB)
    seconds += outcome.dispatcher_seconds * _per_second(_DISPATCHER_GIB)
    return Cost(
        firestore=reads * limits.DOLLARS_A_READ + writes * limits.DOLLARS_A_WRITE,
        cloud_tasks=operations * limits.DOLLARS_A_TASK_OPERATION,
        cloud_run=seconds + outcome.begun * limits.DOLLARS_A_REQUEST,
    )


def _per_second(gib: float) -> float:
    return limits.DOLLARS_A_CPU_SECOND + gib * limits.DOLLARS_A_GIB_SECOND
