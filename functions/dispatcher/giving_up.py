"""Reports that get no task, since nobody could ever send them: a dead letter says why, and a person is told."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.figures import Figures
from functions.dispatcher.ledger import Ledger
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.models import DeadLetter, DeliveryState, Reason, delivery_id

_THREADS = 16

_logger = structlog.get_logger()


class GivingUp:
    """Publishes dead letters, and takes the reports out of the run.

    Args:
        dead_letters: where they go.
        ledger: where a report is noted as dead.
        figures: where `lost` and `errors` are counted.
        run_id: the run's.
        run_time: the time that it is for.
    """

    def __init__(
        self, dead_letters: DeadLetterTopic, ledger: Ledger, figures: Figures, *, run_id: str, run_time: datetime
    ) -> None:
        self._dead_letters = dead_letters
        self._ledger = ledger
        self._figures = figures
        self._run_id = run_id
        self._run_time = run_time

    def lost(self, user: DueUser, delivery: Mapping[str, Any]) -> DeadLetter:
        """The dead letter of a report that has been due for too long.

        Where a worker began to send it and never said how that went, nobody may say that it was not sent: who replays a
        lost report means to send it for the first time.

        Args:
            user: whose report.
            delivery: its fields in the ledger.
        """
        hours = (self._run_time - user.due_at) // timedelta(hours=1)
        if delivery.get("state") == DeliveryState.SENDING:
            reason = Reason.UNKNOWN_OUTCOME
            error = f"a worker began to send it, and {hours} hours after it was due nobody has said how that went"
        else:
            reason = Reason.LOST
            error = f"still not sent {hours} hours after it was due, and no worker has said why"
        attempts = delivery.get("attempts")
        return self._letter(user, reason, error, attempts=attempts if isinstance(attempts, int) else 0)

    def give_up(self, given_up: Sequence[tuple[DueUser, DeadLetter]]) -> None:
        """Publish dead letters and note their reports as dead. Each failure is counted and logged."""
        if given_up:
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(lambda item: self._give_up(*item), given_up))

    def _give_up(self, user: DueUser, letter: DeadLetter) -> None:
        """The dead letter first: if it cannot be published nothing is marked, and the report is found again."""
        try:
            self._dead_letters.publish(letter)
            self._ledger.give_up(user, reason=letter.reason, error=letter.error)
        except Exception as error:
            # Also what nobody foresaw of this one report: all others are given up, too.
            self._figures.add_error()
            _logger.exception(
                "A report cannot be given up.", run_id=self._run_id, user_id=user.user_id, error=type(error).__name__
            )
            return
        self._figures.add("lost")
        _logger.error(
            "A report will not be sent.",
            run_id=self._run_id,
            user_id=user.user_id,
            delivery_id=letter.delivery_id,
            reason=letter.reason.value,
            error=letter.error,
        )

    def _letter(self, user: DueUser, reason: Reason, error: str, *, attempts: int) -> DeadLetter:
        return DeadLetter(
            user_id=user.user_id,
            delivery_id=delivery_id(user.user_id, user.due_at),
            due_at=user.due_at,
            run_id=self._run_id,
            kind=user.kind,
            reason=reason,
            error=error,
            attempts=attempts,
            failed_at=datetime.now(UTC),
        )
