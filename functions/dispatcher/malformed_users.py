"""Users who get no task, since their document is malformed: one dead letter for each, however many runs meet it.

Nothing is written to such a user: `next_report_at` stays where it is, so the first run after the document has been
mended sends one report over all the time that was missed.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import structlog
from google.cloud import firestore

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.figures import Figures
from functions.shared.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.ids import malformed_user_letter_id

_THREADS = 16

_AT_ONCE = 100

_logger = structlog.get_logger()


class MalformedUsers:
    """Publishes their dead letters.

    Args:
        client: the Firestore client.
        dead_letters: where they go.
        figures: where `malformed` is counted, and `errors`.
        run_id: the run's.
    """

    def __init__(
        self, client: firestore.Client, dead_letters: DeadLetterTopic, figures: Figures, *, run_id: str
    ) -> None:
        self._client = client
        self._dead_letters = dead_letters
        self._figures = figures
        self._run_id = run_id

    def tell(self, users: Sequence[DueUser]) -> None:
        """Make a dead letter of each user who has none yet. No error leaves here: each is counted and logged."""
        for start in range(0, len(users), _AT_ONCE):
            batch = users[start : start + _AT_ONCE]
            try:
                letters = self._letters(batch)
            except Exception:
                _logger.exception("Dead letters cannot be read.", run_id=self._run_id)
                letters = {}
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(lambda user: self._tell(user, letters.get(user.user_id)), batch))  # noqa: B023

    def _letters(self, users: Sequence[DueUser]) -> dict[str, Mapping[str, Any] | None]:
        """What is kept of each user, by the user's id."""
        collection = self._client.collection("dead_letters")
        of = {malformed_user_letter_id(user.user_id): user.user_id for user in users}
        references = [collection.document(letter_id) for letter_id in of]
        found = self._client.get_all(references, field_paths=["state", "failed_at"])
        return {of[snapshot.id]: snapshot.to_dict() for snapshot in found}

    def _tell(self, user: DueUser, letter: Mapping[str, Any] | None) -> None:
        if not is_told(letter, updated_at=user.updated_at):
            try:
                self._dead_letters.publish(self._letter(user))
            except Exception:
                self._figures.add_error()
                _logger.exception("A dead letter cannot be published.", run_id=self._run_id, user_id=user.user_id)
                return
        self._figures.add("malformed")
        _logger.error(
            "A user gets no report.",
            run_id=self._run_id,
            dead_letter=malformed_user_letter_id(user.user_id),
            user_id=user.user_id,
            field=user.problem.partition(":")[0],
            error=user.problem,
        )

    def _letter(self, user: DueUser) -> DeadLetter:
        # It names no report: there is none to replay, since the next run makes it.
        return DeadLetter(
            user_id=user.user_id,
            run_id=self._run_id,
            reason=DeadLetterReason.PERMANENT_ERROR,
            error=f"the user's document: {user.problem}; mend it and dismiss this, the next run sends the report",
            attempts=0,
            failed_at=datetime.now(UTC),
            letter_id=malformed_user_letter_id(user.user_id),
        )


def is_told(letter: Mapping[str, Any] | None, *, updated_at: datetime) -> bool:
    """Whether people know of a malformed user. Pure.

    Args:
        letter: the fields of the user's dead letter; None where there is none.
        updated_at: when the user's document was last written. A letter that was closed says nothing of a document that
            has been written since.
    """
    if letter is None:
        return False
    failed_at = letter.get("failed_at")
    return letter.get("state") == "open" or (isinstance(failed_at, datetime) and updated_at <= failed_at)
