"""Counts what a report reads of its user's own data, by building reports from made-up entries in memory."""

import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from statistics import mean
from typing import Any

from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from local_pipeline.sample_figures import add_up
from proof.benchmarks.simulation import limits
from proof.benchmarks.simulation.plan import Pace, recommended
from proof.benchmarks.simulation.scale import WITHIN, case
from proof.benchmarks.table import Table, number
from report_kit.in_memory_user_data import Documents, InMemoryUserData
from report_kit.kinds import find
from report_kit.request import ReportRequest
from report_kit.user_data import NoIndex, Total

CADENCES = (Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY)
_USUAL = 40
ENTRIES_A_DAY = (1, _USUAL, 400)

_END = datetime(2026, 11, 25, 0, 30, tzinfo=UTC)
_REPORTS = 8
_APART = timedelta(days=4, hours=3)
"""So many reports are averaged, and so far apart: over a month and all hours of the day."""

_HISTORY = timedelta(days=130)
_TYPES = ("page.viewed", "order.placed", "invoice.paid", "file.uploaded", "refund")
_QUOTAS = ("storage", "calls")
_KINDS = ("activity", "usage")
_WRITE_IN_READS = round(limits.DOLLARS_A_WRITE / limits.DOLLARS_A_READ)
_PIPELINES_OWN = 4
"""The reads of delivery, user and subscription (docs/explanation/performance.md)."""


