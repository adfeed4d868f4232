"""Reports that get no task, since nobody could ever send them: a dead letter says why, and a person is told."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from google.api_core.exceptions import ClientError

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.figures import Figures
from functions.dispatcher.ledger import Found, Ledger
from functions.shared.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.delivery import DeliveryState
from functions.shared.ids import delivery_id

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
        if settled := _settled(delivery):
            reason, error, failed_at, letter_id = settled
        else:
            hours = (self._run_time - user.due_at) // timedelta(hours=1)
            failed_at, letter_id = datetime.now(UTC), None
            if delivery.get("state") == DeliveryState.SENDING:
                reason = DeadLetterReason.UNKNOWN_OUTCOME
                error = f"a worker began to send it, and {hours} hours after it was due nobody has said how that went"
            else:
                reason = DeadLetterReason.LOST
                error = f"still not sent {hours} hours after it was due, and no worker has said why"
        attempts = delivery.get("attempts")
        return DeadLetter(
            user_id=user.user_id,
            delivery_id=delivery_id(user.user_id, user.due_at),
            due_at=user.due_at,
            run_id=self._run_id,
            kind=user.kind,
            reason=reason,
            error=error,
            attempts=attempts if isinstance(attempts, int) else 0,
            failed_at=failed_at,
            letter_id=letter_id,
        )

    def give_up(self, given_up: Sequence[tuple[DueUser, Found | None, DeadLetter]]) -> None:
        """Publish dead letters and note their reports as dead. Each failure is counted and logged.

        Args:
            given_up: whose reports, their deliveries as they were read, and what there is to say.
        """
        if given_up:
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(lambda item: self._give_up(*item), given_up))

    def _give_up(self, user: DueUser, found: Found | None, letter: DeadLetter) -> None:
        """Hold, publish, mark, as a worker does: from before a dead letter is said nobody will send its report.

        Whoever finds the report held, because this process has ended, publishes the same letter and marks it dead.
        """
        try:
            held = self._ledger.hold(user, found, letter)
            if held is None:
                self._figures.add("already_dispatched")
                return
            try:
                self._dead_letters.publish(letter)
            except ClientError:
                self._ledger.release(user, held)
                raise
            if not self._ledger.give_up(user, held, letter):
                _logger.warning(
                    "Somebody has acted on a report while its dead letter was published.",
                    run_id=self._run_id,
                    delivery_id=letter.delivery_id,
                )
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


def _settled(delivery: Mapping[str, Any]) -> tuple[DeadLetterReason, str, datetime, str | None] | None:
    """What is settled of a report that somebody was giving up: reason, error, when, and the letter's own id."""
    reason = next((reason for reason in DeadLetterReason if delivery.get("reason") == reason), None)
    failed_at, error, letter_id = (delivery.get(name) for name in ("failed_at", "last_error", "letter_id"))
    if reason is None or not isinstance(failed_at, datetime):
        return None
    return (
        reason,
        error if isinstance(error, str) else "",
        failed_at,
        letter_id if isinstance(letter_id, str) else None,
    )
