"""Where the ramp of a new domain stands, for the operator."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from functions.shared.queues.ramp import Ramp
from functions.shared.settings import RampSettings
from operations.connection.target import Target
from operations.errors import NotConfigured


def current_ramp(target: Target) -> Ramp | None:
    """The ramp that the deployed dispatcher or the local cloud has; None where it has none, or cannot be asked.

    Raises:
        NotConfigured: one of its variables is malformed.
    """
    if not target.find("RAMP_START"):
        return None
    found = {name: target.find(name.upper()) for name in RampSettings.model_fields}
    try:
        return RampSettings.model_validate({name: value for name, value in found.items() if value}).ramp
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        text = "; ".join(": ".join([*(str(part).upper() for part in each["loc"]), each["msg"]]) for each in problems)
        raise NotConfigured(f"{text}.") from error


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
