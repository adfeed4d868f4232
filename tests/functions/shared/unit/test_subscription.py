"""Subscriptions as other people's applications write them, and how they change."""

import re
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.ids import shard_of
from functions.shared.schedule import Cadence, Covers
from functions.shared.subscription import (
    ADDRESS_LISTS,
    MOST_ADDRESSES,
    SUBSCRIPTION_FIELDS,
    SUBSCRIPTION_MUST_BE,
    PauseReason,
    Subscription,
    SubscriptionDefaults,
    _SubscriptionFields,
    bounced_fields,
    default_fields,
    moved_fields,
    paused_fields,
    paused_until_fields,
    readdressed_fields,
    resumed_fields,
    scheduled_fields,
    suppressed_fields,
    unscheduled_fields,
    unsuppressed_fields,
)
from functions.shared.user import User
from tests.function_process import REPOSITORY
from tests.values import anything

DEFAULTS = SubscriptionDefaults("activity", Cadence.HOURLY)
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
    "paused_until": DUE,
    "kind": "usage",
    "cadence": "weekly",
    "hour": 7,
    "minute": 15,
    "weekday": "Friday",
    "day": 3,
    "cron": "0 8 * * 1-5",
    "covers": "since-last",
    "to": ["a@example.com", " b@example.com "],
    "cc": ["c@example.com"],
    "time_zone": "Asia/Tokyo",
    "locale": "ja",
    "sandbox": True,
    "options": {"threshold": 3},
    "skip_empty": False,
    "suppressed": ["b5fc85e55755f9e0"],
    "bounced_address": "6b23c0d5f35d1b11",
    "resumed_at": DUE,
    "next_report_at": DUE,
    "reported_until": DUE,
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
    assert (subscription.to, subscription.cc) == (("a@example.com", "b@example.com"), ("c@example.com",))
    assert (subscription.locale, subscription.options, subscription.skip_empty) == ("ja", {"threshold": 3}, False)
    assert subscription.next_report_at == subscription.reported_until == DUE
    schedule = subscription.schedule(USER)
    assert (schedule.hour, schedule.minute, schedule.weekday, schedule.day) == (7, 15, 5, 3)
    assert (schedule.cadence, schedule.covers) == (Cadence.WEEKLY, Covers.SINCE_LAST)
    assert schedule.time_zone == ZoneInfo("Asia/Tokyo")


def test_the_users_time_zone_counts_where_the_subscription_has_none() -> None:
    assert read().schedule(USER).time_zone == ZoneInfo("America/New_York")
    assert read().schedule(None).time_zone == ZoneInfo("UTC")


def test_null_counts_as_absent() -> None:
    assert read(**dict.fromkeys(SUBSCRIPTION_MUST_BE)) == read()


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
        ({"to": []}, "to"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"locale": 1}, "locale"),
        ({"sandbox": "true"}, "sandbox"),
        ({"options": [1]}, "options"),
        ({"skip_empty": 1}, "skip_empty"),
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


def test_every_field_of_a_subscription_is_documented_and_described() -> None:
    section = (
        (REPOSITORY / "docs/reference/documents.md").read_text().partition("## A subscription")[2].partition("\n## ")[0]
    )
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))
    assert documented == set(SUBSCRIPTION_FIELDS)
    assert SUBSCRIPTION_MUST_BE.keys() == _SubscriptionFields.model_fields.keys()
    assert {*SUBSCRIPTION_MUST_BE, "user_id", "shard"} == set(SUBSCRIPTION_FIELDS)


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


def test_a_subscription_that_is_to_be_scheduled_has_the_null_that_the_dispatcher_finds() -> None:
    assert unscheduled_fields() == {"shard": None, "next_report_at": None}
    assert scheduled_fields("u1", "s1", due_at=NOW)["shard"] == shard_of("u1", "s1")


def test_reported_until_only_moves_forward() -> None:
    later = NOW + timedelta(hours=1)
    assert moved_fields(read(reported_until=NOW), next_report_at=later, reported_until=later) == {
        "next_report_at": later,
        "reported_until": later,
    }
    assert moved_fields(read(reported_until=later), reported_until=NOW) == {}
    assert moved_fields(read(), reported_until=NOW) == {"reported_until": NOW}


def test_a_paused_subscription_has_no_due_time() -> None:
    paused = read(**{"next_report_at": NOW, "paused_until": NOW} | paused_fields(PauseReason.BOUNCED))
    assert (paused.active, paused.paused_because, paused.next_report_at) == (False, PauseReason.BOUNCED, None)
    assert paused.is_paused(NOW)


