"""The course of a drill: users whose reports are due, a run, and a look at what became of the reports."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from math import ceil

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write
from functions.shared.records.delivery import DELIVERIES
from functions.shared.records.states import DeliveryState
from operations.errors import OperatorError
from operations.output import Output
from operations.parallel import in_parallel, progress
from operations.runs.runs import Runs
from operations.session import Session
from operations.sizing.price_list import COUNTED_FOR_A_READ
from proof.drill.place import Place, Usage
from proof.drill.records import EMAILS, KILLS, WOKEN
from proof.drill.tally import Tally, tally
from proof.drill.users import WRITES_A_USER, documents_of, due_delivery

_USERS_A_CALL = 160
"""Firestore takes 500 writes a call."""

_MOST_STILL_LOOKS = 120
"""After so many looks without a change the schedule calls again, as it does every hour."""

_MOST_CALLS = 3
_PAUSED_SHARE = 1 / 3
_PAUSED_LOOKS = 4


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a drill has found.

    Attributes:
        began: when the dispatcher's run began, in UTC.
        tasks_made: when every report had its task; None where the run did not come to its end.
        attempts: how often a worker claimed a report.
        kills: how many processes exited, by the step.
        woken: how many slept for longer than their server's timeout, and went on.
        runs: how often the schedule called.
        usage: what the pipeline has used, without what the drill did itself.
    """

    tally: Tally
    began: datetime
    tasks_made: datetime | None
    attempts: int
    kills: Mapping[str, int]
    woken: int
    runs: int
    usage: Usage


def play(session: Session, place: Place, *, reports: int, kills: bool, output: Output) -> Played:
    """Have the pipeline send reports, and count them.

    Args:
        session: where.
        place: the same.
        reports: how many are due.
        kills: whether to pause the queues for a while, too.
        output: where the progress is shown.

    Raises:
        OperatorError: the users cannot be made, or no run begins.
    """
    database, since = session.firestore, datetime.now(UTC)
    due_at = since.replace(second=0, microsecond=0)
    _make_users(database, reports, due_at, output)
    place.run_now(session)
    looked = _watch(session, place, reports, output, pauses=kills)
    usage = place.usage(since, datetime.now(UTC))
    runs = Runs(database).latest(None)
    if not runs:
        raise OperatorError("No run has begun: the dispatcher's log says why.")
    emails = (
        (each.fields["delivery_id"], each.update_time)
        for each in database.stream(Query.of(EMAILS))
        if each.fields and each.update_time
    )
    killed = Counter(each.fields["step"] for each in database.stream(Query.of(KILLS)) if each.fields)
    dead = {each.id for each in database.stream(_in_state(DeliveryState.DEAD).select(["state"]))}
    found = tally({due_delivery(number, due_at) for number in range(reports)}, emails, dead)
    woken = killed.pop(WOKEN, 0)
    written = reports * WRITES_A_USER + found.sent + found.doubled + killed.total() + 2 * woken
    first = runs[-1]
    return Played(
        tally=found,
        began=first["started_at"],
        tasks_made=first["finished_at"],
        attempts=int(database.aggregate(Query.of(DELIVERIES), total_of="attempts").total),
        kills=killed,
        woken=woken,
        runs=sum(each["attempts"] for each in runs),
        usage=replace(usage, reads=usage.reads - looked, writes=usage.writes - written),
    )


def _make_users(database: Database, reports: int, due_at: datetime, output: Output) -> None:
    def write(first: int) -> None:
        numbers = range(first, min(first + _USERS_A_CALL, reports))
        writes: list[Write] = list(chain.from_iterable(documents_of(number, due_at) for number in numbers))
        for error in filter(None, database.write_each(writes)):
            raise error

    done = in_parallel(range(0, reports, _USERS_A_CALL), write, what="Making users", console=output.err)
    if done.interrupted:
        raise KeyboardInterrupt


def _watch(session: Session, place: Place, reports: int, output: Output, *, pauses: bool) -> int:
    """Return when each report is final, or when nothing more happens, though the schedule has called again.

    Returns:
        how many reads the looks have cost.
    """
    database, seen, still, calls, reads = session.firestore, 0, 0, 1, 0
    with progress(output.err, "Sending reports", total=reports) as advance:
        while True:
            counts = [database.count(_in_state(state)) for state in DeliveryState if state.is_final]
            final = sum(counts)
            reads += sum(max(ceil(count / COUNTED_FOR_A_READ), 1) for count in counts)
            if final >= reports:
                return reads
            advance(final - seen)
            still = 0 if final > seen else still + 1
            seen = final
            if still > _MOST_STILL_LOOKS:
                if calls == _MOST_CALLS:
                    return reads
                place.run_now(session)
                still, calls = 0, calls + 1
            if pauses and final >= reports * _PAUSED_SHARE:
                pauses = False
                _pause(session, place.seconds_between_looks * _PAUSED_LOOKS)
            time.sleep(place.seconds_between_looks)


def _pause(session: Session, seconds: float) -> None:
    for queue in session.target.queues:
        session.queues.pause(queue)
    time.sleep(seconds)
    for queue in session.target.queues:
        session.queues.resume(queue)


def _in_state(state: DeliveryState) -> Query:
    return Query.of(DELIVERIES).where("state", "==", state.value)
