"""Makes one dead letter for each malformed document, however many runs meet it. Its reports get no task.

The document is a subscription or, where none of a user's subscriptions can be served, the user. The dispatcher writes
nothing to it, except the null by which an index finds it (scheduling.py, enrollment.py): its due time stays where it
is, so the first run after the document is corrected sends one report over all the missed time.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.run_counters import RunCounters
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import Database
from functions.shared.records.dead_letter import (
    DEAD_LETTERS,
    DeadLetter,
    DeadLetterReason,
    DeadLetterState,
    StoredDeadLetter,
)
from functions.shared.records.ids import malformed_letter_id
from functions.shared.records.run import RunCounter
from functions.shared.threads import Threads

_THREADS = 16

_AT_ONCE = 100

_logger = structlog.get_logger()


class MalformedDocuments:
    """Publishes the dead letters of malformed documents.

    Args:
        database: the Firestore database.
        dead_letters: the topic.
        counters: where `malformed` and `errors` are counted.
        run_id: the id of the run.
        now: the present, in UTC.
    """

    def __init__(
        self,
        database: Database,
        dead_letters: DeadLetterTopic,
        counters: RunCounters,
        *,
        run_id: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._dead_letters = dead_letters
        self._counters = counters
        self._run_id = run_id
        self._now = now

    def tell(self, dues: Sequence[DueSubscription]) -> None:
        """Publish a dead letter for each malformed document that has none yet. It raises nothing: each error is counted
        and logged.

        Args:
            dues: the subscriptions that get no report, each with its `problem`.
        """
        of_letter: defaultdict[str, list[DueSubscription]] = defaultdict(list)
        for due in dues:
            of_letter[_letter_id(due)].append(due)
        letter_ids = list(of_letter)
        for start in range(0, len(letter_ids), _AT_ONCE):
            batch = letter_ids[start : start + _AT_ONCE]
            try:
                letters = self._read(batch)
            except Exception:
                _logger.exception("dead_letters_unreadable", run_id=self._run_id)
                letters = {}
            with Threads(_THREADS) as threads:
                list(threads.map(lambda each: self._tell(of_letter[each], letters.get(each)), batch))  # noqa: B023

    def _read(self, letter_ids: Sequence[str]) -> dict[str, StoredDeadLetter | None]:
        """The dead letters, by their ids."""
        paths = [f"{DEAD_LETTERS}/{letter_id}" for letter_id in letter_ids]
        found = self._database.get_all(paths, fields=["state", "failed_at"]).values()
        return {each.id: StoredDeadLetter.from_snapshot(each) for each in found}

    def _tell(self, dues: Sequence[DueSubscription], letter: StoredDeadLetter | None) -> None:
        """Publish the dead letter of one document. All of these subscriptions get no reports because of it."""
        due = dues[0]
        if not is_told(letter, updated_at=due.updated_at):
            try:
                self._dead_letters.publish(self._letter(due))
            except Exception:
                self._counters.add_error(len(dues))
                _logger.exception("dead_letter_not_published", run_id=self._run_id, user_id=due.user_id)
                return
        self._counters.add(RunCounter.MALFORMED, len(dues))
        for each in dues:
            _logger.error(
                "subscription_malformed",
                run_id=self._run_id,
                dead_letter=_letter_id(each),
                user_id=each.user_id,
                subscription_id=each.subscription_id,
                document=_document(each),
                field=each.problem.partition(":")[0],
                error=each.problem,
            )

    def _letter(self, due: DueSubscription) -> DeadLetter:
        # It names no report to replay, since the next run makes the report.
        return DeadLetter(
            user_id=due.user_id,
            subscription_id=None if due.is_users else due.subscription_id,
            run_id=self._run_id,
            reason=DeadLetterReason.PERMANENT_ERROR,
            error=f"the {_document(due)}'s document: {due.problem}; "
            "correct it and dismiss this, the next run sends the report",
            attempts=0,
            failed_at=self._now(),
            letter_id=_letter_id(due),
        )


def _document(due: DueSubscription) -> str:
    return "user" if due.is_users else "subscription"


def _letter_id(due: DueSubscription) -> str:
    return malformed_letter_id(due.user_id) if due.is_users else malformed_letter_id(due.user_id, due.subscription_id)


def is_told(letter: StoredDeadLetter | None, *, updated_at: datetime) -> bool:
    """Whether people know of a malformed document. Pure.

    Args:
        letter: the document's dead letter; None where there is none.
        updated_at: when the document was last written. A dead letter that was closed says nothing about a document that
            has been written since.
    """
    if letter is None:
        return False
    return letter.state is DeadLetterState.OPEN or (letter.failed_at is not None and updated_at <= letter.failed_at)


def unservable(due: DueSubscription, error: Exception, *, run_id: str) -> DueSubscription:
    """A subscription that the run cannot serve because of an unexpected error: handled like a malformed one.

    Call it where the error is handled: it logs the traceback.
    """
    _logger.exception(
        "subscription_not_served", run_id=run_id, user_id=due.user_id, subscription_id=due.subscription_id
    )
    return due._replace(problem=f"the dispatcher fails at it: {type(error).__name__}")
