"""Subscriptions as other people's applications write them, and how they change."""

from datetime import UTC, datetime
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.calendar import days_off_of
from functions.shared.records.ids import shard_of
from functions.shared.records.subscription import (
    ADDRESS_LISTS,
    MOST_ADDRESSES,
    SUBSCRIPTION_FIELDS,
    SUBSCRIPTION_MUST_BE,
    PauseReason,
    Subscription,
    SubscriptionDefaults,
    default_fields,
)
from functions.shared.records.user import User
from functions.shared.times.days_off import NO_DAYS_OFF, DaysOff
from functions.shared.times.schedule import Cadence, Covers, WorkingDay
from tests.values import anything

CALENDARS: dict[str, dict[str, Any]] = {"berlin": {"dates": ["2026-12-25"]}, "broken": {"dates": "2026-12-25"}}


def calendars(name: str) -> DaysOff:
    return days_off_of(name, CALENDARS.get(name))


DEFAULTS = SubscriptionDefaults("activity", Cadence.HOURLY, calendars)
USER = User.from_fields("u1", {"email": "ada@example.com", "active": True, "time_zone": "America/New_York"})
NOW = datetime(2026, 11, 25, 20, 20, tzinfo=UTC)


def read(**fields: Any) -> Subscription:
    return Subscription.from_fields("u1", "s1", fields, DEFAULTS)


def test_an_empty_document_is_a_subscription_with_the_teams_defaults() -> None:
    subscription = read()
    assert (subscription.id, subscription.user_id) == ("s1", "u1")
    assert (subscription.kind, subscription.cadence, subscription.active) == ("activity", Cadence.HOURLY, True)
    assert (subscription.to, subscription.cc, subscription.options) == ((), (), {})
    assert subscription.skip_empty
    assert (subscription.shard, subscription.next_report_at, subscription.problem) == (None, None, "")


DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
EVERY_FIELD: dict[str, Any] = {
    "shard": 29,
    "active": False,
    "paused_because": "operator",
    "paused_at": DUE,
    "paused_until": DUE,
    "kind": "usage",
    "cadence": "weekly",
    "hour": 7,
    "minute": 15,
    "weekday": "Friday",
    "day": 3,
    "cron": "0 8 * * 1-5",
    "covers": "since-last",
    "working_day": "last",
    "calendar": "berlin",
    "send_between": "22:00-06:00",
    "deliver": {"destination": "slack", "channel": "C024BE91L", "secret": "acme"},
    **{name: [f"{name}@example.com", f" {name}-2@example.com "] for name in ADDRESS_LISTS},
    "time_zone": "Asia/Tokyo",
    "locale": "ja",
    "sandbox": True,
    "options": {"threshold": 3},
    "skip_empty": False,
    "objections": {"8f4c1a3e5b7d9f02": {"because": "complained", "at": DUE, "cleared_at": DUE}},
    "suppressed": ["b5fc85e55755f9e0"],
    "bounced_address": "6b23c0d5f35d1b11",
    "resumed_at": DUE,
    "next_report_at": DUE,
    "reported_until": DUE,
    "settled_at": DUE,
}
"""A document with another value than the default in each field. The path says whose it is."""


@pytest.mark.parametrize("name", [name for name in SUBSCRIPTION_FIELDS if name != "user_id"])
def test_each_field_of_the_document_is_read(name: str) -> None:
    document = EVERY_FIELD | ({"cadence": "cron"} if name == "cron" else {})
    assert getattr(read(**document), name) != getattr(read(), name)


def test_all_fields() -> None:
    subscription = read(**EVERY_FIELD, something_else={"of": "theirs"})
    assert subscription.problem == ""
    assert (subscription.shard, subscription.active, subscription.sandbox) == (29, False, True)
    assert (subscription.paused_because, subscription.paused_until) == (PauseReason.OPERATOR, DUE)
    for name in ADDRESS_LISTS:
        assert getattr(subscription, name) == (f"{name}@example.com", f"{name}-2@example.com")
    assert (subscription.locale, subscription.options, subscription.skip_empty) == ("ja", {"threshold": 3}, False)
    assert subscription.next_report_at == subscription.reported_until == DUE
    schedule = subscription.schedule(USER)
    assert (schedule.hour, schedule.minute, schedule.weekday, schedule.day) == (7, 15, 5, 3)
    assert (schedule.cadence, schedule.covers) == (Cadence.WEEKLY, Covers.SINCE_LAST)
    assert schedule.time_zone == ZoneInfo("Asia/Tokyo")
    assert (schedule.working_day, str(schedule.send_between)) == (WorkingDay.LAST, "22:00-06:00")
    assert schedule.days_off == calendars("berlin")


def test_a_calendar_that_is_missing_or_malformed_makes_the_subscription_malformed() -> None:
    assert read(calendar="unknown").problem == "calendar: there is no calendar unknown"
    broken = read(calendar="broken", hour=25)
    assert "hour: must be" in broken.problem
    assert "calendar: the calendar broken is malformed: dates: must be a list" in broken.problem
    assert broken.schedule(USER).days_off == NO_DAYS_OFF


def test_the_users_time_zone_counts_where_the_subscription_has_none() -> None:
    assert read().schedule(USER).time_zone == ZoneInfo("America/New_York")
    assert read().schedule(None).time_zone == ZoneInfo("UTC")


