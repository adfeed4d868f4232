"""The document of a run, and those of the runs before it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.cursor import Cursor
from functions.dispatcher.figures import FIGURES
from functions.dispatcher.former_runs import FormerRun
from functions.dispatcher.overdue import LOST_AFTER
from functions.dispatcher.queue_clock import Look, QueueClock, QueueCondition
from functions.dispatcher.run_state import RunState, is_state, of_all_shares, others_have_finished
from functions.shared.plausible_time import plausible

RUN_RETENTION = timedelta(days=90)
"""After this Firestore deletes the record of a run: as long as the deliveries are kept that name it."""

_HISTORY = 50
"""How many former runs are looked at first: two days of hourly ones, which is longer than a report stays due."""

_MOST_HISTORY = 2_000
"""How many are looked at where most of them found the queues paused: a month of a run every half hour."""

_MOST_EARLIER_ATTEMPTS = 10
"""How many attempts before the last are kept. Cloud Scheduler calls again five times at most
(scheduler.yaml); people may call more often."""

_MOST_TRIES = 30
"""Of a transaction: the shares of a run may all end at once."""

_OF_AN_ATTEMPT = {
    "attempt": str,
    "state": str,
    "started_at": datetime,
    "finished_at": datetime,
    "shares": dict,
    **dict.fromkeys(FIGURES, int),
}
"""What is kept of an attempt that is overtaken, and of which type it must be: a field of another type is left out."""

_LONGEST_NAME = 64
"""Of an attempt, which is a UUID, and of a share, which is a number."""

_MOST_DUE = 1_000_000_000
"""The most reports that a former run is believed to have found due: ten times as many as docs/scale.md goes."""


_MOMENTS = ("scheduled_for", "started_at", "finished_at")


class History(NamedTuple):
    """What former runs did.

    Attributes:
        runs: those that have come to their end.
        looks: how each run found the queues, also one that was killed.
    """

    runs: list[FormerRun]
    looks: list[Look]


class RunRecords:
    """Reads and writes `runs`.

    The record is the latest attempt's. A run that begins again finds only those users still due, so what the attempts
    before it did is kept beside that, in `earlier_attempts`, each with its own figures. An attempt that was overtaken
    may still go on, in the shares and rests that wait in a queue: what is noted for it goes there.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client
        self._runs = client.collection("runs")

    def start(self, run_id: str, *, attempt: str, scheduled_for: datetime, started_at: datetime) -> None:
        """Note that a run begins, or begins again."""
        document = self._runs.document(run_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> None:
            before = document.get(transaction=transaction).to_dict() or {}
            earlier = _earlier_attempts(before)
            if (latest := _attempt(before)) is not None:
                earlier.append(latest)
            attempts = before.get("attempts")
            transaction.set(
                document,
                {
                    "scheduled_for": scheduled_for,
                    "started_at": started_at,
                    "finished_at": None,
                    "state": RunState.RUNNING.value,
                    "attempt": attempt,
                    "attempts": (attempts if isinstance(attempts, int) and attempts >= 0 else len(earlier)) + 1,
                    "earlier_attempts": earlier[-_MOST_EARLIER_ATTEMPTS:],
                    "shares": {"0": {"state": RunState.RUNNING.value}},
                    **dict.fromkeys(FIGURES, 0),
                    "expire_at": started_at + RUN_RETENTION,
                },
            )

        carry_out(self._client.transaction(max_attempts=_MOST_TRIES))

    def divide(self, run_id: str, *, attempt: str, cuts: Sequence[Cursor]) -> list[Cursor]:
        """Note that a run is divided.

        Args:
            run_id: the run's.
            attempt: which one at it.
            cuts: where, as functions.dispatcher.shares chooses.

        Returns:
            the cuts that hold: those noted before, where this part of the run is repeated by the queue, since their
            shares are under way. None where the attempt has been overtaken: then nothing is divided any more.
        """

        def change(fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[Cursor]]:
            if noted := fields.get("cuts"):
                return {}, [Cursor.model_validate(place) for place in noted]
            waiting = {str(share): {"state": RunState.RUNNING.value} for share in range(1, len(cuts) + 1)}
            shares = {**_shares(fields.get("shares")), **waiting}
            return {"cuts": [place.model_dump() for place in cuts], "shares": shares}, list(cuts)

        return self._change(run_id, attempt, change) or []

    def note(self, run_id: str, *, attempt: str, share: int, state: RunState, figures: Mapping[str, int]) -> None:
        """Note how a share stands, and with it the run."""

        def change(fields: Mapping[str, Any]) -> tuple[dict[str, Any], None]:
            return _noted(fields, share, state, figures), None

        self._change(run_id, attempt, change, overtaken=change)

    def is_last(self, run_id: str, *, attempt: str, share: int, figures: Mapping[str, int]) -> bool:
        """Note that a share has come to its end, unless all others have, too.

        Returns:
            whether they have: then this share, and no other, goes on with what comes after all of them.
        """

        def change(fields: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
            is_last = others_have_finished(_shares(fields.get("shares")), share)
            state = RunState.RUNNING if is_last else RunState.FINISHED
            return _noted(fields, share, state, figures), is_last

        def overtaken(fields: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
            return _noted(fields, share, RunState.FINISHED, figures), False

        return bool(self._change(run_id, attempt, change, overtaken=overtaken))

    def note_queues(self, run_id: str, *, attempt: str, condition: QueueCondition) -> None:
        """Note that the queues did not simply work; `paused` says more than `behind`."""

        def change(fields: Mapping[str, Any]) -> tuple[dict[str, Any], None]:
            if fields.get("queues") == QueueCondition.PAUSED:
                return {}, None
            return {"queues": condition.value}, None

        self._change(run_id, attempt, change)

    def before(self, run_time: datetime) -> History:
        """The latest runs before a time: so many that the queues worked for a day, whatever pauses lie between."""
        query = (
            self._runs.where(filter=FieldFilter("scheduled_for", "<", run_time))
            .order_by("scheduled_for", direction=firestore.Query.DESCENDING)
            .select([*_MOMENTS, "due", "queues"])
            .limit(_HISTORY)
        )
        runs: list[FormerRun] = []
        looks: list[Look] = []
        for _ in range(_MOST_HISTORY // _HISTORY):
            page = list(query.stream())
            for snapshot in page:
                fields = snapshot.to_dict() or {}
                if at := plausible(fields.get("scheduled_for")):
                    looks.append(Look(at, _condition(fields)))
                if run := _former_run(fields):
                    runs.append(run)
            if len(page) < _HISTORY or (looks and QueueClock(looks).between(looks[-1].at, run_time) > LOST_AFTER):
                break
            query = query.start_after(page[-1])
        return History(runs, looks)

    def _change(self, run_id: str, attempt: str, change: Any, *, overtaken: Any = None) -> Any:
        """Change the record, or where the attempt has been overtaken, what is kept of it, if it still is.

        Args:
            run_id: the run's.
            attempt: which one at it.
            change: gives, for the attempt's fields, those to write and what to return.
            overtaken: the same for an attempt that has been overtaken; None where nothing is to be written then.

        Returns:
            what the change gives; None where nothing was to be written.
        """
        document = self._runs.document(run_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> Any:
            fields = document.get(transaction=transaction).to_dict() or {}
            if fields.get("attempt") == attempt:
                changed, result = change(fields)
                if changed:
                    transaction.update(document, changed)
                return result
            earlier = _earlier_attempts(fields)
            place = next((index for index, kept in enumerate(earlier) if kept["attempt"] == attempt), None)
            if overtaken is None or place is None:
                return None
            changed, result = overtaken(earlier[place])
            earlier[place] |= changed
            transaction.update(document, {"earlier_attempts": earlier})
            return result

        return carry_out(self._client.transaction(max_attempts=_MOST_TRIES))


def _attempt(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is kept of an attempt; None where the fields are of none."""
    kept = {name: fields[name] for name, kind in _OF_AN_ATTEMPT.items() if isinstance(fields.get(name), kind)}
    if "shares" in kept:
        kept["shares"] = _shares(kept["shares"])
    return kept if 0 < len(kept.get("attempt", "")) <= _LONGEST_NAME else None


def _earlier_attempts(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    kept = fields.get("earlier_attempts")
    found = (_attempt(each) for each in kept if isinstance(each, dict)) if isinstance(kept, list) else ()
    return [attempt for attempt in found if attempt is not None]


def _shares(shares: Any) -> dict[str, dict[str, Any]]:
    """The shares of an attempt, leaving out what no dispatcher has written."""
    if not isinstance(shares, dict):
        return {}
    return {
        name: {
            "state": noted["state"],
            **{figure: noted[figure] for figure in FIGURES if isinstance(noted.get(figure), int)},
        }
        for name, noted in shares.items()
        if name.isdigit() and len(name) <= _LONGEST_NAME and isinstance(noted, dict) and is_state(noted.get("state"))
    }


def _noted(fields: Mapping[str, Any], share: int, state: RunState, figures: Mapping[str, int]) -> dict[str, Any]:
    shares = {**_shares(fields.get("shares")), str(share): {"state": state.value, **figures}}
    whole = of_all_shares(shares)
    finished_at = None if whole is RunState.RUNNING else datetime.now(UTC)
    totals = {name: sum(noted.get(name, 0) for noted in shares.values()) for name in FIGURES}
    return {"shares": shares, "state": whole.value, "finished_at": finished_at, **totals}


def _former_run(fields: Mapping[str, Any]) -> FormerRun | None:
    moments = {name: moment for name in _MOMENTS if (moment := plausible(fields.get(name)))}
    due = fields.get("due")
    if len(moments) < len(_MOMENTS) or not isinstance(due, int) or not 0 <= due <= _MOST_DUE:
        return None
    return FormerRun(**moments, due=due, is_behind=_condition(fields) is QueueCondition.BEHIND)


def _condition(fields: Mapping[str, Any]) -> QueueCondition | None:
    return next((condition for condition in QueueCondition if fields.get("queues") == condition), None)
