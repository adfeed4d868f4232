"""What the function does with the events of one call: folds them into their deliveries' records.

What they mean for the addresses, and for a delivery of unknown outcome, comes first: if this process ends in between,
the provider sends the events again, and they are still news. A delivery's record is written once for a call, however
many events the call brings of it, and not at all if they say nothing new.

A delivery that is not final when its first event comes may still be given up by a worker that does not see the event.
So its record says that it was unfinished, and the delivery is read again: after the record is written, and with each
later call about it.
"""

from collections.abc import Iterable, Mapping, Sequence

import structlog
from google.api_core.exceptions import Aborted, GoogleAPIError, InvalidArgument, OutOfRange

from functions.mail_events.address_pauses import AddressPauses, News
from functions.mail_events.received_events import ReceivedEvents
from functions.mail_events.record_store import RecordStore
from functions.mail_events.settled_outcomes import SettledOutcomes
from functions.shared.firestore.outcomes import Outcomes
from functions.shared.firestore.unknown_outcome import is_settled_by_event, was_settled_by_event
from functions.shared.outcome_topic import OutcomeNotTold
from functions.shared.records.delivery import Delivery
from functions.shared.records.mail_event import MailEvent, MailRecord
from functions.shared.records.outcome import Outcome, mail_outcome
from functions.shared.sanitize import error_text
from functions.shared.threads import Threads

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
        pauses: keeps email from addresses that bounce or want none.
        settled: settles deliveries of unknown outcome.
        outcomes: tells the team's application what became of reports; None where it wants to hear nothing.
    """

    def __init__(
        self,
        records: RecordStore,
        pauses: AddressPauses,
        settled: SettledOutcomes,
        outcomes: Outcomes | None = None,
    ) -> None:
        self._records = records
        self._pauses = pauses
        self._settled = settled
        self._outcomes = outcomes

    def __call__(self, received: ReceivedEvents) -> None:
        """Fold the events in.

        Args:
            received: the call's.

        Raises:
            EventsNotStored: some are not stored; the others are.
            google.api_core.exceptions.GoogleAPIError: Firestore could not be reached.
        """
        left = _by_delivery(received.events)
        counts = {"stored": 0, "unchanged": 0, "unknown_delivery": 0}
        failed: set[str] = set()
        told: list[Outcome] = []
        for _ in range(_MOST_ROUNDS):
            if not left:
                break
            again, not_taken = self._take(left, counts, told)
            failed |= not_taken
            left = {each: events for each, events in left.items() if each in again}
        failed |= left.keys()
        _logger.info(
            "events_taken",
            events=len(received.events),
            **counts,
            failed=len(failed),
            **{why.value: count for why, count in received.passed.items()},
        )
        self._tell(told)
        if failed:
            raise EventsNotStored

    def _tell(self, told: Sequence[Outcome]) -> None:
        """Tell the application of all of the call's events, also of those that the records have already: the provider
        sends them again if the call before was interrupted."""
        try:
            if self._outcomes:
                self._outcomes.tell_all(told)
        except OutcomeNotTold as error:
            _logger.warning("outcomes_not_told", error=error_text(error))
            raise EventsNotStored from error

    def _take(
        self, events: Mapping[str, Sequence[MailEvent]], counts: dict[str, int], told: list[Outcome]
    ) -> tuple[set[str], set[str]]:
        """Fold events into the records as they are now.

        Args:
            events: by delivery.
            counts: what is counted.
            told: what the application is to be told is added to it.

        Returns:
            the deliveries whose records another call has written first, and those for which something failed.
        """
        found = self._records.read(events)
        folded = {each: record.folded(events[each]) for each, record in found.records.items()}
        changed = {each: record for each, record in folded.items() if record != found.records[each]}
        unfinished, failed = self._settle(found.deliveries, folded)
        failed |= self._pause(folded, found.records, events)
        errors = self._records.write(
            [record._replace(unfinished=each in unfinished) for each, record in changed.items() if each not in failed]
        )
        written = {each for each, error in errors.items() if error is None}
        overtaken = {each for each, error in errors.items() if isinstance(error, Aborted)}
        refused = {each for each, error in errors.items() if isinstance(error, InvalidArgument | OutOfRange)}
        failed |= errors.keys() - written - overtaken - refused
        for each in refused:
            _logger.error("record_refused", delivery_id=each)
        failed |= self._look_again(
            [each for each in written & unfinished if found.records[each].version is None], folded
        )
        counts["unknown_delivery"] += len(events.keys() - found.records.keys())
        counts["unchanged"] += len(folded) - len(changed)
        counts["stored"] += len(written)
        if self._outcomes:
            for each in found.records.keys() - overtaken - failed:
                record = found.records[each]
                made = (mail_outcome(record.user_id, record.subscription_id, event) for event in events[each])
                told += filter(None, made)
        return overtaken, failed

    def _settle(
        self, deliveries: Mapping[str, Delivery], records: Mapping[str, MailRecord]
    ) -> tuple[set[str], set[str]]:
        """Settle deliveries of unknown outcome.

        Returns:
            those that are not final, and those for which settling failed.
        """
        settled = self._settled.settle(
            records[each]
            for each, delivery in deliveries.items()
            if is_settled_by_event(delivery) or was_settled_by_event(delivery)
        )
        unfinished = {each for each, delivery in deliveries.items() if not settled.get(each, delivery.is_final)}
        return unfinished, {each for each, is_sent in settled.items() if is_sent is None}

    def _look_again(self, ids: Sequence[str], records: Mapping[str, MailRecord]) -> set[str]:
        """Settle those deliveries that have been given up since they were read. Returns those for which that failed."""
        _, failed = self._settle(self._records.read_deliveries(ids), records)
        return failed

    def _pause(
        self,
        after: Mapping[str, MailRecord],
        before: Mapping[str, MailRecord],
        events: Mapping[str, Sequence[MailEvent]],
    ) -> set[str]:
        """Keep email from the addresses that the news are about, or no longer. Returns the deliveries for which that
        failed."""
        by_user: dict[str, list[News]] = {}
        for record in after.values():
            if record.user_id and (news := _news(before[record.id], events[record.id])):
                of_user = by_user.setdefault(record.user_id, [])
                of_user.extend(News(event, record.subscription_id) for event in news)
        failed: set[str] = set()
        if by_user:
            with Threads(min(len(by_user), _USERS_AT_ONCE)) as pool:
                for found in pool.map(self._pause_user, by_user, by_user.values()):
                    failed |= found
        return failed

    def _pause_user(self, user_id: str, news: Sequence[News]) -> set[str]:
        try:
            self._pauses.apply(user_id, news)
        except GoogleAPIError as error:
            _logger.warning("address_not_paused", user_id=user_id, error=type(error).__name__)
        except Exception:
            _logger.exception("pause_failed_unexpectedly", user_id=user_id)
        else:
            return set()
        return {each.event.delivery_id for each in news}


def _news(before: MailRecord, events: Iterable[MailEvent]) -> list[MailEvent]:
    """The events that say to whom further emails are to go, and that the record does not have yet. A later one says so
    again: somebody may have taken the earlier one back."""
    return [
        event
        for event in events
        if event.changes_wishes and (before.folded([event]) != before or before.knows_earlier(event))
    ]


def _by_delivery(events: Iterable[MailEvent]) -> dict[str, list[MailEvent]]:
    found: dict[str, list[MailEvent]] = {}
    for event in events:
        found.setdefault(event.delivery_id, []).append(event)
    return found
