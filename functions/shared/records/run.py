"""The run record: what one call of the dispatcher by its schedule did, in `runs/{run_id}`.

Every part of the pipeline reads the document through `StoredRun` and names its counters by `RunCounter`. All of it is
pure: the callers hold the Firestore client.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, TypeGuard

from functions.shared.records.mail_breaker import StatisticsReading
from functions.shared.records.stored_fields import stored_text
from functions.shared.times.plausible_time import plausible

RUNS = "runs"
"""The name of the collection."""

RUN_RETENTION = timedelta(days=90)
"""After this Firestore deletes a run: as long as it keeps the deliveries that name it."""

SWEPT_WITH_EVERY_RUN = 10_000
"""The most documents of a collection that every run counts, and sweeps where it must."""

SWEEP_INTERVAL = timedelta(days=1)
"""How often the runs sweep a larger collection."""

_LONGEST_NAME = 64
"""The longest id of an attempt, which is a UUID, or of a share, which is a number."""


class RunState(StrEnum):
    """Where a run stands: `state` in its document."""

    RUNNING = "running"
    """Some of it is under way or waits in a queue. A run that was killed stays so until it is called again."""
    FINISHED = "finished"
    """All of it is done."""
    FAILED = "failed"
    """It has ended with a failure that a repeated run may fix."""
    STOPPED = "stopped"
    """The breaker has stopped it: it made no task. What was due stays due."""


class QueueCondition(StrEnum):
    """The state in which a run found the queues, unless they worked normally: `queues` in its document."""

    PAUSED = "paused"
    """One of them was paused or disabled."""
    BEHIND = "behind"
    """A task still waited although, by the queues' rate and retry policy, it should have ended."""


class RunCounter(StrEnum):
    """What a run counts. Each is a field of its document, of its answer, and of the alerts about it."""

    DUE = "due"
    """Reports found due, and those that are no longer due by their subscription and whose task died, such as replays.
    Each is also counted as one of DISPATCHED, ALREADY_DISPATCHED, LOST, MALFORMED and ERRORS."""
    DISPATCHED = "dispatched"
    """Tasks that the run made."""
    ALREADY_DISPATCHED = "already_dispatched"
    """Reports that needed no task: they had one, or a worker was sending them."""
    OVERDUE = "overdue"
    """Due reports whose task died without a trace."""
    LOST = "lost"
    """Reports that the run gave up: each has a dead letter."""
    ENROLLED = "enrolled"
    """Users that the run enrolled: each who had no subscription got the default one."""
    SCHEDULED = "scheduled"
    """Subscriptions that the run gave their place in the due index: an application wrote them, or the address that
    bounced has changed."""
    MALFORMED = "malformed"
    """Subscriptions that get no report because a document is malformed: each has a dead letter."""
    HELD = "held"
    """Due subscriptions that wait from this run on, since their kind is paused. They are not counted as `due`."""
    ERRORS = "errors"
    """Failures that a repeated run may fix."""


RUN_COUNTERS = tuple(counter.value for counter in RunCounter)
"""The names of the counters, in the order in which people read them."""


class RunShare(NamedTuple):
    """What an attempt has done of the shards: all of it is in the one share 0, unless version 0.2.0 divided the run.

    Attributes:
        state: where it stands.
        counters: what it counted.
    """

    state: RunState
    counters: Mapping[str, int] = {}

    def to_fields(self) -> dict[str, Any]:
        """The share as the document has it."""
        return {"state": self.state.value, **self.counters}


class RunAttempt(NamedTuple):
    """One attempt at a run. Cloud Scheduler calls a run that failed again, and each call is another attempt.

    Attributes:
        attempt: the attempt's id; empty if the document has no valid one.
        state: its state; None if the document does not say.
        started_at: when it began to read who is due.
        finished_at: when it ended; None while it runs.
        counters: what all its shares counted together, by the names in RUN_COUNTERS.
        shares: its shares, by their numbers; one, unless version 0.2.0 divided the run.
    """

    attempt: str
    state: RunState | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    counters: Mapping[str, int] = {}
    shares: Mapping[int, RunShare] = {}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "RunAttempt":
        """Read an attempt from the document's fields or from one of its `earlier_attempts`, whatever is in it."""
        attempt = fields.get("attempt")
        return cls(
            attempt=attempt if isinstance(attempt, str) and len(attempt) <= _LONGEST_NAME else "",
            state=_state(fields.get("state")),
            started_at=plausible(fields.get("started_at")),
            finished_at=plausible(fields.get("finished_at")),
            counters=_counters(fields),
            shares=_shares(fields.get("shares")),
        )

    def to_fields(self) -> dict[str, Any]:
        """The attempt as the document has it."""
        return {
            "attempt": self.attempt,
            "started_at": self.started_at,
            **self.progress_fields(),
        }

    def progress_fields(self) -> dict[str, Any]:
        """The fields that change while the attempt runs."""
        return {
            "state": self.state.value if self.state else None,
            "finished_at": self.finished_at,
            "shares": {str(number): share.to_fields() for number, share in self.shares.items()},
            **dict.fromkeys(RUN_COUNTERS, 0),
            **self.counters,
        }

    def with_share(self, number: int, share: RunShare, *, now: datetime) -> "RunAttempt":
        """The attempt after one of its shares has changed.

        Args:
            number: which share.
            share: what it is now.
            now: the present, in UTC.
        """
        shares = {**self.shares, number: share}
        state = state_of_shares(shares)
        counters: Counter[str] = Counter()
        for each in shares.values():
            counters.update(each.counters)
        return self._replace(
            shares=shares,
            state=state,
            finished_at=None if state is RunState.RUNNING else now,
            counters=counters,
        )


