"""Where the ramp of a new domain stands, for the operator."""

from datetime import datetime
from typing import Any

from functions.shared.queues.ramp import Ramp
from functions.shared.settings import RampSettings
from operations.connection.read_settings import read_settings
from operations.connection.target import Target


def current_ramp(target: Target) -> Ramp | None:
    """The ramp that the deployed dispatcher or the local cloud has; None where it has none, or cannot be asked.

    Raises:
        NotConfigured: one of its variables is malformed.
    """
    return read_settings(RampSettings, target.find).ramp if target.find("RAMP_START") else None


def ramp_row(ramp: Ramp, *, tasks: int, now: datetime) -> dict[str, Any]:
    """The ramp as JSON shows it beside a queue."""
    today = now.date()
    is_over = ramp.is_over(today)
    return {
        "day": ramp.day(today),
        "days": ramp.days,
        "allowance": None if is_over else ramp.allowance(ramp.day(today)),
        "rate": ramp.rate(today),
        # Each queue has its share of the allowance.
        "sent_by": ramp.sent_by(tasks * ramp.queues, now),
    }


def describe_ramp(ramp: Ramp, *, now: datetime) -> str:
    """What day of the ramp it is, and what it allows, in words."""
    today = now.date()
    if ramp.is_over(today):
        return "The ramp is over: take RAMP_START out of deploy.env, and deploy."
    day = ramp.day(today)
    return f"A new domain is ramped up: day {day} of {ramp.days} allows {ramp.allowance(day):,} reports."
