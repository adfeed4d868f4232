"""Finds the reports that have waited for long: deliveries that are not final though they were due hours ago."""

from datetime import datetime, timedelta
from typing import NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.records.delivery import DELIVERIES, DeliveryState
from functions.shared.records.ids import SHARDS
from functions.shared.times.plausible_time import EARLIEST
from operations.reading.threads import in_threads

LONG = timedelta(hours=2)
"""How long a report may take: a queue tries a failed one again for less."""

_PRECISION = timedelta(minutes=30)
_MOST_COUNTED = 10_000
_UNFINISHED = tuple(state for state in DeliveryState if not state.is_final)


class Backlog(NamedTuple):
    """Deliveries that have waited for LONG.

    Attributes:
        number: how many; _MOST_COUNTED at most.
        oldest_due_at: when the oldest of them was due, to half an hour; None where there is none.
        state: of the oldest one; empty where there is none.
    """

    number: int = 0
    oldest_due_at: datetime | None = None
    state: str = ""


def find_backlog(database: Database, *, now: datetime) -> Backlog:
    """What has waited for LONG. It costs three reads where nothing has, and some dozens where something has.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
    """
    found = in_threads(lambda state: _of_state(database, state, now=now), _UNFINISHED)
    oldest = min(
        (each for each in found if each.oldest_due_at), key=lambda each: each.oldest_due_at or now, default=None
    )
    return oldest._replace(number=sum(each.number for each in found)) if oldest else Backlog()


def _of_state(database: Database, state: DeliveryState, *, now: datetime) -> Backlog:
    def before(moment: datetime) -> Query:
        query = Query.of(DELIVERIES).where("shard", "in", list(range(SHARDS))).where("state", "==", state.value)
        return query.order_by("due_at", descending=True).start_after(moment).end_at(EARLIEST)

    def newest_before(moment: datetime) -> datetime | None:
        found = next(database.stream(before(moment).select([]).limit(1)), None)
        return (found.fields or {})["due_at"] if found else None

    oldest = newest_before(now - LONG)
    if oldest is None:
        return Backlog()
    # The index descends, and Firestore does not read it backwards: the oldest is found by halving the time before.
    none_before = EARLIEST
    while oldest - none_before > _PRECISION:
        # From the present backwards, since little is old: half of the time would be decades.
        step = min(2 * (now - oldest), oldest - none_before) if none_before == EARLIEST else oldest - none_before
        middle = oldest - step / 2
        if (older := newest_before(middle)) is None:
            none_before = middle
        else:
            oldest = older
    number = database.count(before(now - LONG).limit(_MOST_COUNTED))
    return Backlog(number, oldest, state.value)
