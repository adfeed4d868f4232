"""Makes one dead letter for each user whose document is malformed, however many runs meet it. The user gets no task.

The dispatcher writes nothing to such a user: `next_report_at` stays where it is, so the first run after the document is
corrected sends one report over all the missed time.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import structlog
from google.cloud import firestore

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.run_counters import RunCounters
from functions.shared.dead_letter import (
    DEAD_LETTERS,
    DeadLetter,
    DeadLetterReason,
    DeadLetterState,
    StoredDeadLetter,
)
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.ids import malformed_user_letter_id
from functions.shared.run import RunCounter

_THREADS = 16

_AT_ONCE = 100

_logger = structlog.get_logger()


class MalformedUsers:
    """Publishes their dead letters.

    Args:
        client: the Firestore client.
        dead_letters: the topic.
        counters: where `malformed` and `errors` are counted.
        run_id: the id of the run.
    """

    def __init__(
        self, client: firestore.Client, dead_letters: DeadLetterTopic, counters: RunCounters, *, run_id: str
    ) -> None:
        self._client = client
        self._dead_letters = dead_letters
        self._counters = counters
        self._run_id = run_id

    def tell(self, users: Sequence[DueUser]) -> None:
        """Publish a dead letter for each user who has none yet. It raises nothing: each error is counted and logged."""
        for start in range(0, len(users), _AT_ONCE):
            batch = users[start : start + _AT_ONCE]
            try:
                letters = self._letters(batch)
            except Exception:
                _logger.exception("dead_letters_unreadable", run_id=self._run_id)
                letters = {}
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(lambda user: self._tell(user, letters.get(user.user_id)), batch))  # noqa: B023

    def _letters(self, users: Sequence[DueUser]) -> dict[str, StoredDeadLetter | None]:
        """The dead letter of each user, by the user's id."""
        collection = self._client.collection(DEAD_LETTERS)
        of = {malformed_user_letter_id(user.user_id): user.user_id for user in users}
        references = [collection.document(letter_id) for letter_id in of]
        found = self._client.get_all(references, field_paths=["state", "failed_at"])
        return {of[snapshot.id]: StoredDeadLetter.from_snapshot(snapshot) for snapshot in found}

    def _tell(self, user: DueUser, letter: StoredDeadLetter | None) -> None:
        if not is_told(letter, updated_at=user.updated_at):
            try:
                self._dead_letters.publish(self._letter(user))
            except Exception:
                self._counters.add_error()
                _logger.exception("dead_letter_not_published", run_id=self._run_id, user_id=user.user_id)
                return
        self._counters.add(RunCounter.MALFORMED)
        _logger.error(
            "user_malformed",
            run_id=self._run_id,
            dead_letter=malformed_user_letter_id(user.user_id),
            user_id=user.user_id,
            field=user.problem.partition(":")[0],
            error=user.problem,
        )

    def _letter(self, user: DueUser) -> DeadLetter:
        # It names no report: there is none to replay, since the next run makes the report.
        return DeadLetter(
            user_id=user.user_id,
            run_id=self._run_id,
            reason=DeadLetterReason.PERMANENT_ERROR,
            error=f"the user's document: {user.problem}; correct it and dismiss this, the next run sends the report",
            attempts=0,
            failed_at=datetime.now(UTC),
            letter_id=malformed_user_letter_id(user.user_id),
        )


def is_told(letter: StoredDeadLetter | None, *, updated_at: datetime) -> bool:
    """Whether people know of a malformed user. Pure.

    Args:
        letter: the user's dead letter; None where there is none.
        updated_at: when the user's document was last written. A dead letter that was closed says nothing about a
            document that has been written since.
    """
    if letter is None:
        return False
    return letter.state is DeadLetterState.OPEN or (letter.failed_at is not None and updated_at <= letter.failed_at)


def unservable(user: DueUser, error: Exception, *, run_id: str) -> DueUser:
    """A user whom the run cannot serve for a reason that no code foresees: handled like one who is malformed.

    Call it where the error is handled: it logs the traceback.
    """
    _logger.exception("user_not_served", run_id=run_id, user_id=user.user_id)
    return user._replace(problem=f"the dispatcher fails at it: {type(error).__name__}")
