"""What an edit makes of a subscription's document, and of its due time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.ids import held_shard
from functions.shared.records.mark import rescheduled_fields
from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.subscription_edit import (
    InvalidEdit,
    SubscriptionEdit,
    added_fields,
    edited_fields,
)
from functions.shared.records.user import User
from functions.shared.times.period import period_to_report
from functions.shared.times.schedule import Cadence

DEFAULTS = SubscriptionDefaults("activity", Cadence.HOURLY)
USER = User.from_fields("u1", {"email": "ada@example.com", "active": True, "time_zone": "America/New_York"})
NOW = datetime(2026, 11, 25, 20, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)

SCHEDULES = st.fixed_dictionaries(
    {
        "cadence": st.sampled_from([each.value for each in Cadence]),
        "cron": st.sampled_from(["0 8 * * 1-5", "*/30 * * * *", "15 6 1 * *"]),
        "covers": st.sampled_from([None, "calendar", "since-last"]),
        "hour": st.integers(0, 23),
        "minute": st.integers(0, 59),
        "weekday": st.integers(1, 7),
        "day": st.integers(1, 31),
        "time_zone": st.sampled_from([None, "UTC", "Pacific/Apia", "Asia/Kathmandu", "America/Sao_Paulo"]),
    }
)


def read(document: dict[str, Any]) -> Subscription:
    return Subscription.from_fields("u1", "s1", document, DEFAULTS)


def edited(document: dict[str, Any], *, unset: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    edit = SubscriptionEdit(fields=fields, unset=unset)
    return edited_fields(USER, read(document), document, edit, DEFAULTS, now=NOW)


def test_only_what_changes_is_written() -> None:
    assert edited({"hour": 9, "day": 3, "next_report_at": None}, hour=9, day=4) == {"day": 4}


def test_a_subscription_that_waits_for_a_paused_kind_waits_for_it_no_more_with_another() -> None:
    held = {"kind": "usage", "shard": held_shard("usage", 17), "hour": 9}
    assert edited(held, kind="activity") == {"kind": "activity", "shard": 17}
    assert edited(held, unset=("kind",)) == {"kind": None, "shard": 17}
    assert edited(held, hour=8) == {"hour": 8}
    for shard in (17, None):
        assert edited({"kind": "usage", "shard": shard}, kind="activity") == {"kind": "activity"}


def test_what_python_takes_for_the_same_is_not() -> None:
    assert edited({"sandbox": 1}, sandbox=True) == {"sandbox": True}
    assert edited({"hour": 8.0}, hour=8) == {"hour": 8}


def test_an_edit_may_correct_a_document_but_not_leave_it_malformed() -> None:
    broken = {"hour": 25, "day": 32}
    assert edited(broken, hour=9, unset=("day",)) == {"hour": 9, "day": None}
    with pytest.raises(InvalidEdit, match=r"^day: must be an integer from 1 to 31$"):
        edited(broken, hour=9)


def test_options_are_merged_and_null_takes_one_out() -> None:
    document = {"options": {"a": 1, "b": 2}}
    edit = SubscriptionEdit(options={"b": None, "c": 3})
    assert edit.changes_of(document) == {"options": {"a": 1, "c": 3}}
    assert SubscriptionEdit(options={"c": 3}, unset=("options",)).changes_of(document) == {"options": {"c": 3}}
    assert SubscriptionEdit(options={"c": 3}).changes_of({"options": "nonsense"}) == {"options": {"c": 3}}


def test_a_new_one_has_its_kind_and_cadence_and_is_due_by_its_schedule() -> None:
    made = added_fields(USER, "s1", SubscriptionEdit(fields={"minute": 30}), DEFAULTS, now=NOW)
    assert (made["kind"], made["cadence"], made["minute"]) == ("activity", "hourly", 30)
    assert made["next_report_at"] == datetime(2026, 11, 25, 20, 30, tzinfo=UTC)


def test_what_says_nothing_of_the_schedule_leaves_the_due_time() -> None:
    assert edited({"next_report_at": NOW + 9 * HOUR}, kind="usage", cc=["bob@example.com"]).keys() == {"kind", "cc"}


def test_one_without_a_due_time_gets_none() -> None:
    assert edited({"next_report_at": None}, cadence="daily").keys() == {"cadence"}
    assert edited({"active": False, "next_report_at": NOW + HOUR}, cadence="daily").keys() == {"cadence"}


def test_a_due_time_of_a_malformed_schedule_is_set_anew() -> None:
    document = {"cadence": "daily", "hour": 25, "next_report_at": NOW + 99 * HOUR}
    assert edited(document, hour=8)["next_report_at"] == datetime(2026, 11, 26, 13, tzinfo=UTC)


@given(before=SCHEDULES, after=SCHEDULES, since=st.integers(0, 40 * 24 * 60), left=st.integers(1, 40 * 24 * 60))
def test_a_new_schedule_repeats_and_leaves_out_nothing(
    before: dict[str, Any], after: dict[str, Any], since: int, left: int
) -> None:
    reported_until = NOW - timedelta(minutes=since)
    place = {"next_report_at": NOW + timedelta(minutes=left), "reported_until": reported_until}
    old, new = read({**before, **place}), read({**after, **place})
    moved = rescheduled_fields(old, new, USER, now=NOW)
    if old.schedule(USER) == new.schedule(USER):
        assert moved == {}
        return
    assert moved.keys() == {"next_report_at"}
    due_at = moved["next_report_at"]
    assert due_at > NOW
    period = period_to_report(new.schedule(USER), due_at=due_at, run_time=due_at, reported_until=reported_until)
    assert period is not None
    assert (period.start, period.end) == (reported_until, new.schedule(USER).covered_until(due_at))
    assert period.end > reported_until
