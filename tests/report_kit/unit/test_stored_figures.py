"""Figures that an application has added up: a report of them says what a report of all entries says."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from local_pipeline.sample_figures import Months, add_up
from report_kit.amounts import usable_amount
from report_kit.in_memory_user_data import Documents, InMemoryUserData
from report_kit.kinds import find
from report_kit.report import Report
from report_kit.request import ReportRequest
from report_kit.stored_figures import SLOT, Collections, Figure, StoredFigures
from report_kit.user_data import NoIndex, Total, UserData
from tests.functions.worker.unit.samples import subscription, user
from tests.values import time_zones

Events = Sequence[Mapping[str, Any]]

EVENTS = Collections(
    entries="events", figures="event_figures", since="event_figures_since", select=("at", "type", "amount")
)

START = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR, DAY, INSTANT = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)


class CountedUserData(InMemoryUserData):
    """Counts what Firestore would bill: a document is a read, and so is a query that finds none."""

    reads = 0

    def between(self, *arguments: Any, **named: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        return self._counted(super().between(*arguments, **named))

    def parts(self, *arguments: Any, **named: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        return self._counted(super().parts(*arguments, **named))

    def _counted(self, found: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
        documents = list(found)
        self.reads += max(len(documents), 1)
        return iter(documents)


def as_added_up(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event as an application adds it up, which leaves out what is no type and no amount."""
    kind = event.get("type")
    return {
        "at": event["at"],
        "type": kind if isinstance(kind, str) else "",
        "amount": None if usable_amount(event.get("amount")) is None else event["amount"],
    }


def built(
    events: Events, period: Period, *, figures: Months | None = None, since: Any = None, by: Any = None, **of: Any
) -> tuple[Report, int]:
    """The report, and how many documents it read."""
    data = CountedUserData(
        {"events": {f"e{number:04}": event for number, event in enumerate(events)}, "event_figures": figures or {}}
    )
    request = ReportRequest(
        user=user(event_figures_since=since, **of),
        subscription=subscription(skip_empty=False, **(by or {})),
        period=period,
        data=data,
    )
    with capture_logs():
        report = find("activity")(request)
    assert isinstance(report, Report)
    return report, data.reads


