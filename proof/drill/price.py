"""What a drill costs, by the price list and the formula. Pure."""

from math import ceil

from operations.sizing.plan import Plan
from operations.sizing.price_list import DOLLARS_A_CPU_SECOND, DOLLARS_A_READ, DOLLARS_A_REQUEST, DOLLARS_A_WRITE
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
    # The users and the sink's record of each email; they are read once more to be counted.
    documents = (WRITES_A_USER + 1) * DOLLARS_A_WRITE + DOLLARS_A_READ
    sink = _SINK_SECONDS * DOLLARS_A_CPU_SECOND + DOLLARS_A_REQUEST
    dollars = plan.dollars + plan.reports * (documents + sink)
    return dollars, ceil(plan.seconds / 60) + _SETTING_UP_MINUTES