def test_null_counts_as_absent() -> None:
    # Where an application writes it, all addresses want emails again.
    assert read(**dict.fromkeys(SUBSCRIPTION_MUST_BE))._replace(objections={}) == read()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"active": "yes"}, "active"),
        ({"paused_because": "tired"}, "paused_because"),
        ({"paused_until": "tomorrow"}, "paused_until"),
        ({"kind": "No/Such"}, "kind"),
        ({"cadence": "no-such-cadence"}, "cadence"),
        ({"hour": 24}, "hour"),
        ({"hour": "8"}, "hour"),
        ({"minute": 60}, "minute"),
        ({"weekday": "someday"}, "weekday"),
        ({"day": 0}, "day"),
        ({"cadence": "cron"}, "cron"),
        ({"cadence": "cron", "cron": "0 8 30 2 *"}, "cron"),
        ({"cadence": "cron", "cron": 5}, "cron"),
        ({"covers": "everything"}, "covers"),
        ({"working_day": "third"}, "working_day"),
        ({"calendar": "../users"}, "calendar"),
        ({"deliver": "webhook"}, "deliver"),
        ({"send_between": "8-18"}, "send_between"),
        ({"send_between": 8}, "send_between"),
        ({"to": []}, "to"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"locale": 1}, "locale"),
        ({"sandbox": "true"}, "sandbox"),
        ({"options": [1]}, "options"),
        ({"skip_empty": 1}, "skip_empty"),
        ({"objections": ["b5fc85e55755f9e0"]}, "objections"),
        ({"objections": {"b5fc85e55755f9e0": {"because": "operator"}}}, "objections"),
        ({"objections": {"b5fc85e55755f9e0": {"because": "bounced", "at": 7}}}, "objections"),
        ({"suppressed": "b5fc85e55755f9e0"}, "suppressed"),
        ({"resumed_at": "today"}, "resumed_at"),
        ({"next_report_at": datetime(1, 1, 1, tzinfo=UTC)}, "next_report_at"),
        ({"reported_until": datetime(9999, 12, 31, tzinfo=UTC)}, "reported_until"),
    ],
)
def test_a_bad_field_is_named_with_what_it_must_be(fields: dict[str, Any], named: str) -> None:
    assert read(**fields).problem == f"{named}: must be {SUBSCRIPTION_MUST_BE[named]}"


@pytest.mark.parametrize("name", ADDRESS_LISTS)
@pytest.mark.parametrize(
    "addresses",
    [
        "ada@example.com",
        ["nobody"],
        ["a@b\nBcc: c@d"],
        ["a@example.com", "A@example.com"],
        [f"a{number}@example.com" for number in range(MOST_ADDRESSES + 1)],
    ],
)
def test_a_bad_list_of_addresses_is_named(name: str, addresses: Any) -> None:
    assert read(**{name: addresses}).problem == f"{name}: must be {SUBSCRIPTION_MUST_BE[name]}"


@pytest.mark.parametrize("name", ADDRESS_LISTS)
def test_a_full_list_of_addresses_is_sound(name: str) -> None:
    full = [f"a{number}@example.com" for number in range(MOST_ADDRESSES)]
    assert (getattr(read(**{name: full}), name), read(**{name: full}).problem) == (tuple(full), "")


@pytest.mark.parametrize(("first", "second"), list(combinations(ADDRESS_LISTS, 2)))
def test_an_address_in_two_lists_is_malformed(first: str, second: str) -> None:
    subscription = read(**{first: ["a@example.com"], second: ["A@Example.com"]})
    assert subscription.problem == f"{second}: must be {SUBSCRIPTION_MUST_BE[second]}"


def test_what_is_sound_counts_though_another_field_is_malformed() -> None:
    subscription = read(hour=99, cadence="daily", kind="usage", to=["nobody"], cc=["c@example.com"])
    assert (subscription.hour, subscription.cadence, subscription.kind) == (8, Cadence.DAILY, "usage")
    assert (subscription.to, subscription.cc) == ((), ("c@example.com",))


def test_a_cadence_without_its_cron_line_is_the_teams_default() -> None:
    assert read(cadence="cron", cron="never").cadence is Cadence.HOURLY


@pytest.mark.parametrize("shard", [-1, 30, "1", 1.0, True, None])
def test_a_shard_that_no_run_asks_for_is_none(shard: Any) -> None:
    assert read(shard=shard).shard is None


def test_a_cron_line_is_read_where_the_cadence_is_cron() -> None:
    by_cron = read(cadence="cron", cron="15 6 * * 1-5", covers="since-last", time_zone="UTC").schedule(USER)
    assert by_cron.after(datetime(2026, 11, 20, 12, tzinfo=UTC)) == datetime(2026, 11, 23, 6, 15, tzinfo=UTC)
    daily = read(cadence="daily", cron="left over", minute=30, time_zone="UTC").schedule(USER)
    assert daily.after(datetime(2026, 11, 20, 12, tzinfo=UTC)) == datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def test_every_field_of_a_subscription_is_described() -> None:
    assert {*SUBSCRIPTION_MUST_BE, "user_id", "shard"} == set(SUBSCRIPTION_FIELDS)
    assert all(SUBSCRIPTION_MUST_BE.values())


@given(document=st.fixed_dictionaries({}, optional=dict.fromkeys(SUBSCRIPTION_FIELDS, anything)))
def test_any_document_has_a_schedule(document: dict[str, Any]) -> None:
    subscription = read(**document)
    assert "\n" not in subscription.problem
    assert subscription.schedule(USER).after(NOW) > NOW


def test_the_default_subscription_is_due_at_once() -> None:
    written = default_fields("u1", SubscriptionDefaults("usage", Cadence.DAILY), due_at=NOW)
    subscription = Subscription.from_fields("u1", "default", written, DEFAULTS)
    assert (subscription.kind, subscription.cadence, subscription.next_report_at) == ("usage", Cadence.DAILY, NOW)
    assert subscription.shard == shard_of("u1", "default")
    assert written["user_id"] == "u1"
