"""What the function does with the events of one call: folds them into their deliveries' records.

What they mean for the addresses comes first: if this process ends in between, the provider sends the events again, and
they are still news. A delivery's record is written once for a call, however many events the call brings of it, and not
at all if they say nothing new.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.mail_events.address_pauses import AddressPauses
from functions.mail_events.received_events import ReceivedEvents
from functions.mail_events.record_store import RecordStore, WriteResult
from functions.shared.mail_event import MailEvent, MailRecord

_MOST_ROUNDS = 5
"""How often to read records again because other calls have written them first."""

_USERS_AT_ONCE = 8

_logger = structlog.get_logger()


class EventsNotStored(Exception):
    """Some events could not be stored for now: the provider must send them again."""


class TakeEvents:
    """Takes the events of a call. Safe for threads.

    Args:
        records: reads and writes the records.
        pauses: keeps mail from addresses that bounce or want none.
    """

    def __init__(self, records: RecordStore, pauses: AddressPauses) -> None:
        self._records = records
        self._pauses = pauses

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
            not_paused = self._pause(changed, records, pending)
            failed |= not_paused
            results = self._records.write([record for record in changed if record.id not in not_paused])
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

    def _pause(
        self,
        changed: Iterable[MailRecord],
        before: Mapping[str, MailRecord],
        events: Mapping[str, Sequence[MailEvent]],
    ) -> set[str]:
        """Keep mail from the addresses that the news are about. Returns the deliveries for which that failed."""
        by_user: dict[str, list[MailEvent]] = {}
        for record in changed:
            if record.user_id and (news := _pausing_news(before[record.id], record, events[record.id])):
                by_user.setdefault(record.user_id, []).extend(news)
        failed: set[str] = set()
        if by_user:
            with ThreadPoolExecutor(min(len(by_user), _USERS_AT_ONCE)) as pool:
                for found in pool.map(self._pause_user, by_user, by_user.values()):
                    failed |= found
        return failed

    def _pause_user(self, user_id: str, events: Sequence[MailEvent]) -> set[str]:
        try:
            self._pauses.apply(user_id, events)
        except GoogleAPIError as error:
            _logger.warning("address_not_paused", user_id=user_id, error=type(error).__name__)
        except Exception:
            _logger.exception("pause_failed_unexpectedly", user_id=user_id)
        else:
            return set()
        return {event.delivery_id for event in events}


def _pausing_news(before: MailRecord, after: MailRecord, events: Iterable[MailEvent]) -> list[MailEvent]:
    """The events after which no further mail is to go to the address, and that the record does not have yet."""
    return [
        event
        for event in events
        if event.pauses and before.folded([event]) != before and not after.says_otherwise(event)
    ]


def _by_delivery(events: Iterable[MailEvent]) -> dict[str, list[MailEvent]]:
    found: dict[str, list[MailEvent]] = {}
    for event in events:
        found.setdefault(event.delivery_id, []).append(event)
    return found


def _changed(records: Mapping[str, MailRecord], events: Mapping[str, Sequence[MailEvent]]) -> list[MailRecord]:
    """The records that their events change, with the events in them."""
    folded = {each: (record, record.folded(events[each])) for each, record in records.items()}
    return [after for before, after in folded.values() if after != before]
