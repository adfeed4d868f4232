"""Keeps each dead letter in `dead_letters/{letter_id}`, once even if its message comes again.

If a message comes again, or reports a failure that is already stored, the store changes nothing that an operator or an
alert depends on.
"""

from datetime import datetime
from typing import Any

from functions.dlq_handler.intake.received_dead_letter import ReceivedDeadLetter
from functions.dlq_handler.store.alertable_records import AlertableRecords, DocumentFields, new_alert_fields
from functions.shared.records.dead_letter import (
    DEAD_LETTERS,
    OPEN_LETTER_RETENTION,
    VARIOUS_CAUSES,
    StoredDeadLetter,
    settled_letter_fields,
)


class DeadLetterStore(AlertableRecords[StoredDeadLetter]):
    """The collection of dead letters."""

    collection = DEAD_LETTERS
    record = StoredDeadLetter
    # Not the content of a message that is not a dead letter: it takes half a megabyte.
    shown_fields = (
        *("reason", "error", "attempts", "cause", "received_at", "alerted_at", "alerts", "state"),
        *("payload.user_id", "payload.subscription_id", "payload.delivery_id", "payload.due_at", "payload.kind"),
        *("payload.run_id", "payload.bytes"),
    )
    various_causes = VARIOUS_CAUSES

    def store(self, received: ReceivedDeadLetter, *, now: datetime, was_sent: bool = False) -> StoredDeadLetter:
        """Store a dead letter, once even if its message comes again.

        Args:
            received: the dead letter.
            now: the present, in UTC.
            was_sent: whether its report is known to have been sent after all.

        Returns:
            The dead letter as Firestore then has it.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """

        def merge(existing: DocumentFields | None) -> DocumentFields:
            stored = None if existing is None else StoredDeadLetter.from_fields(received.id, existing)
            return dead_letter_changes(stored, received, now=now, was_sent=was_sent)

        return self.put(received.id, merge)


def dead_letter_changes(
    stored: StoredDeadLetter | None, received: ReceivedDeadLetter, *, now: datetime, was_sent: bool = False
) -> dict[str, Any]:
    """Decide what a message changes of the stored dead letter.

    | stored | message | changes |
    | --- | --- | --- |
    | nothing | any | everything is written, and the dead letter needs an alert |
    | malformed, so that no alert would find it | any | likewise |
    | anything else | reports no later failure: the message was delivered or published twice | nothing |
    | replayed, dismissed, settled, or in replay | reports a later failure | likewise opened again, with a new alert |
    | open | reports a later failure | the failure is renewed; `received_at` and what the channels know stay |

    Where the report was sent after all, what would be opened is settled at once, so that no alert ever finds it.

    Args:
        stored: the dead letter, read with all its fields; None where there is none.
        received: the dead letter that the message brings.
        now: the present.
        was_sent: whether the report is known to have been sent after all.

    Returns:
        The fields to write; none if nothing changes.
    """
    expiry = {"expire_at": now + OPEN_LETTER_RETENTION}
    opened = new_alert_fields(now=now) | (settled_letter_fields(now=now) if was_sent else expiry)
    if stored is None or stored.problem or stored.failed_at is None:
        return received.to_fields() | opened
    if received.failed_at <= stored.failed_at:
        return {}
    if stored.opens_again:
        return received.to_fields() | opened | {"in_replay": False}
    return received.to_fields() | expiry
