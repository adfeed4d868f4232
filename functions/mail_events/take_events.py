"""What the function does with the events of one call: folds them into their deliveries' records.

A delivery's record is written once for a call, however many events the call brings of it, and not at all if they say
nothing new.
"""

from collections.abc import Iterable, Mapping, Sequence

import structlog

from functions.mail_events.received_events import ReceivedEvents
from functions.mail_events.record_store import RecordStore, WriteResult
from functions.shared.mail_event import MailEvent, MailRecord

_MOST_ROUNDS = 5
"""How often to read records again because other calls have written them first."""

_logger = structlog.get_logger()


class EventsNotStored(Exception):
    """Some events could not be stored for now: the provider must send them again."""


class TakeEvents:
    """Takes the events of a call. Safe for threads.

    Args:
        records: reads and writes the records.
    """

    def __init__(self, records: RecordStore) -> None:
        self._records = records

    def __call__(self, received: ReceivedEvents) -> None:
        """Fold the events in.

        Args:
            received: the call's.

        Raises:
            EventsNotStored: some are not stored; the others are.
            google.api_core.exceptions.GoogleAPIError: Firestore could not be reached.
        """
        pending = _by_delivery(received.events)
        counts = {"stored": 0, "unchanged": 0, "unknown_delivery": 0}
        failed: set[str] = set()
        for _ in range(_MOST_ROUNDS):
            if not pending:
                break
            records = self._records.read(pending)
            counts["unknown_delivery"] += len(pending.keys() - records.keys())
            changed = _changed(records, pending)
            counts["unchanged"] += len(records) - len(changed)
            results = self._records.write(changed)
            for delivery_id, result in results.items():
                if result is WriteResult.REFUSED:
                    _logger.error("record_refused", delivery_id=delivery_id)
            counts["stored"] += sum(result is WriteResult.WRITTEN for result in results.values())
            failed |= {each for each, result in results.items() if result is WriteResult.FAILED}
            again = {each for each, result in results.items() if result is WriteResult.CHANGED_MEANWHILE}
            pending = {each: events for each, events in pending.items() if each in again}
        failed |= pending.keys()
        _logger.info(
            "events_taken",
            events=len(received.events),
            **counts,
            failed=len(failed),
            **{why.value: count for why, count in received.passed.items()},
        )
        if failed:
            raise EventsNotStored


def _by_delivery(events: Iterable[MailEvent]) -> dict[str, list[MailEvent]]:
    found: dict[str, list[MailEvent]] = {}
    for event in events:
        found.setdefault(event.delivery_id, []).append(event)
    return found


def _changed(records: Mapping[str, MailRecord], events: Mapping[str, Sequence[MailEvent]]) -> list[MailRecord]:
    """The records that their events change, with the events in them."""
    folded = {each: (record, record.folded(events[each])) for each, record in records.items()}
    return [after for before, after in folded.values() if after != before]
