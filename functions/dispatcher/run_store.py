"""Reads and writes `runs`: the document of this run, and those of the runs before it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, TypeVar

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, replaced
from functions.shared.records.mail_breaker import StatisticsReading
from functions.shared.records.run import (
    RUN_RETENTION,
    RUNS,
    QueueCondition,
    RunAttempt,
    RunCounter,
    RunShare,
    RunState,
    StoredRun,
    Sweep,
)

_MOST_RUNS = 50
"""How many earlier runs a run reads: two days of hourly ones."""

_MOST_EARLIER_ATTEMPTS = 10
"""How many attempts before the last are kept. Cloud Scheduler calls again five times at most
(scheduler.yaml); people may call more often."""

_T = TypeVar("_T")


class ShareEnd(Enum):
    """Whether other shares still run when a share ends."""

    OTHERS_GO_ON = auto()
    """Another share has not finished: the last share to end continues the run."""
    LAST = auto()
    """All others have finished: this share, and no other, continues the run."""


class RunStore:
    """One attempt at a run, as `runs` has it.

    The document is that of the latest attempt. An attempt finds only the due reports that the attempts before it left.
    So the document keeps the earlier attempts in `earlier_attempts`, each with its own counters. An attempt that was
    overtaken may still continue in shares and parts that wait in a queue: its counters go there.

    Every method raises GoogleAPICallError if Firestore fails.

    Args:
        database: the Firestore database.
        run_id: the id of the run.
        attempt: which attempt at it.
    """

    def __init__(self, database: Database, *, run_id: str, attempt: str) -> None:
        self._database = database
        self._document = f"{RUNS}/{run_id}"
        self._attempt = attempt

    def start(
        self, scheduled_for: datetime, *, shares: int, now: datetime, statistics: StatisticsReading | None = None
    ) -> None:
        """Note that the attempt begins.

        Args:
            scheduled_for: the time that the run is for.
            shares: among how many instances it is divided.
            now: the present, in UTC.
            statistics: what it learned from the mail provider's statistics; None where it did not ask.
        """
        new = RunAttempt(
            attempt=self._attempt,
            state=RunState.RUNNING,
            started_at=now,
            shares={share: RunShare(state=RunState.RUNNING) for share in range(shares)},
        )
        noted = {"statistics": statistics.to_fields()} if statistics else {}
        self._begin(new, scheduled_for, now=now, noted=noted)

    def stop(self, scheduled_for: datetime, *, because: str, now: datetime) -> None:
        """Note that the breaker has stopped the attempt.

        Args:
            scheduled_for: the time that the run is for.
            because: why.
            now: the present, in UTC.
        """
        new = RunAttempt(attempt=self._attempt, state=RunState.STOPPED, started_at=now, finished_at=now)
        # The run after it looks no further back for them.
        sweeps = _sweeps_to_fields(self.last_sweeps(scheduled_for))
        self._begin(new, scheduled_for, now=now, noted={"stopped_because": because, "sweeps": sweeps})

    def _begin(self, new: RunAttempt, scheduled_for: datetime, *, now: datetime, noted: Mapping[str, Any]) -> None:
        def turn() -> tuple[None, list[Write]]:
            found = self._database.get(self._document)
            before = StoredRun.from_snapshot(found)
            if before.latest.attempt == self._attempt:
                # It is written already, and the answer was lost.
                return None, []
            earlier = [*before.earlier_attempts, *([before.latest] if before.latest.attempt else [])]
            fields = {
                "scheduled_for": scheduled_for,
                "attempts": before.attempts + 1,
                **new.to_fields(),
                "earlier_attempts": [each.to_fields() for each in earlier[-_MOST_EARLIER_ATTEMPTS:]],
                "sweeps": _sweeps_to_fields(before.sweeps),
                "expire_at": now + RUN_RETENTION,
                **noted,
            }
            return None, [replaced(found, fields)]

        self._database.until_written(turn)

    def last_sweeps(self, run_time: datetime) -> dict[str, Sweep]:
        """The last sweeps, by the stages of a run that make them: what this run has noted, or the run before it."""
        query = (
            Query.of(RUNS)
            .where("scheduled_for", "<=", run_time)
            .order_by("scheduled_for", descending=True)
            .select(["sweeps"])
            .limit(2)
        )
        runs = map(StoredRun.from_snapshot, self._database.stream(query))
        return next((dict(run.sweeps) for run in runs if run.sweeps), {})

    def note_share(
        self, share: int, state: RunState, counters: Mapping[str, int], *, sweeps: Mapping[str, Sweep] | None = None
    ) -> None:
        """Note how a share stands, and with it the run.

        Args:
            share: which.
            state: where it stands.
            counters: what it has counted.
            sweeps: the last sweeps, for the runs that follow; None where they are as they were.
        """

        def change(attempt: RunAttempt) -> tuple[RunAttempt, None]:
            return _with_share(attempt, share, state, counters), None

        self._change_attempt(change, overtaken=change, sweeps=sweeps)

    def end_share(self, share: int, counters: Mapping[str, int]) -> ShareEnd:
        """Note that a share has come to its end, unless it is the last and goes on with the run."""

        def change(attempt: RunAttempt) -> tuple[RunAttempt, ShareEnd]:
            is_last = attempt.others_have_finished(share)
            state = RunState.RUNNING if is_last else RunState.FINISHED
            end = ShareEnd.LAST if is_last else ShareEnd.OTHERS_GO_ON
            return _with_share(attempt, share, state, counters), end

        def overtaken(attempt: RunAttempt) -> tuple[RunAttempt, ShareEnd]:
            return _with_share(attempt, share, RunState.FINISHED, counters), ShareEnd.OTHERS_GO_ON

        return self._change_attempt(change, overtaken=overtaken) or ShareEnd.OTHERS_GO_ON

    def note_queues(self, condition: QueueCondition) -> None:
        """Note that the queues were paused or behind; `paused` outranks `behind`."""

        def change(run: StoredRun) -> tuple[dict[str, Any], None]:
            return ({} if run.queues is QueueCondition.PAUSED else {"queues": condition.value}), None

        self._change(change)

    def runs_before(self, run_time: datetime) -> list[StoredRun]:
        """The latest runs before a time; of their counters only DUE."""
        query = (
            Query.of(RUNS)
            .where("scheduled_for", "<", run_time)
            .order_by("scheduled_for", descending=True)
            .select(["scheduled_for", "started_at", "finished_at", "state", RunCounter.DUE.value])
            .limit(_MOST_RUNS)
        )
        return list(map(StoredRun.from_snapshot, self._database.stream(query)))

    def _change_attempt(
        self,
        change: Callable[[RunAttempt], tuple[RunAttempt, _T]],
        *,
        overtaken: Callable[[RunAttempt], tuple[RunAttempt, _T]],
        sweeps: Mapping[str, Sweep] | None = None,
    ) -> _T | None:
        """Change this attempt, wherever the document keeps it.

        Args:
            change: returns the changed attempt, and the result, while it is the latest.
            overtaken: the same once it has been overtaken.
            sweeps: what else to note while it is the latest.

        Returns:
            what the change gives; None where the document no longer has the attempt.
        """

        def change_latest(run: StoredRun) -> tuple[dict[str, Any], _T]:
            changed, result = change(run.latest)
            noted = {"sweeps": _sweeps_to_fields(sweeps)} if sweeps else {}
            return {**changed.progress_fields(), **noted}, result

        def change_earlier(run: StoredRun) -> tuple[dict[str, Any], _T | None]:
            earlier = list(run.earlier_attempts)
            place = next((index for index, each in enumerate(earlier) if each.attempt == self._attempt), None)
            if place is None:
                return {}, None
            earlier[place], result = overtaken(earlier[place])
            return {"earlier_attempts": [each.to_fields() for each in earlier]}, result

        result: _T | None = self._change(change_latest, overtaken=change_earlier)
        return result

    def _change(self, change: Any, *, overtaken: Any = None) -> Any:
        """Change the document.

        Args:
            change: gives the fields to write, and what to return, while this attempt is the latest.
            overtaken: the same once it has been overtaken; None where nothing is to be written then.

        Returns:
            what the change gives; None where nothing was to be written.
        """

        def chosen(found: FoundDocument) -> tuple[Any, Mapping[str, Any]]:
            run = StoredRun.from_snapshot(found)
            choice = change if run.latest.attempt == self._attempt else overtaken
            fields, result = choice(run) if choice else ({}, None)
            return result, fields

        return self._database.change(self._document, chosen)


def _with_share(attempt: RunAttempt, share: int, state: RunState, counters: Mapping[str, int]) -> RunAttempt:
    return attempt.with_share(share, RunShare(state=state, counters=counters), now=datetime.now(UTC))


def _sweeps_to_fields(sweeps: Mapping[str, Sweep]) -> dict[str, Any]:
    return {stage: sweep.to_fields() for stage, sweep in sweeps.items()}
