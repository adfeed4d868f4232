"""Reads and writes `runs`: the document of this run, and those of the runs before it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

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


class RunStore:
    """One attempt at a run, as `runs` has it.

    The document is that of the latest attempt. An attempt finds only the due reports that the attempts before it left.
    So the document keeps the earlier attempts in `earlier_attempts`, each with its own counters. An attempt that was
    overtaken may still continue in a part that waits in a queue: its counters go there.

    Every method raises GoogleAPICallError if Firestore fails.

    Args:
        database: the Firestore database.
        run_id: the id of the run.
        attempt: which attempt at it.
        now: the present, in UTC.
    """

    def __init__(self, database: Database, *, run_id: str, attempt: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._document = f"{RUNS}/{run_id}"
        self._attempt = attempt
        self._now = now

    def start(self, scheduled_for: datetime, *, statistics: StatisticsReading | None = None) -> None:
        """Note that the attempt begins.

        Args:
            scheduled_for: the time that the run is for.
            statistics: what it learned from the email provider's statistics; None where it did not ask.
        """
        now = self._now()
        new = RunAttempt(
            attempt=self._attempt,
            state=RunState.RUNNING,
            started_at=now,
            shares={0: RunShare(state=RunState.RUNNING)},
        )
        noted = {"statistics": statistics.to_fields()} if statistics else {}
        self._begin(new, scheduled_for, now=now, noted=noted)

    def stop(self, scheduled_for: datetime, *, because: str) -> None:
        """Note that the breaker has stopped the attempt.

        Args:
            scheduled_for: the time that the run is for.
            because: why.
        """
        now = self._now()
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
        """Note how a share of this attempt stands, and with it the run, wherever the document keeps the attempt.

        Args:
            share: which; 0 if the run is not divided.
            state: where it stands.
            counters: what it has counted.
            sweeps: the last sweeps, for the runs that follow; None where they are as they were.
        """

        def change(found: FoundDocument) -> tuple[None, Mapping[str, Any]]:
            run = StoredRun.from_snapshot(found)
            attempts = [run.latest, *run.earlier_attempts]
            place = next((number for number, each in enumerate(attempts) if each.attempt == self._attempt), None)
            if place is None:
                return None, {}
            before = attempts[place].shares.get(share)
            if before and before.state is RunState.FINISHED:
                # A part whose task came twice may end after the share has.
                return None, {}
            changed = RunShare(state=state, counters=counters)
            attempts[place] = attempts[place].with_share(share, changed, now=self._now())
            if place > 0:
                return None, {"earlier_attempts": [each.to_fields() for each in attempts[1:]]}
            noted = {"sweeps": _sweeps_to_fields(sweeps)} if sweeps else {}
            return None, {**attempts[0].progress_fields(), **noted}

        self._database.change(self._document, change)

    def note_queues(self, condition: QueueCondition) -> None:
        """Note that the queues were paused or behind; `paused` outranks `behind`."""

        def change(found: FoundDocument) -> tuple[None, Mapping[str, Any]]:
            run = StoredRun.from_snapshot(found)
            stays = run.latest.attempt != self._attempt or run.queues is QueueCondition.PAUSED
            return None, {} if stays else {"queues": condition.value}

        self._database.change(self._document, change)

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


def _sweeps_to_fields(sweeps: Mapping[str, Sweep]) -> dict[str, Any]:
    return {stage: sweep.to_fields() for stage, sweep in sweeps.items()}
