"""What a drill costs, by the price list and the model. Pure."""

from math import ceil

from proof.benchmarks.simulation import limits
from proof.benchmarks.simulation.cost import cost
from proof.benchmarks.simulation.model import simulate
from proof.benchmarks.simulation.plan import Plan
from proof.drill.users import WRITES_A_USER

_SETTING_UP_MINUTES = 20
"""To deploy an environment, then what a drill adds to it, and to remove both."""

_SINK_SECONDS = 0.01
"""The CPU that the sink takes for an email."""


def estimate(plan: Plan) -> tuple[float, int]:
    """The dollars and the minutes of a drill, without the free allowances. Builds are within theirs.

    Args:
        plan: how fast the reports go.
    """
    outcome = simulate(plan)
    # The users and the sink's record of each email; they are read once more to be counted.
    documents = (WRITES_A_USER + 1) * limits.DOLLARS_A_WRITE + limits.DOLLARS_A_READ
    sink = _SINK_SECONDS * limits.DOLLARS_A_CPU_SECOND + limits.DOLLARS_A_REQUEST
    dollars = cost(plan, outcome).total + plan.reports * (documents + sink)
    return dollars, ceil(outcome.last_sent / 60) + _SETTING_UP_MINUTES
