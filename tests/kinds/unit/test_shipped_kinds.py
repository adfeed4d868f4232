"""The kinds that come with the pipeline, by packages that only the pipeline's own tests have.

The tests in their folders do with those of a project, which may have begun with a copy of such a kind.
"""

import ast
import io
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pypdf import PdfReader

from deployment.package_lock import distribution
from kinds.activity.buckets import buckets
from kinds.activity.test_activity import START, with_files
from kinds.usage.consumption import Consumption
from kinds.usage.quota import Quota
from operations.projects.kinds_lock import pins_of
from report_kit import Period, language_for
from tests.support import REPOSITORY

DAY = timedelta(days=1)


@pytest.mark.parametrize("file", sorted((REPOSITORY / "kinds").rglob("*.py")), ids=str)
def test_a_project_has_all_packages_that_a_kind_imports(file: Path) -> None:
    locks = [REPOSITORY / name for name in ("requirements-run.lock", "kinds.lock")]
    there = {name for lock in locks for name in pins_of(lock.read_text(encoding="utf-8"))}
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add(node.module or "")
    tops = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) - {"kinds", "report_kit"}
    known = packages_distributions()
    assert {top for top in tops if not {distribution(name)[0] for name in known[top]} & there} == set()


@given(
    start=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  hypothesis adds it
    length=st.timedeltas(timedelta(seconds=1), timedelta(days=4000)),
    zone=st.sampled_from(["UTC", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]),
)
@example(start=datetime(2011, 12, 20, tzinfo=UTC), length=timedelta(days=20), zone="Pacific/Apia")
def test_the_slices_of_activity_cover_any_period_in_order(start: datetime, length: timedelta, zone: str) -> None:
    whole = Period(start, start + length)
    starts = [bucket.start for bucket in buckets(whole, ZoneInfo(zone), language_for("en"))]
    assert starts[0] == whole.start
    assert starts[-1] < whole.end
    assert all(before < after for before, after in pairwise(starts))
    assert len(starts) <= 95


@given(
    days=st.integers(0, 40),
    amounts=st.lists(st.floats(-1e6, 1e6), max_size=30),
    renews_on=st.integers(1, 31),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/Santiago", "Pacific/Apia"]),
)
def test_the_days_of_usage_are_all_there_in_any_month_and_never_contradict_each_other(
    days: int, amounts: Sequence[float], renews_on: int, zone: str
) -> None:
    quota = Quota.from_document("q", {"allowed": 10, "renews_on": renews_on})
    period = Period(datetime(2026, 2, 1, 8, tzinfo=UTC) + days * DAY, datetime(2026, 2, 2, 8, tzinfo=UTC) + days * DAY)
    consumption = Consumption(quota, period, ZoneInfo(zone))
    for number, amount in enumerate(amounts):
        consumption.add(period.end - number * timedelta(hours=11), amount)
    made = consumption.standing()
    assert made.window.start < made.as_of <= made.window.end
    assert 28 <= len(made.days) <= 31
    if made.expected is None:
        assert made.expected_per_day == []
    else:
        assert len(made.per_day) + len(made.expected_per_day) == len(made.days)
        # On the last day, its own bar is what was used so far.
        assert made.expected_per_day == [] or made.expected_per_day[-1] == pytest.approx(made.expected, abs=1e-6)
    assert made.per_day[-1] == pytest.approx(made.used, abs=1e-6)
    if made.used_up_at is not None:
        assert made.as_of < made.used_up_at < made.window.end


def test_the_workbook_and_the_document_of_activity_have_all_types() -> None:
    events = [{"at": START, "type": f"type{number:02}", "amount": number} for number in range(13)]
    workbook, document = with_files(["xlsx", "pdf"], *events, currency="EUR").attachments
    sheet = openpyxl.load_workbook(io.BytesIO(workbook.content)).active
    assert sheet is not None
    assert ("Type 12", 1, 12) in list(sheet.values)
    [page] = [page.extract_text() for page in PdfReader(io.BytesIO(document.content)).pages]
    for text in ("Your activity", "Tuesday 24 November", "€78.00", "Type 12", "€12.00"):
        assert text in page
