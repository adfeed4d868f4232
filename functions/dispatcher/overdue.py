"""What becomes of a report whose tasks have all ended, or that has been due for long. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from functions.dispatcher.due_user import DueUser
from functions.shared.models import DeliveryState
from functions.shared.schedule import Cadence, period_to_report
from functions.shared.user import InvalidUser, User

LOST_AFTER = timedelta(hours=24)
"""How long a report is tried, in whatever way, before a person has to look at it."""


class Verdict(Enum):
    """What to do with it."""

    ENQUEUE = auto()
    """Give it a task; what is final already the worker sees, and moves the user on."""

    LEAVE = auto()
    """A worker is sending it right now."""

    GIVE_UP = auto()
    """It is lost: a dead letter, and its user moves on."""


def judge(delivery: Mapping[str, Any] | None, *, due_at: datetime, run_time: datetime) -> Verdict:
    """Decide by what the ledger has.

    A report of which the ledger has nothing was never tried, however long ago it fell due: the user may have been
    inactive, or the whole pipeline may have stood still. The 24 hours therefore count from when the ledger first
    heard of it.

    Args:
        delivery: the delivery's fields; None where there is none.
        due_at: when the report fell due.
        run_time: the time of the run that asks.
    """
    if delivery is None or is_final(delivery.get("state")):
        return Verdict.ENQUEUE
    lease = delivery.get("lease_expires_at")
    if delivery.get("state") == DeliveryState.SENDING and isinstance(lease, datetime) and lease > run_time:
        return Verdict.LEAVE
    created_at = delivery.get("created_at")
    begun = max(due_at, created_at) if isinstance(created_at, datetime) else due_at
    return Verdict.GIVE_UP if run_time - begun >= LOST_AFTER else Verdict.ENQUEUE


def move_on(
    user: DueUser, fields: Mapping[str, Any], run_time: datetime, default_cadence: Cadence
) -> dict[str, datetime]:
    """What to write to a user whose report was given up: the period counts as reported, and the next one is due.

    Args:
        user: whose report.
        fields: the user's document.
        run_time: the time of the run that gives it up.
        default_cadence: of users whose document names none.
    """
    reported_until = fields.get("reported_until")
    try:
        schedule = User.from_document(user.user_id, fields, default_cadence).schedule
    except InvalidUser as error:
        schedule = error.schedule
    period = period_to_report(
        schedule,
        due_at=user.due_at,
        run_time=run_time,
        reported_until=reported_until if isinstance(reported_until, datetime) else None,
    )
    return {"next_report_at": schedule.after(period.end), "reported_until": period.end}


def is_final(state: Any) -> bool:
    """Whether what the ledger has in `state` says that nothing more happens to a delivery."""
    return any(state == known and known.is_final for known in DeliveryState)