def test_a_pause_with_an_end_moves_the_due_time_and_leaves_the_time_out() -> None:
    subscription = read(cadence="daily", next_report_at=NOW, reported_until=NOW - timedelta(days=1))
    until = datetime(2026, 12, 3, 15, tzinfo=UTC)
    paused = read(
        cadence="daily",
        **paused_until_fields(subscription, subscription.schedule(USER), because=PauseReason.USER, until=until),
    )
    assert paused.active
    assert (paused.is_paused(NOW), paused.is_paused(until)) == (True, False)
    # 3 December begins in New York at 05:00 UTC; its report is due on the 4th at 8.
    assert paused.reported_until == datetime(2026, 12, 3, 5, tzinfo=UTC)
    assert paused.next_report_at == datetime(2026, 12, 4, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "reported_until", "next_report_at"),
    [
        ({"cadence": "hourly"}, "2026-11-25T20:20Z", "2026-11-25T21:00Z"),
        ({"cadence": "hourly", "covers": "calendar"}, "2026-11-25T20:00Z", "2026-11-25T21:00Z"),
        ({"cadence": "daily"}, "2026-11-25T05:00Z", "2026-11-26T13:00Z"),
        ({"cadence": "weekly"}, "2026-11-25T05:00Z", "2026-11-30T13:00Z"),
        ({"cadence": "cron", "cron": "30 18 * * *"}, "2026-11-25T05:00Z", "2026-11-26T23:30Z"),
        ({"cadence": "cron", "cron": "*/30 * * * *"}, "2026-11-25T20:20Z", "2026-11-25T20:30Z"),
    ],
)
def test_a_resumed_subscription_reports_from_where_it_resumes(
    fields: dict[str, Any], reported_until: str, next_report_at: str
) -> None:
    subscription = read(**fields, reported_until=NOW - timedelta(days=40), **paused_fields(PauseReason.OPERATOR))
    resumed = read(**fields, **resumed_fields(subscription, subscription.schedule(USER), now=NOW))
    assert resumed.reported_until == datetime.fromisoformat(reported_until)
    assert resumed.next_report_at == datetime.fromisoformat(next_report_at)
    assert (resumed.active, resumed.paused_because, resumed.paused_until) == (True, None, None)
    assert resumed.shard == shard_of("u1", "s1")


def test_a_pause_within_a_day_repeats_nothing_that_was_reported() -> None:
    subscription = read(cadence="daily", reported_until=NOW - timedelta(minutes=5))
    resumed = resumed_fields(subscription, subscription.schedule(USER), now=NOW)
    assert resumed["reported_until"] == NOW - timedelta(minutes=5)


def test_resuming_has_the_reports_go_to_all_addresses_again() -> None:
    subscription = read(cadence="daily", suppressed=["b5fc85e55755f9e0"], **paused_fields(PauseReason.BOUNCED))
    resumed = resumed_fields(subscription, subscription.schedule(USER), now=NOW)
    assert (resumed["suppressed"], resumed["resumed_at"]) == ([], NOW)
    left_out = read(**suppressed_fields(read(cc=["c@example.com"]), "b5fc85e55755f9e0"))
    assert left_out.suppressed == {"b5fc85e55755f9e0"}
    assert read(**unsuppressed_fields(now=NOW)).suppressed == frozenset()


def test_a_new_address_has_the_reports_go_to_no_address_that_was_left_out() -> None:
    subscription = read(cadence="daily", suppressed=["b5fc85e55755f9e0"], **bounced_fields("6b23c0d5f35d1b11"))
    fields = readdressed_fields(subscription, subscription.schedule(USER), now=NOW)
    assert not fields.keys() & {"suppressed", "resumed_at"}
    resumed = read(**fields)
    assert (resumed.active, resumed.paused_because, resumed.bounced_address) == (True, None, "")
    by_hand = resumed_fields(subscription, subscription.schedule(USER), now=NOW)
    assert by_hand == {**fields, "suppressed": [], "resumed_at": NOW}


@pytest.mark.parametrize("paused_again", [{}, paused_fields(PauseReason.OPERATOR)])
def test_a_pause_can_end_before_its_time(paused_again: dict[str, Any]) -> None:
    subscription = read(cadence="daily", reported_until=NOW - timedelta(days=1))
    schedule, until = subscription.schedule(USER), NOW + timedelta(days=30)
    paused = read(
        cadence="daily",
        **paused_until_fields(subscription, schedule, because=PauseReason.USER, until=until) | paused_again,
    )
    resumed = resumed_fields(paused, schedule, now=NOW)
    assert resumed["reported_until"] == datetime(2026, 11, 25, 5, tzinfo=UTC)
    assert resumed["next_report_at"] == datetime(2026, 11, 26, 13, tzinfo=UTC)
    sooner = paused_until_fields(paused, schedule, because=PauseReason.USER, until=until - timedelta(days=20))
    assert sooner["next_report_at"] == datetime(2026, 12, 6, 13, tzinfo=UTC)


@given(
    now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    cadence=st.sampled_from([each.value for each in Cadence if each is not Cadence.CRON]),
    covers=st.sampled_from(["calendar", "since-last"]),
    zone=st.sampled_from(["UTC", "America/New_York", "Pacific/Apia", "Africa/Cairo", "Asia/Kathmandu"]),
)
def test_a_resumed_subscription_is_due_in_the_future_with_something_to_report(
    now: datetime, cadence: str, covers: str, zone: str
) -> None:
    subscription = read(cadence=cadence, covers=covers, time_zone=zone)
    schedule = subscription.schedule(None)
    resumed = resumed_fields(subscription, schedule, now=now)
    assert resumed["next_report_at"] >= now
    assert resumed["reported_until"] <= now
    assert schedule.covered_until(resumed["next_report_at"]) > resumed["reported_until"]
