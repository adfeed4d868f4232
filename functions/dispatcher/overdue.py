"""What becomes of a report whose tasks have all ended, or that has been due for long. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from functions.dispatcher.queue_clock import QueueClock
from functions.shared.delivery import DeliveryState
from functions.shared.lease import is_live
from functions.shared.period import Period, period_to_report, settled_period
from functions.shared.plausible_time import plausible
from functions.shared.schedule import Cadence, Schedule
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


def judge(
    delivery: Mapping[str, Any] | None, *, due_at: datetime, run_time: datetime, clock: QueueClock | None = None
) -> Verdict:
    """Decide by what the ledger has.

    A report of which the ledger has nothing was never tried, however long ago it fell due: the user may have been
    inactive, or the whole pipeline may have stood still. The 24 hours therefore count from when the ledger first
    heard of it. They are hours in which the queues worked. One whose task the queue still holds is not to be given up;
    that is for the caller to ask.

    Args:
        delivery: the delivery's fields; None where there is none.
        due_at: when the report fell due.
        run_time: the time of the run that asks.
        clock: the queues'.
    """
    if delivery is None or is_final(delivery.get("state")):
        return Verdict.ENQUEUE
    if is_claimed(delivery, run_time):
        return Verdict.LEAVE
    created_at = delivery.get("created_at")
    begun = max(due_at, created_at) if isinstance(created_at, datetime) else due_at
    tried = (clock or QueueClock()).between(begun, run_time)
    return Verdict.GIVE_UP if tried >= LOST_AFTER else Verdict.ENQUEUE


def has_died(delivery: Mapping[str, Any] | None, *, updated_at: datetime, newest_task_from: datetime | None) -> bool:
    """Whether a report that stands as overdue had a task, which died; it gets another in any case.

    That a former run made one is only a conclusion from the user's due time. It is wrong where the user came to this
    due time after that run had looked: a task of the hour before that took until then moves the user on to a due time
    in the past. What shows that the user stood there before is a document that was not written since the run began
    to read, or a record of the delivery, not yet final, that is as old.

    By the end of the run instead of its beginning, every report whose task before ended during a run would count. By
    its beginning, a task that the run made for a user who was written while it went on, and that died, is left out.
    So is one whose user's document the team's application has written since. Neither stays out: for what is left out
    the ledger notes the report as pending, which is the proof by which the next run counts it if this run's task
    dies, too.

    Args:
        delivery: the delivery's fields; None where there is none.
        updated_at: when the user's document was last written.
        newest_task_from: when the run began that is taken to have made the newest task; None where there was none.
    """
    known_since = updated_at
    if delivery is not None and not is_final(delivery.get("state")):
        created_at = delivery.get("created_at")
        if isinstance(created_at, datetime):
            known_since = min(known_since, created_at)
    return newest_task_from is not None and known_since <= newest_task_from


def schedule_of(user_id: str, fields: Mapping[str, Any], default_cadence: Cadence) -> Schedule:
    """By what a user moves on; with defaults in the place of what cannot be read.

    Args:
        user_id: the document's id.
        fields: the user's document.
        default_cadence: of users whose document names none.
    """
    try:
        return User.from_document(user_id, fields, default_cadence).schedule
    except InvalidUser as error:
        return error.schedule


def period_given_up(
    schedule: Schedule, *, due_at: datetime, run_time: datetime, delivery: Mapping[str, Any], reported_until: Any
) -> Period:
    """The time that a report covers which is given up: it counts as reported, and a replay covers the same.

    Args:
        schedule: the user's.
        due_at: when the report fell due.
        run_time: the time of the run that gives it up.
        delivery: the delivery's fields. Where an attempt has settled what it covers, that remains: all that has passed
            since is the next report's.
        reported_until: what the user's document has in this field.
    """
    settled = settled_period(delivery.get("period_start"), delivery.get("period_end"), latest=max(due_at, run_time))
    return settled or period_to_report(
        schedule, due_at=due_at, run_time=run_time, reported_until=plausible(reported_until)
    )


def is_final(state: Any) -> bool:
    """Whether what the ledger has in `state` says that nothing more happens to a delivery."""
    return any(state == known and known.is_final for known in DeliveryState)


def is_claimed(delivery: Mapping[str, Any], moment: datetime) -> bool:
    """Whether a worker has the right to send a delivery at a moment."""
    return delivery.get("state") == DeliveryState.SENDING and is_live(delivery.get("lease_expires_at"), moment)