class Sweep(NamedTuple):
    """The last time that the dispatcher counted a collection, and swept it if the counts required that.

    Attributes:
        swept_at: the time of the run that did it.
        documents: how many documents it counted.
    """

    swept_at: datetime
    documents: int

    @classmethod
    def from_fields(cls, fields: Any) -> "Sweep | None":
        """Read a sweep from the run's document, whatever the document holds."""
        if not isinstance(fields, dict):
            return None
        swept_at, documents = plausible(fields.get("swept_at")), fields.get("documents")
        if swept_at is None or not _is_count(documents):
            return None
        return cls(swept_at=swept_at, documents=documents)

    def to_fields(self) -> dict[str, Any]:
        """The sweep as the document has it."""
        return {"swept_at": self.swept_at, "documents": self.documents}

    def is_due_again(self, run_time: datetime) -> bool:
        """Whether a run sweeps the collection again: with every run while it is small, else once a day.

        Args:
            run_time: the time that the run is for.
        """
        return self.documents <= SWEPT_WITH_EVERY_RUN or run_time - self.swept_at >= SWEEP_INTERVAL


class StoredRun(NamedTuple):
    """A run as Firestore has it. The document is that of the latest attempt; the earlier ones are kept beside it.

    Other tools write to the collection, too. A field that is absent or malformed has the default.

    Attributes:
        id: the document's id (functions.shared.records.ids.run_id).
        latest: the latest attempt.
        scheduled_for: the time that the run is for.
        attempts: how often the run was called.
        earlier_attempts: the attempts before it, the oldest first.
        queues: what kept the queues from working; None if they worked.
        sweeps: the last sweeps, by the stages of a run that make them: `scheduling`, `enrollment` and
            `address_changes`. Each run carries them on.
        statistics: what it learned from the email provider's statistics; None where it did not ask.
        stopped_because: why the breaker has stopped it; empty if it has not.
    """

    id: str
    latest: RunAttempt
    scheduled_for: datetime | None = None
    attempts: int = 0
    earlier_attempts: tuple[RunAttempt, ...] = ()
    queues: QueueCondition | None = None
    sweeps: Mapping[str, Sweep] = {}
    statistics: StatisticsReading | None = None
    stopped_because: str = ""

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "StoredRun":
        """Read a document, whatever is in it; a run that was never called where there is no document.

        Args:
            snapshot: a FoundDocument, of all fields or of some.
        """
        fields = snapshot.fields or {}
        latest, attempts = RunAttempt.from_fields(fields), fields.get("attempts")
        read = [RunAttempt.from_fields(each) for each in _list(fields, "earlier_attempts") if isinstance(each, dict)]
        earlier_attempts = tuple(each for each in read if each.attempt)
        return cls(
            id=snapshot.id,
            scheduled_for=plausible(fields.get("scheduled_for")),
            attempts=attempts
            if isinstance(attempts, int) and attempts >= 0
            else len(earlier_attempts) + bool(latest.attempt),
            latest=latest,
            earlier_attempts=earlier_attempts,
            queues=next((condition for condition in QueueCondition if condition == fields.get("queues")), None),
            sweeps=_sweeps(fields.get("sweeps")),
            statistics=StatisticsReading.from_fields(fields.get("statistics")),
            stopped_because=stored_text(fields, "stopped_because"),
        )


def state_of_shares(shares: Mapping[int, RunShare]) -> RunState:
    """The state of a run whose shares have these states."""
    states = {share.state for share in shares.values()}
    for state in (RunState.RUNNING, RunState.FAILED):
        if state in states:
            return state
    return RunState.FINISHED


def _state(value: Any) -> RunState | None:
    return next((state for state in RunState if state == value), None)


def _counters(fields: Mapping[str, Any]) -> dict[str, int]:
    return {name: fields[name] for name in RUN_COUNTERS if _is_count(fields.get(name))}


def _shares(shares: Any) -> dict[int, RunShare]:
    """The shares of an attempt, leaving out what no dispatcher has written."""
    return {
        int(name): RunShare(state=state, counters=_counters(noted))
        for name, noted in (shares.items() if isinstance(shares, dict) else ())
        if name.isdecimal() and len(name) <= _LONGEST_NAME and isinstance(noted, dict)
        if (state := _state(noted.get("state")))
    }


def _sweeps(sweeps: Any) -> dict[str, Sweep]:
    read = {name: Sweep.from_fields(sweep) for name, sweep in (sweeps.items() if isinstance(sweeps, dict) else ())}
    return {name: sweep for name, sweep in read.items() if sweep}


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    return value if isinstance(value, list) else []
