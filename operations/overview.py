"""Reads what the first page of the console shows: whether all is well. Everything is counted in indexes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.shared.cron import CronLine
from functions.shared.delivery import DELIVERIES, DeliveryState
from functions.shared.ids import SHARDS
from functions.shared.plausible_time import EARLIEST
from functions.shared.subscription import SUBSCRIPTIONS, PauseReason
from operations import document_fields
from operations.threads import in_threads

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_HOURS = 24
_DAYS = 7
_SCHEDULER = Path(__file__).resolve().parents[1] / "scheduler.yaml"

OUTCOMES = (DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.DEAD)


@dataclass(frozen=True, kw_only=True)
class Span:
    """An hour or a day.

    Attributes:
        start: its beginning, in UTC.
        counts: how many there are in it, by name.
    """

    start: datetime
    counts: Mapping[str, int]


class Overview:
    """Counts. Every method raises GoogleAPICallError if Firestore does not answer or refuses.

    Args:
        client: the Firestore client.
        now: the present, in UTC.
    """

    def __init__(self, client: firestore.Client, *, now: datetime) -> None:
        self._client = client
        self._now = now

    def due(self) -> tuple[int, list[Span]]:
        """How many subscriptions are due now, and how many fall due in each of the next hours."""
        hour = self._now.replace(minute=0, second=0, microsecond=0)
        starts = [self._now, *(hour + number * _HOUR for number in range(1, _HOURS))]
        spans = [(EARLIEST, self._now), *zip(starts, [*starts[1:], hour + _HOURS * _HOUR], strict=True)]
        due, *coming = in_threads(self._count_due, spans)
        return due, [Span(start=start, counts={"due": count}) for start, count in zip(starts, coming, strict=True)]

    def outcomes_by_hour(self) -> list[Span]:
        """What became of the reports that fell due in each of the last 24 hours."""
        last = self._now.replace(minute=0, second=0, microsecond=0)
        return self._outcomes([last - number * _HOUR for number in reversed(range(_HOURS))], _HOUR)

    def outcomes_by_day(self) -> list[Span]:
        """What became of the reports that fell due on each of the last seven days, in UTC."""
        last = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
        return self._outcomes([last - number * _DAY for number in reversed(range(_DAYS))], _DAY)

    def paused(self) -> dict[str, int]:
        """How many subscriptions have each reason for a pause; a pause that has ended by itself counts, too."""
        group: Any = self._client.collection_group(SUBSCRIPTIONS)
        reasons = list(PauseReason)
        counts = in_threads(
            lambda reason: document_fields.count(group.where(filter=FieldFilter("paused_because", "==", reason.value))),
            reasons,
        )
        return {reason.value: count for reason, count in zip(reasons, counts, strict=True) if count}

    def _count_due(self, span: tuple[datetime, datetime]) -> int:
        start, end = span
        query: Any = self._client.collection_group(SUBSCRIPTIONS)
        query = query.where(filter=FieldFilter("shard", "in", list(range(SHARDS))))
        query = query.where(filter=FieldFilter("next_report_at", ">=", start))
        return document_fields.count(query.where(filter=FieldFilter("next_report_at", "<", end)))

    def _outcomes(self, starts: Sequence[datetime], length: timedelta) -> list[Span]:
        asked = [(start, start + length, state) for start in starts for state in OUTCOMES]
        counted: dict[datetime, Counter[str]] = {start: Counter() for start in starts}
        for (start, _, state), count in zip(asked, in_threads(self._count_outcome, asked), strict=True):
            counted[start][state.value] = count
        return [Span(start=start, counts=counts) for start, counts in counted.items()]

    def _count_outcome(self, asked: tuple[datetime, datetime, DeliveryState]) -> int:
        start, end, state = asked
        query: Any = self._client.collection(DELIVERIES)
        query = query.where(filter=FieldFilter("shard", "in", list(range(SHARDS))))
        query = query.where(filter=FieldFilter("state", "==", state.value))
        query = query.where(filter=FieldFilter("due_at", ">=", start))
        return document_fields.count(query.where(filter=FieldFilter("due_at", "<", end)))


def next_run(now: datetime) -> datetime:
    """When Cloud Scheduler calls the dispatcher next, by scheduler.yaml; in UTC, as the file has it."""
    flags = yaml.safe_load(_SCHEDULER.read_text(encoding="utf-8"))
    [following] = CronLine(flags["--schedule"]).following(now.replace(tzinfo=None), 1)
    return following.replace(tzinfo=now.tzinfo)