@st.composite
def cases(draw: st.DrawFn) -> tuple[Events, Period, datetime, dict[str, Any], dict[str, Any]]:
    """Events in a period and before it, whose edges are the schedule's or any; and from when on there are figures."""
    zone = draw(time_zones)
    asked = {
        "cadence": draw(st.sampled_from(Cadence)).value,
        "minute": draw(st.sampled_from([0, 15, 17])),
        "cron": "17 */3 * * *",
        "options": {"attach": ["csv"]},
    }
    of = {"time_zone": zone}
    schedule = subscription(**asked).schedule(user(**of))
    # About half of all days are near a change to or from summer time: the zones change in these weeks.
    end = draw(
        st.datetimes(datetime(1971, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
        | st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 10), timezones=st.just(UTC))  # noqa: DTZ001
    )
    if draw(st.booleans()):
        end = schedule.at_or_before(end)
        start = schedule.before(end)
    else:
        start = end - draw(st.timedeltas(timedelta(minutes=1), timedelta(days=40)))
    period = Period(start, end)
    length = end - start
    anywhere = st.builds(lambda share: start - length + 2 * share * length, st.floats(0, 1))
    edges = st.sampled_from([start - length, start, end, start + length / 2])
    steps = st.sampled_from([timedelta(0), -INSTANT, INSTANT, SLOT, -SLOT, timedelta(minutes=1)])
    slots = st.builds(lambda at: datetime.fromtimestamp(at.timestamp() // 300 * 300, UTC), anywhere)
    times = anywhere | st.builds(lambda edge, step: edge + step, edges | slots, steps)
    amounts = st.decimals(-10_000, 10_000, places=2).map(float) | st.integers(-1_000, 1_000)
    event = st.fixed_dictionaries(
        {"at": times},
        optional={
            "type": st.sampled_from(["page.viewed", "order.placed", "", "__a__", "a.b`c", " a  b ", "日本", 7, None]),
            "amount": amounts | st.sampled_from(["7", True, None, float("nan"), float("inf"), 1e16]),
        },
    )
    since = draw(st.sampled_from([start - 2 * length, start - length / 3, start, start + length / 3]))
    return draw(st.lists(event, max_size=30)), period, since, asked, of


@st.composite
def divided(draw: st.DrawFn, entries: Events, by: str) -> Months:
    """Figures in a document for each month, and those of some entries in further documents: for ten days, or one."""
    in_months = draw(st.lists(st.booleans(), min_size=len(entries), max_size=len(entries)))
    documents = add_up((entry for entry, is_in in zip(entries, in_months, strict=True) if is_in), by=by)
    further = add_up((entry for entry, is_in in zip(entries, in_months, strict=True) if not is_in), by=by)
    letters = draw(st.sampled_from([len("2026-11-2"), len("2026-11-24")]))
    for day, slots in (each for month in further.values() for each in month["days"].items()):
        documents.setdefault(day[:letters], {"days": {}})["days"][day] = slots
    return documents


@given(case=cases(), data=st.data())
def test_a_report_of_figures_is_that_of_all_events(
    case: tuple[Events, Period, datetime, dict[str, Any], dict[str, Any]], data: st.DataObject
) -> None:
    events, period, since, asked, of = case
    figures = data.draw(divided([as_added_up(event) for event in events], by="type"))
    of_events, _ = built(events, period, by=asked, **of)
    of_figures, _ = built(events, period, figures=figures, since=since, by=asked, **of)
    assert of_figures == of_events


class UnindexedUserData(InMemoryUserData):
    """A user's data without the index by which Firestore adds up, as while it is built."""

    def total(self, collection: str, *, equal: tuple[str, str] | None = None, **named: Any) -> Total:
        if equal is not None:
            raise NoIndex("The query requires an index.")
        return super().total(collection, **named)


@given(case=cases(), renews_on=st.integers(1, 31), data=st.data())
def test_usage_by_figures_and_by_totals_is_that_of_all_entries(
    case: tuple[Events, Period, datetime, dict[str, Any], dict[str, Any]], renews_on: int, data: st.DataObject
) -> None:
    events, period, since, asked, of = case
    # So many that there are more than days.
    usages = [{"at": each["at"], "amount": each.get("amount"), "quota": each.get("type")} for each in [*events] * 4]
    added_up = [{**each, "quota": each["type"]} for each in map(as_added_up, [*events] * 4)]
    figures = data.draw(divided(added_up, by="quota"))
    quotas: dict[str, Any] = {
        name: {"allowed": 100, "renews_on": renews_on} for name in ("page.viewed", "order.placed")
    }
    stored: Documents = {"quotas": quotas, "usage": by_number(usages), "usage_figures": figures}
    of_entries = used(UnindexedUserData(stored), period, asked, of)
    assert used(InMemoryUserData(stored), period, asked, of) == of_entries
    assert used(InMemoryUserData(stored), period, asked, {**of, "usage_figures_since": since}) == of_entries


def used(data: UserData, period: Period, asked: Mapping[str, Any], of: Mapping[str, Any]) -> Report:
    """The report on usage."""
    request = ReportRequest(user=user(**of), subscription=subscription(**asked), period=period, data=data)
    with capture_logs():
        report = find("usage")(request)
    assert isinstance(report, Report)
    return report


def by_number(entries: Events) -> dict[str, Mapping[str, Any]]:
    """Documents with ids."""
    return {f"e{number:04}": entry for number, entry in enumerate(entries)}


EACH_36_MINUTES = [
    {"at": START - number * timedelta(minutes=36), "type": "a", "amount": 0.5} for number in range(1, 8000)
]
"""40 a day."""


@pytest.mark.parametrize(
    ("cadence", "length", "reads_of_events", "reads_of_figures"),
    [("hourly", HOUR, 4, 1), ("daily", DAY, 80, 1), ("weekly", 7 * DAY, 560, 1), ("monthly", 30 * DAY, 2400, 3)],
)
def test_what_a_report_reads(cadence: str, length: timedelta, reads_of_events: int, reads_of_figures: int) -> None:
    end = START.replace(hour=0)
    figures = add_up(EACH_36_MINUTES, by="type")
    of_events, reads = built(EACH_36_MINUTES, Period(end - length, end), by={"cadence": cadence})
    assert reads <= reads_of_events
    of_figures, reads = built(
        EACH_36_MINUTES, Period(end - length, end), figures=figures, since=end - 90 * DAY, by={"cadence": cadence}
    )
    assert (of_figures, reads) == (of_events, reads_of_figures)


def test_events_before_the_figures_begin_are_read() -> None:
    events = [{"at": START - HOUR}, {"at": START - INSTANT}, {"at": START}]
    since = START - timedelta(minutes=2)
    # The slot in which the figures begin is not complete.
    figures = add_up(events[2:], by="type")
    period = Period(START - HOUR, START + HOUR)
    assert built(events, period, figures=figures, since=since)[0] == built(events, period)[0]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_slot_whose_events_are_not_all_there_counts_where_it_begins(kept: int) -> None:
    end = START + timedelta(minutes=2)
    events = [{"at": end - INSTANT}, {"at": end}, {"at": end + INSTANT}]
    figures = add_up(events, by="type")
    report, _ = built(events[:kept], Period(end - HOUR, end), figures=figures, since=START - DAY)
    assert report.values["headlines"][0].value == "3"


def test_more_events_than_a_report_reads_count_by_their_figures() -> None:
    figures = add_up([{"at": START}] * 10_001, by="type")
    report, reads = built([], Period(START - HOUR, START + timedelta(minutes=2)), figures=figures, since=START - DAY)
    assert (report.values["headlines"][0].value, reads) == ("10,001", 1)


@pytest.mark.parametrize(
    ("days", "first"),
    [
        ({"2026-11-24": 7}, "2026-11: 2026-11-24"),
        ({"2026-11-24": {"12:00": 7}}, "2026-11: 2026-11-24 12:00 "),
        ({"2026-11-24": {"12:00": {"a": {"count": 1}}}}, "2026-11: 2026-11-24 12:00 a"),
        ({"2026-11-24": {"12:00": {"=a": 1}}}, "2026-11: 2026-11-24 12:00 =a"),
        ({"2026-11-24": {"12:00": {"=a": {"count": -1}}}}, "2026-11: 2026-11-24 12:00 =a"),
        ({"2026-11-24": {"12:00": {"=a": {"count": True}}}}, "2026-11: 2026-11-24 12:00 =a"),
        ({"2026-11-24": {"12:00": {"=a": {"count": 0, "sum": float("nan")}}}}, "2026-11: 2026-11-24 12:00 =a"),
    ],
)
def test_figures_that_cannot_be_used_are_left_out_and_named_in_the_log(days: Mapping[str, Any], first: str) -> None:
    data = InMemoryUserData({"event_figures": {"2026-11": {"days": days}}})
    with capture_logs() as log:
        stored = StoredFigures(data, user(event_figures_since=START - DAY), EVENTS)
        assert list(stored.read([Period(START - HOUR, START)], edges=[], limit=10)) == []
    assert [(entry["event"], entry["first"], entry["problems"]) for entry in log] == [("figures_unusable", first, 1)]


def test_a_sum_may_be_larger_than_any_amount() -> None:
    cell = {"count": 3, "sum": 3e15}
    data = InMemoryUserData({"event_figures": {"2026-11": {"days": {"2026-11-24": {"12:00": {"=a": cell}}}}}})
    stored = StoredFigures(data, user(event_figures_since=START - DAY), EVENTS)
    [figure] = stored.read([Period(START - HOUR, START)], edges=[], limit=10)
    assert figure == Figure(START - HOUR, "a", 3, 3e15, is_whole=True)
