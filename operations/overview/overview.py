"""Counts what the first page of the console shows as charts. Everything is counted in indexes.

A count costs one read for each 1,000 entries of the index that it covers, and at least one.
https://firebase.google.com/docs/firestore/pricing#aggregation_queries
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.records.delivery import DELIVERIES, DeliveryState
from functions.shared.records.ids import SHARDS
from functions.shared.records.mail_event import MAIL_EVENTS
from functions.shared.records.subscription import SUBSCRIPTIONS, PauseReason
from functions.shared.times.plausible_time import EARLIEST
from operations.deliveries.mail_outcome import MailOutcome
from operations.reading.threads import in_threads

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_HOURS = 24
_DAYS = 7

OUTCOMES = (DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.DEAD)

_COUNT_SECONDS = 10.0
"""How long to count what is counted again anyway: the process cannot end meanwhile."""

_FRESH_SHARE = 60
"""The count of an hour that goes on is good for a minute, and that of a day for 24."""

_SETTLED_SHARE = 24
"""The longer ago a time is, or the further away, the less it changes: a count of yesterday is good for an hour."""

_AT_ONCE = 8
"""So few counts are under way at the same time that what a viewer waits for is not behind all of them. No viewer waits
for the charts."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """An hour or a day.

    Attributes:
        start: its beginning, in UTC.
        counts: how many there are in it, by name.
    """

    start: datetime
    counts: Mapping[str, int]


_MOST_KEPT = 20_000


class Counted(NamedTuple):
    """What is counted."""

    what: Any
    start: datetime
    end: datetime


class KeptCounts:
    """Counts of hours and days, which are counted again when they may have changed. Safe for threads, of which each
    counts other times."""

    def __init__(self) -> None:
        self._kept: dict[Counted, tuple[int, datetime]] = {}

    def get(self, asked: Sequence[Counted], count: Callable[[Counted], int], *, now: datetime) -> list[int]:
        """The counts, in the order in which they are asked for.

        Args:
            count: counts one, beside others.
        """
        kept = {each: found for each in asked if (found := self._kept.get(each))}
        again = [each for each in asked if each not in kept or _may_have_changed(each, kept[each][1], now=now)]
        counted = zip(again, in_threads(count, again, at_once=_AT_ONCE), strict=True)
        kept.update({each: (number, now) for each, number in counted})
        if len(self._kept) >= _MOST_KEPT:
            self._kept = {}
        self._kept.update(kept)
        return [kept[each][0] for each in asked]

    def forget_before(self, moment: datetime) -> None:
        """Keep no count of a time that has ended before a moment."""
        self._kept = {key: value for key, value in self._kept.items() if key[2] >= moment}


def _may_have_changed(counted: Counted, counted_at: datetime, *, now: datetime) -> bool:
    away = max(counted.start - now, now - counted.end, timedelta())
    return now - counted_at >= max((counted.end - counted.start) / _FRESH_SHARE, away / _SETTLED_SHARE)


class SubscriptionCounts:
    """Counts subscriptions. Every method raises GoogleAPICallError if Firestore does not answer or refuses."""

    def __init__(self, database: Database, kept: KeptCounts, *, now: datetime) -> None:
        self._database = database
        self._kept = kept
        self._now = now

    def due(self) -> tuple[int, list[Span]]:
        """How many subscriptions are due now, and how many fall due in each of the next hours."""
        hour = self._now.replace(minute=0, second=0, microsecond=0)
        starts = [self._now, *(hour + number * _HOUR for number in range(1, _HOURS))]
        spans = [(EARLIEST, self._now), *zip(starts, [*starts[1:], hour + _HOURS * _HOUR], strict=True)]
        # The first two end or begin at another moment each time.
        due, *coming = self._kept.get([Counted("due", *span) for span in spans], self._count_due, now=self._now)
        return due, [Span(start=start, counts={"due": count}) for start, count in zip(starts, coming, strict=True)]

    def paused(self) -> dict[str, int]:
        """How many subscriptions have each reason for a pause; a pause that has ended by itself counts, too."""
        group, reasons = Query.of_group(SUBSCRIPTIONS), list(PauseReason)
        counts = in_threads(
            lambda reason: self._database.count(
                group.where("paused_because", "==", reason.value), seconds=_COUNT_SECONDS
            ),
            reasons,
        )
        return {reason.value: count for reason, count in zip(reasons, counts, strict=True) if count}

    def _count_due(self, wanted: Counted) -> int:
        query = Query.of_group(SUBSCRIPTIONS).where("shard", "in", list(range(SHARDS)))
        query = query.where("next_report_at", ">=", wanted.start).where("next_report_at", "<", wanted.end)
        return self._database.count(query, seconds=_COUNT_SECONDS)


class OutcomeCounts:
    """Counts what became of reports and emails. Every method raises GoogleAPICallError if Firestore does not answer or
    refuses.

    Attributes:
        counted: what was counted, and not kept before: a read each.
    """

    def __init__(self, database: Database, kept: KeptCounts, *, now: datetime) -> None:
        self._database = database
        self._kept = kept
        self._now = now
        self.counted: list[str] = []

    def reports(self, starts: Sequence[datetime], length: timedelta) -> list[Span]:
        """What became of the reports that fell due in each of some times of one length."""
        of_state = Query.of(DELIVERIES)
        return self._in_spans(
            starts, length, {state: (of_state.where("state", "==", state.value), "due_at") for state in OUTCOMES}
        )

    def mails(
        self, starts: Sequence[datetime], length: timedelta, outcomes: Iterable[MailOutcome] = MailOutcome
    ) -> list[Span]:
        """Of how many reports the emails came to some outcomes in each of some times of one length. A report with
        several recipients may count for all of these."""
        return self._in_spans(starts, length, {each: (Query.of(MAIL_EVENTS), each.time_field) for each in outcomes})

    def by_hour(self) -> tuple[list[Span], list[Span]]:
        """What became of the reports that fell due in each of the last 24 hours, and of the emails in these."""
        return self._latest(self._now.replace(minute=0, second=0, microsecond=0), _HOUR, _HOURS)

    def by_day(self) -> tuple[list[Span], list[Span]]:
        """The same of each of the last seven days, in UTC."""
        return self._latest(self._now.replace(hour=0, minute=0, second=0, microsecond=0), _DAY, _DAYS)

    def _latest(self, last: datetime, length: timedelta, number: int) -> tuple[list[Span], list[Span]]:
        starts = [last - ago * length for ago in reversed(range(number))]
        return self.reports(starts, length), self.mails(starts, length)

    def _in_spans(
        self, starts: Sequence[datetime], length: timedelta, wanted: Mapping[str, tuple[Query, str]]
    ) -> list[Span]:
        """Count by name in each span.

        Args:
            wanted: by its name what is counted: its query, in all shards, and the field by whose time.
        """

        def count(span: Counted) -> int:
            field, name = span.what
            query, _ = wanted[name]
            query = query.where("shard", "in", list(range(SHARDS)))
            # Cursors, since a filter counts once for each shard, and a query has 100 at most. They descend as the
            # index does, which Firestore does not read backwards.
            query = query.order_by(field, descending=True).start_after(span.end).end_at(span.start)
            self.counted.append(name)
            return self._database.count(query, seconds=_COUNT_SECONDS)

        whats = [(field, name) for name, (_, field) in wanted.items()]
        asked = [Counted(what, start, start + length) for start in starts for what in whats]
        numbers = iter(self._kept.get(asked, count, now=self._now))
        return [Span(start=start, counts={name: next(numbers) for name in wanted}) for start in starts]


def unknown_mails(reports: Sequence[Span], mails: Sequence[Span]) -> str:
    """What is not known of what became of the emails, in sentences; empty where their counts can be shown as they are.
    Pure.

    An email provider says nothing where its webhook is off, and may report failures only (docs/guides/mail-events.md).
    """
    sent, delivered, undelivered = (
        sum(span.counts.get(name, 0) for span in spans)
        for spans, name in (
            (reports, DeliveryState.SENT.value),
            (mails, MailOutcome.DELIVERED),
            (mails, MailOutcome.UNDELIVERED),
        )
    )
    if delivered or not (sent or undelivered):
        return ""
    if undelivered:
        return "How many were delivered is not known: the email provider has reported failures only (MAIL_EVENTS)."
    return (
        "Whether they were delivered is not known: the email provider has reported nothing in this time. "
        "reports check mail says whether its webhook is on."
    )
