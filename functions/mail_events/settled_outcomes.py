"""Settles deliveries of unknown outcome by the events that came about them, and tells people whom an alert may have
told of a dead letter."""

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.unknown_outcome import settle
from functions.shared.records.mail_event import MailRecord
from functions.shared.threads import Threads

_AT_ONCE = 8

_logger = structlog.get_logger()


class SettledOutcomes:
    """Settles deliveries. Safe for threads.

    Args:
        letters: reads and writes deliveries with their dead letters.
        topic: where people are told. Where that fails, the dead letter is closed all the same.
        now: the present, in UTC.
    """

    def __init__(self, letters: LetterStore, topic: DeadLetterTopic, now: Callable[[], datetime]) -> None:
        self._letters = letters
        self._topic = topic
        self._now = now

    def settle(self, records: Iterable[MailRecord]) -> dict[str, bool | None]:
        """Settle the deliveries of some records.

        Args:
            records: with the events in them.

        Returns:
            whether each delivery is sent now, by id; None where it could not be settled. False where another process
            has acted on it since it was read.
        """
        records = list(records)
        if not records:
            return {}
        with Threads(min(len(records), _AT_ONCE)) as pool:
            return dict(zip((each.id for each in records), pool.map(self._settle, records), strict=True))

    def _settle(self, record: MailRecord) -> bool | None:
        try:
            settled = settle(self._letters, record.id, record, now=self._now(), tell=self._topic.tell)
        except GoogleAPIError as error:
            _logger.warning("outcome_not_settled", delivery_id=record.id, error=type(error).__name__)
            return None
        except Exception:
            _logger.exception("settling_failed_unexpectedly", delivery_id=record.id)
            return None
        if settled.delivery or settled.letter:
            _logger.info("outcome_settled", delivery_id=record.id, closed_dead_letter=bool(settled.letter))
        return settled.is_sent
