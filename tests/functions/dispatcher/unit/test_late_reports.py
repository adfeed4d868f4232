"""Which reports a run counts as late."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.late_reports import LateReports
from functions.shared.records.kind_pauses import KindPause, KindPauses

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def counted(
    due: float, *, run: float = 0, last_run: float | None = -1, problem: str = "", resumed: float | None = None
) -> list[int]:
    """The lateness that a run logs for a report; all times in hours from noon."""
    last = None if last_run is None else NOON + hours(last_run)
    resumed_at = None if resumed is None else NOON + hours(resumed)
    pauses = KindPauses({"activity": KindPause(resumed_at=resumed_at)})
    late = LateReports(run_id="r", run_time=NOON + hours(run), last_run=last, pauses=pauses)
    with capture_logs() as lines:
        late.note(DueSubscription("u1", "s1", NOON + hours(due), "activity", problem))
    assert all(line["event"] == "report_late" for line in lines)
    return [line["lateness_seconds"] for line in lines]


@pytest.mark.parametrize(
    ("due", "run", "last_run", "expected"),
    [
        pytest.param(0, 0, -1, [], id="due now"),
        pytest.param(-0.5, 0, -1, [], id="due since the run before"),
        pytest.param(-1, 0, -1, [3600], id="met by the run before, and not final"),
        pytest.param(-1.5, 0, -1, [3600], id="due ahead of the run before"),
        pytest.param(-2, 0, -1, [], id="the run before has counted it"),
        pytest.param(-2, 0, -3, [7200], id="runs are missing"),
        pytest.param(-50, 0, -3, [], id="an application has set its due time back"),
        pytest.param(-30, 0, None, [108_000], id="the first run of all"),
        pytest.param(-1, -0.5, -0.75, [], id="a run every quarter of an hour"),
        pytest.param(-1, 0, -0.25, [3600], id="a run every quarter of an hour, an hour later"),
        pytest.param(-1, 0.25, 0, [], id="a run every quarter of an hour, and then no more"),
    ],
)
def test_the_first_run_an_hour_after_a_reports_time_counts_it(
    due: float, run: float, last_run: float | None, expected: list[int]
) -> None:
    assert counted(due, run=run, last_run=last_run) == expected


def test_a_malformed_document_has_its_dead_letter() -> None:
    assert counted(-1, problem="kind: must be a name") == []


def test_a_report_that_has_waited_for_its_kind_is_not_late() -> None:
    assert (counted(-1, resumed=-0.5), counted(-1, resumed=-1.5)) == ([], [3600])
