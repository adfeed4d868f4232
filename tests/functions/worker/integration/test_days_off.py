"""A month with days off, report by report: each moment is in one report, and none comes on a day off."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.functions.worker.integration.conftest import DUE, HOUR, Cloud

NEW_YORK = ZoneInfo("America/New_York")
DAYS_OFF = ["2026-11-11", "2026-11-26", "2026-11-27"]
NOVEMBER = [date(2026, 11, day) for day in range(1, 30)]


def local(day: int, hour: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=NEW_YORK).astimezone(UTC)


def november(cloud: Cloud, **fields: Any) -> list[tuple[datetime, datetime, datetime]]:
    """Play a month: the due time of each report that was sent, and the period that it covers, on the wall clock."""
    first = {"next_report_at": local(30, 8, month=10), "reported_until": local(29, month=10), "skip_empty": False}
    user = cloud.user(time_zone=NEW_YORK.key, subscription={**first, **fields})
    played = []
    while (due_at := cloud.subscription_of(user)["next_report_at"]) < local(30):
        assert cloud.deliver(user, due_at=due_at, run=due_at).json()["result"] == "sent"
        delivery = cloud.delivery(user, due_at=due_at).get().to_dict()
        played.append((due_at, delivery["period_start"], delivery["period_end"]))
    assert len(cloud.mails_to(user)) == len(played)
    assert cloud.subscription_of(user)["reported_until"] == played[-1][2]
    # Nothing twice, and nothing left out.
    assert all(end == start for (_, _, end), (_, start, _) in pairwise(played))
    return [tuple(each.astimezone(NEW_YORK).replace(tzinfo=None) for each in one) for one in played[1:]]


def calendar(cloud: Cloud, name: str, **fields: Any) -> None:
    cloud.database.document(f"calendars/{name}").set({"dates": DAYS_OFF, **fields})


def test_a_month_of_working_days(cloud: Cloud) -> None:
    calendar(cloud, "leaves-out", on_day_off="skip")
    played = november(cloud, cadence="cron", cron="0 8 * * 1-5", calendar="leaves-out")
    working = [day for day in NOVEMBER if day.isoweekday() < 6 and day.isoformat() not in DAYS_OFF]
    assert [due_at.date() for due_at, _, _ in played] == working
    assert {due_at.hour for due_at, _, _ in played} == {8}
    # Each covers the days up to it, also where the clocks go back.
    assert [end.date() for _, _, end in played] == working


def test_a_month_of_evenings_that_wait_for_the_morning_and_move(cloud: Cloud) -> None:
    calendar(cloud, "moves")
    played = november(cloud, cadence="daily", hour=20, calendar="moves", send_between="08:00-18:00")
    # Each evening's report waits until the morning. The 26th and the 27th move to Monday, the 30th.
    assert [due_at.date() for due_at, _, _ in played] == [day for day in NOVEMBER if day.isoformat() not in DAYS_OFF]
    assert {due_at.hour for due_at, _, _ in played} == {8}
    # It covers what it would have covered in the evening.
    assert {(due_at.date() - end.date()).days for due_at, _, end in played} == {1}


def test_a_month_of_hours_has_one_report_for_each_night(cloud: Cloud) -> None:
    played = november(cloud, cadence="hourly", send_between="16:00-18:00")
    assert len(played) == 2 * 31
    assert {end - start for due_at, start, end in played if due_at.hour == 17} == {HOUR}
    assert {due_at.hour for due_at, _, _ in played} == {16, 17}


def test_a_calendar_costs_one_read_for_many_reports(cloud: Cloud) -> None:
    calendar(cloud, "shared")

    def reads(**fields: Any) -> int:
        user = cloud.user(subscription={"cadence": "daily", **fields, "settled_at": datetime.now(UTC)})
        cloud.firestore.usage.reset()
        assert cloud.deliver(user).status_code == 200
        return cloud.firestore.usage.reads

    without, first, second = reads(), reads(calendar="shared"), reads(calendar="shared")
    assert (first, second) == (without + 1, without)


@pytest.mark.parametrize("fields", [None, {"dates": "soon"}], ids=["missing", "malformed"])
def test_a_calendar_that_cannot_be_used_is_one_dead_letter_and_no_time_is_lost(cloud: Cloud, fields: Any) -> None:
    name = "malformed" if fields else "missing"
    if fields:
        cloud.database.document(f"calendars/{name}").set(fields)
    user = cloud.user(subscription={"calendar": name, "skip_empty": False})
    for due_at in (DUE, DUE + HOUR):
        assert cloud.deliver(user, due_at=due_at, run=due_at).json()["reason"] == "permanent-error"
    letters = cloud.letters()
    assert {letter["letter_id"] for letter, _ in letters} == {f"{user}:default:malformed"}
    assert f"the calendar {name}" in letters[0][0]["error"] or f"no calendar {name}" in letters[0][0]["error"]
    # A correction counts at once, and the next report covers all the time.
    calendar(cloud, name)
    due_at = DUE + 2 * HOUR
    assert cloud.deliver(user, due_at=due_at, run=due_at).json()["result"] == "sent"
    delivery = cloud.delivery(user, due_at=due_at).get().to_dict()
    assert (delivery["period_start"], delivery["period_end"]) == (DUE - HOUR, due_at)
    assert cloud.subscription_of(user)["next_report_at"] == due_at + timedelta(hours=1)