class BilledUserData(InMemoryUserData):
    """Counts what Firestore would bill: a read for each document, or for 1,000 that it adds up, and one for none.

    https://firebase.google.com/docs/firestore/pricing
    """

    def __init__(self, documents: Documents) -> None:
        super().__init__(documents)
        self.reads = 0

    def between(self, *arguments: Any, **named: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData."""
        return self._bill(super().between(*arguments, **named))

    def documents(self, *arguments: Any, **named: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData."""
        return self._bill(super().documents(*arguments, **named))

    def parts(self, *arguments: Any, **named: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData."""
        return self._bill(super().parts(*arguments, **named))

    def total(self, *arguments: Any, **named: Any) -> Total:
        """See UserData."""
        total = super().total(*arguments, **named)
        self.reads += max(ceil(total.count / limits.COUNTED_FOR_A_READ), 1)
        return total

    def _bill(self, found: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
        documents = list(found)
        self.reads += max(len(documents), 1)
        return iter(documents)


class _UnindexedUserData(BilledUserData):
    """Firestore adds nothing up."""

    def total(self, *_: Any, **__: Any) -> Total:
        raise NoIndex


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What a report reads on average, by how it learns of what happened.

    Attributes:
        one_by_one: all entries.
        added_up: all entries, or what Firestore adds them up to.
        rolled_up: the new entries, and figures of an earlier report, with the writes of its own in reads. No kind does.
        figures: figures that the application has added up.
    """

    one_by_one: float
    added_up: float
    rolled_up: float
    figures: float


@functools.cache
def reads_of(kind: str, cadence: Cadence, entries_a_day: int) -> Reads:
    """Build some reports of a kind, and count.

    Args:
        kind: `activity` or `usage`.
        cadence: how often the report comes.
        entries_a_day: how much happens.
    """
    asked = Subscription.from_fields(
        "u1", "s1", {"hour": 0, "skip_empty": False}, SubscriptionDefaults("activity", cadence)
    )
    fields = {"email": "ada@example.com", "active": True, "time_zone": "Europe/Berlin"}
    entries = _entries(entries_a_day)
    stored = {
        "events": {f"e{index}": entry for index, entry in enumerate(entries)},
        "usage": {f"e{index}": entry for index, entry in enumerate(entries)},
        "quotas": {name: {"allowed": 1e9} for name in _QUOTAS},
        "event_figures": add_up(entries, by="type"),
        "usage_figures": add_up(entries, by="quota"),
    }
    since = _END - _HISTORY
    with_figures = User.from_fields("u1", {**fields, "event_figures_since": since, "usage_figures_since": since})
    without = User.from_fields("u1", fields)
    schedule = asked.schedule(without)
    counted = []
    for index in range(_REPORTS):
        due = schedule.at_or_before(_END - index * _APART)
        period = Period(schedule.before(due), due)

        def count(user: User, data: BilledUserData, period: Period = period) -> int:
            find(kind)(ReportRequest(user=user, subscription=asked, period=period, data=data))
            return data.reads

        new = [entry["at"].date() for entry in entries if period.start <= entry["at"] < period.end]
        figures = count(with_figures, BilledUserData(stored))
        one_by_one = count(without, _UnindexedUserData(stored))
        # It writes the months of its period, and an aggregation says whether those that it finds are complete.
        months = len({(day.year, day.month) for day in new})
        check = max(ceil(one_by_one / limits.COUNTED_FOR_A_READ), 1)
        counted.append(
            Reads(
                one_by_one=one_by_one,
                added_up=count(without, BilledUserData(stored)),
                rolled_up=max(len(new), 1) + figures + check + months * _WRITE_IN_READS,
                figures=figures,
            )
        )
    return Reads(**{name: mean(vars(each)[name] for each in counted) for name in vars(counted[0])})


def reads_table() -> Table:
    """What a report of each kind reads."""
    rows = []
    for kind in _KINDS:
        for cadence in CADENCES:
            for entries_a_day in ENTRIES_A_DAY:
                reads = reads_of(kind, cadence, entries_a_day)
                cells = (reads.one_by_one, reads.added_up, reads.rolled_up, reads.figures)
                rows.append([f"`{kind}`", cadence.value, str(entries_a_day), *(number(each) for each in cells)])
    return Table(
        title="What a report reads of its user's data",
        columns=[
            "kind",
            "cadence",
            "entries a day",
            "each entry",
            "as built",
            "with roll-ups",
            "as built, with figures",
        ],
        rows=rows,
        note=f"The average of {_REPORTS} reports over a month. Roll-ups are not built: a report would write figures "
        "for the next one. Each write counts as three reads, which is its price.",
    )


def cost_table(reports: int) -> Table:
    """What a run of daily reports costs, at 40 entries a day."""
    rows = []
    for kind in _KINDS:
        reads = reads_of(kind, Cadence.DAILY, _USUAL)
        ways = [("entries, read one by one", reads.one_by_one, 1)]
        if reads.added_up < reads.one_by_one:
            ways.append(("entries, which Firestore adds up", reads.added_up, 1))
        ways += [("entries and figures", reads.figures, 2), ("figures alone", reads.figures, 1)]
        for way, own, writes_an_entry in ways:
            pace = replace(Pace(), reads=_PIPELINES_OWN + own)
            run = case(recommended(reports, within=WITHIN, pace=pace)).cost.total
            writes = reports * _USUAL * writes_an_entry * limits.DOLLARS_A_WRITE
            dollars = (f"{each:,.2f}" for each in (run, writes, run + writes))
            rows.append([f"`{kind}`", way, number(pace.reads), *dollars])
    return Table(
        title=f"What {reports:,} daily reports cost, at {_USUAL} entries a day",
        columns=["kind", "the application writes", "reads a report", "dollars a run", "for its writes", "together"],
        rows=rows,
        note="Four of the reads are the pipeline's own.",
    )


def _entries(a_day: int) -> list[dict[str, Any]]:
    chance = random.Random(a_day)  # noqa: S311  made-up data, the same every time
    return [
        {
            "at": _END - _HISTORY * chance.random(),
            "type": chance.choice(_TYPES),
            "quota": chance.choice(_QUOTAS),
            "amount": round(chance.uniform(1, 100), 2),
        }
        for _ in range(_HISTORY // timedelta(days=1) * a_day)
    ]
