"""Figures that an application adds up by the function in docs/guides/shipped-reports.md, over sockets."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import AlreadyExists

from functions.shared.times.period import Period
from functions.worker.firestore_user_data import FirestoreUserData
from local_pipeline.sample_figures import add_up
from report_kit.kinds import find
from report_kit.report import Report
from report_kit.request import ReportRequest
from report_kit.user_data import NoIndex, Total
from tests.functions.worker.integration.conftest import Cloud
from tests.functions.worker.unit.samples import subscription, user
from tests.support import REPOSITORY

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
EVENTS = [
    {
        "at": MIDNIGHT - 2 * DAY + number * timedelta(minutes=36, seconds=1),
        "type": ["page.viewed", "order.placed", "__a__", "a.b`c\\", ""][number % 5],
        "amount": [None, 12.25, 3][number % 3],
    }
    for number in range(80)
]
"""Those of two days, 40 on each."""


@pytest.fixture(scope="module")
def add_event() -> Callable[..., None]:
    """The function as it is written in the documentation."""
    text = (REPOSITORY / "docs/guides/shipped-reports.md").read_text(encoding="utf-8")
    [code] = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def add_event(" in block]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    function: Callable[..., None] = names["add_event"]
    return function


def report(cloud: Cloud, user_id: str, **fields: Any) -> tuple[Report, int]:
    """The report about the day before, and how many reads Firestore bills for it."""
    before = cloud.firestore.usage.reads
    built = find("activity")(
        ReportRequest(
            user=user(**fields),
            subscription=subscription(),
            period=Period(MIDNIGHT - DAY, MIDNIGHT),
            data=FirestoreUserData(cloud.door, user_id, seconds=60),
        )
    )
    assert isinstance(built, Report)
    return built, cloud.firestore.usage.reads - before


def test_the_report_is_that_of_the_events_at_one_read(cloud: Cloud, add_event: Callable[..., None]) -> None:
    user_id = cloud.user()
    for number, event in enumerate(EVENTS):
        add_event(cloud.database, user_id, f"e{number}", event["type"], event["at"], event["amount"])
    of_events, reads_of_events = report(cloud, user_id)
    of_figures, reads_of_figures = report(cloud, user_id, event_figures_since=MIDNIGHT - 7 * DAY)
    assert of_figures == of_events
    assert (reads_of_events, reads_of_figures) == (80, 1)


def test_the_function_writes_what_the_local_cloud_makes_up(cloud: Cloud, add_event: Callable[..., None]) -> None:
    user_id = cloud.user()
    for number, event in enumerate(EVENTS):
        add_event(cloud.database, user_id, f"e{number}", event["type"], event["at"], event["amount"])
    stored = cloud.users.document(user_id).collection("event_figures").stream()
    assert {month.id: month.to_dict() for month in stored} == add_up(EVENTS, by="type")


def test_an_event_that_is_added_again_counts_once(cloud: Cloud, add_event: Callable[..., None]) -> None:
    user_id = cloud.user()
    add_event(cloud.database, user_id, "e1", "order.placed", MIDNIGHT, 5)
    with pytest.raises(AlreadyExists):
        add_event(cloud.database, user_id, "e1", "order.placed", MIDNIGHT, 5)
    [month] = cloud.users.document(user_id).collection("event_figures").stream()
    assert month.get("days") == {"2026-11-24": {"00:00": {"=order.placed": {"count": 1, "sum": 5}}}}


def test_firestore_adds_up_usage_at_a_read_for_each_quota_and_day(cloud: Cloud) -> None:
    user_id = cloud.user()
    reference = cloud.users.document(user_id)
    quotas = ("calls", "storage")
    for quota in quotas:
        reference.collection("quotas").document(quota).set({"allowed": 100})
    writer = cloud.database.batch()
    for number in range(200):
        at = MIDNIGHT - number * timedelta(hours=2)
        amount = [1, 2.5, float("nan"), "7", None, True, 1e16][number % 7]
        entry = {"at": at, "quota": quotas[number % 2], "amount": amount}
        writer.set(reference.collection("usage").document(f"x{number}"), entry)
    writer.commit()
    made, reads = {}, {}
    # Where figures cover a part, which has nothing here, the entries of the other are read.
    for way, fields in {"totals": {}, "entries": {"usage_figures_since": MIDNIGHT - timedelta(minutes=5)}}.items():
        before = cloud.firestore.usage.reads
        made[way] = find("usage")(
            ReportRequest(
                user=user(**fields),
                subscription=subscription(),
                period=Period(MIDNIGHT - DAY, MIDNIGHT),
                data=FirestoreUserData(cloud.door, user_id, seconds=60),
            )
        )
        reads[way] = cloud.firestore.usage.reads - before
    assert made["totals"] == made["entries"]
    # Two quotas and their totals, the number of entries, and 23 days.
    assert reads == {"totals": 2 + 2 + 1 + 23, "entries": 2 + 199 + 1}


def test_without_an_index_there_is_no_total(cloud: Cloud) -> None:
    data = FirestoreUserData(cloud.door, cloud.user(), seconds=60)
    assert data.total("events", field="at", start=MIDNIGHT - DAY, end=MIDNIGHT) == Total(0)
    with pytest.raises(NoIndex):
        data.total("events", field="at", start=MIDNIGHT - DAY, end=MIDNIGHT, equal=("type", "order.placed"))
