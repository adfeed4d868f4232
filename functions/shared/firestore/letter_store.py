"""Reads and writes a delivery and its dead letter together: what one says of the other holds."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from functions.shared.firestore.database import Database
from functions.shared.firestore.outcomes import keep
from functions.shared.firestore.write import Write, changed
from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterState, StoredDeadLetter, replayed_fields
from functions.shared.records.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord
from functions.shared.records.outcome import outcome_of

Result = TypeVar("Result")


class ReportDocuments(NamedTuple):
    """What Firestore has about a report, all read at one moment. Each is None where there is no document.

    Attributes:
        delivery: the report's.
        letter: its dead letter.
        record: its mail events.
    """

    delivery: Delivery | None
    letter: StoredDeadLetter | None
    record: MailRecord | None

    @property
    def is_proof(self) -> bool:
        """Whether the email provider has accepted the email."""
        has_event = self.record is not None and self.record.proves_acceptance
        return has_event or (self.delivery is not None and self.delivery.state is DeliveryState.SENT)


Fields = Mapping[str, Any]

Decide = Callable[[ReportDocuments], tuple[Result, Fields, Fields]]
"""Decides by what is there: returns its result, and the fields to write to the delivery and to its dead letter; none
where it stays."""


class LetterStore:
    """Reads and writes deliveries with their dead letters. Safe for threads.

    Args:
        database: the Firestore database.
        keeps_outcomes: whether the team's application is to be told of what becomes final here: the next run does that
            (functions.shared.firestore.outcomes).
    """

    def __init__(self, database: Database, *, keeps_outcomes: bool = False) -> None:
        self._database = database
        self._keeps_outcomes = keeps_outcomes

    def decide(self, delivery_id: str, decide: Decide[Result], *, letter_id: str = "") -> Result:
        """Read the documents at one moment, decide, and write what was decided: all or nothing. Where others have
        written them meanwhile, decide again.

        Args:
            delivery_id: which delivery.
            decide: see Decide.
            letter_id: the dead letter's id, where that is not the delivery's.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore failed, or others kept writing the documents.
        """
        places = (
            f"{DELIVERIES}/{delivery_id}",
            f"{DEAD_LETTERS}/{letter_id or delivery_id}",
            f"{MAIL_EVENTS}/{delivery_id}",
        )

        def turn() -> tuple[Result, list[Write]]:
            found = self._database.get_all(places)
            delivery, letter, record = (found[path] for path in places)
            documents = ReportDocuments(
                Delivery.from_snapshot(delivery),
                StoredDeadLetter.from_snapshot(letter),
                MailRecord.from_snapshot(record),
            )
            result, of_delivery, of_letter = decide(documents)
            fields = ((delivery, of_delivery), (letter, of_letter))
            writes = [changed(document, each) for document, each in fields if each]
            return result, [*writes, *self._kept(documents.delivery, of_delivery)]

        return self._database.until_written(turn)

    def _kept(self, delivery: Delivery | None, fields: Fields) -> list[Write]:
        """What keeps the outcome of a delivery to which these fields are written, if any."""
        if not self._keeps_outcomes or delivery is None or not fields:
            return []
        outcome = outcome_of(delivery.changed(fields, fields["updated_at"]))
        return [keep(outcome)] if outcome else []

    def read(self, delivery_id: str) -> ReportDocuments:
        """Read the documents; as above."""
        return self.decide(delivery_id, lambda found: (found, {}, {}))

    def close(self, delivery_id: str, *, now: datetime) -> None:
        """Mark the dead letter of a replayed delivery that is final now, where the replay was interrupted before it
        did."""

        def decide(found: ReportDocuments) -> tuple[None, Fields, Fields]:
            letter = found.letter
            is_left = letter is not None and letter.state is DeadLetterState.OPEN and letter.in_replay
            return None, {}, replayed_fields(now=now) if is_left else {}

        self.decide(delivery_id, decide)
