"""What a recipient's wish changes in a subscription, and how it is taken back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from functions.mail_events.address_events import fields_for_event
from functions.preferences.changes import InvalidWish, chosen, gets_copies, pause_end, without_address
from functions.preferences.kinds import EVERY_TIME, OfferedTimes
from functions.preferences.undo import Change, Undo
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.recipient_pauses import Stored, paused, resumed, stopped
from functions.shared.records.subscription import ADDRESS_LISTS, PauseReason, Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence

DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.DAILY)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MONDAY_IN_BERLIN = datetime(2026, 11, 30, 7, tzinfo=UTC)
WEEKLY = {
    "active": True,
    "cadence": "weekly",
    "next_report_at": MONDAY_IN_BERLIN,
    "reported_until": datetime(2026, 11, 22, 23, tzinfo=UTC),
}
BOSS = address_hash("Boss@example.com")


def stored(**fields: Any) -> Stored:
    document = {**WEEKLY, **fields}
    user = User.from_fields("u1", {"email": "u1@example.com", "active": True, "time_zone": "Europe/Berlin"})
    subscription = Subscription.from_fields("u1", "weekly", document, DEFAULTS, version=NOW)
    return Stored(user=user, subscription=subscription, document=document)


def after(before: Stored, fields: Mapping[str, Any]) -> Subscription:
    return Subscription.from_fields("u1", "weekly", {**before.document, **fields}, DEFAULTS)


@pytest.mark.parametrize("because", [None, *PauseReason])
def test_stopping_holds_whatever_else_ends(because: PauseReason | None) -> None:
    before = stored(active=because is None, paused_because=because and because.value, next_report_at=None)
    fields = stopped(before, now=NOW)
    now = after(before, fields)
    assert not now.active
    assert now.paused_because in {PauseReason.UNSUBSCRIBED, PauseReason.COMPLAINED}
    assert now.next_report_at is None
    assert stopped(stored(**{**before.document, **fields}), now=NOW + timedelta(days=1)) == {}


@pytest.mark.parametrize("because", [PauseReason.OPERATOR, PauseReason.USER_INACTIVE])
def test_a_recipient_ends_no_pause_of_the_team(because: PauseReason) -> None:
    for fields in ({"active": False, "next_report_at": None}, {"paused_until": NOW + timedelta(days=3)}):
        before = stored(paused_because=because.value, **fields)
        assert resumed(before, now=NOW) == {}
        assert paused(before, NOW + timedelta(days=1), now=NOW) == {}


@pytest.mark.parametrize("because", ["user", "unsubscribed", "complained", "bounced", None])
def test_a_recipient_resumes_what_was_stopped(because: str | None) -> None:
    before = stored(active=False, paused_because=because, next_report_at=None)
    now = after(before, resumed(before, now=NOW))
    assert not now.is_paused(NOW)
    assert now.next_report_at == MONDAY_IN_BERLIN
    assert resumed(stored(), now=NOW) == {}


def test_a_recipient_resumes_for_no_other_address() -> None:
    own, boss = address_hash("u1@example.com"), address_hash("boss@example.com")
    before = stored(active=False, paused_because="bounced", next_report_at=None, suppressed=[own, boss])
    # Of those whom the report is for, nobody would be left.
    assert resumed(stored(**{**before.document, "to": ["boss@example.com"]}), now=NOW) == {}
    now = after(before, resumed(before, now=NOW))
    assert now.objecting.keys() == {boss}
    assert not gets_copies(after(before, {"cc": ["boss@example.com"]}), boss, now=NOW)


@pytest.mark.parametrize(
    ("form", "end"),
    [
        ({"for": "week"}, datetime(2026, 12, 2, 23, tzinfo=UTC)),
        ({"for": "month"}, datetime(2026, 12, 25, 23, tzinfo=UTC)),
        ({"for": "date", "until": "2026-11-27"}, datetime(2026, 11, 26, 23, tzinfo=UTC)),
        ({"for": "date", "until": "2027-07-01"}, datetime(2027, 6, 30, 22, tzinfo=UTC)),
    ],
)
def test_a_pause_ends_with_the_beginning_of_a_day_of_the_recipients(form: dict[str, str], end: datetime) -> None:
    before = stored()
    assert pause_end(before, form, now=NOW) == end
    now = after(before, paused(before, end, now=NOW))
    assert now.paused_until == end
    assert now.next_report_at is not None
    assert now.next_report_at >= end
    assert now.paused_because is PauseReason.USER


def test_a_month_is_over_where_the_next_one_is_too_short() -> None:
    end = pause_end(stored(), {"for": "month"}, now=datetime(2027, 1, 31, 12, tzinfo=UTC))
    assert end == datetime(2027, 2, 28, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "for"),
        ({"for": "ever"}, "for"),
        ({"for": "date"}, "until"),
        ({"for": "date", "until": "2026-11-26"}, "until"),
        ({"for": "date", "until": "2028-11-26"}, "until"),
        ({"for": "date", "until": "soon"}, "until"),
    ],
)
def test_a_pause_that_is_none_is_refused(form: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidWish, match=field):
        pause_end(stored(), form, now=NOW)


@pytest.mark.parametrize(
    ("form", "due_at"),
    [
        ({"cadence": "weekly", "weekday": "3", "hour": "17"}, datetime(2026, 12, 2, 16, tzinfo=UTC)),
        ({"cadence": "daily", "hour": "6"}, datetime(2026, 11, 27, 5, tzinfo=UTC)),
        ({"cadence": "monthly", "day": "31", "hour": "8"}, datetime(2026, 11, 30, 7, tzinfo=UTC)),
        ({"cadence": "monthly", "day": "last", "hour": "8"}, datetime(2026, 11, 30, 7, tzinfo=UTC)),
        ({"cadence": "hourly"}, datetime(2026, 11, 26, 13, tzinfo=UTC)),
    ],
)
def test_another_time_moves_the_next_report_and_leaves_nothing_out(form: dict[str, str], due_at: datetime) -> None:
    before = stored(cron="0 8 * * 1")
    fields = chosen(before, form, DEFAULTS, now=NOW)
    now = after(before, fields)
    assert now.problem == ""
    assert now.cadence == form["cadence"]
    assert now.cron is None
    assert now.reported_until == before.subscription.reported_until
    assert now.next_report_at is not None
    assert now.next_report_at > NOW
    if form["cadence"] in {"weekly", "daily", "hourly"}:
        assert now.next_report_at == due_at
    again = Stored(user=before.user, subscription=now, document={**before.document, **fields})
    assert chosen(again, form, DEFAULTS, now=NOW) == {}


def test_a_day_takes_the_place_of_a_working_day() -> None:
    before = stored(cadence="monthly", working_day="last", day=5)
    fields = chosen(before, {"cadence": "monthly", "day": "5", "hour": "8"}, DEFAULTS, now=NOW)
    assert (fields["day"], fields["working_day"]) == (5, None)
    assert after(before, fields).working_day is None


def test_a_report_that_is_due_keeps_its_time() -> None:
    fields = chosen(stored(next_report_at=NOW - timedelta(minutes=1)), {"cadence": "hourly"}, DEFAULTS, now=NOW)
    assert fields == {"cadence": "hourly"}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"cadence": "fortnightly"},
        {"cadence": "cron"},
        {"cadence": "daily"},
        {"cadence": "daily", "hour": "24"},
        {"cadence": "daily", "hour": "-1"},
        {"cadence": "daily", "hour": "८"},
        {"cadence": "weekly", "hour": "8", "weekday": "0"},
        {"cadence": "monthly", "hour": "8", "day": "32"},
        {"cadence": "monthly", "hour": "8", "day": "middle"},
    ],
)
def test_a_time_that_the_page_does_not_offer_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(InvalidWish):
        chosen(stored(), form, DEFAULTS, now=NOW)


@pytest.mark.parametrize("cadence", EVERY_TIME.cadences)
def test_all_that_says_when_the_reports_of_a_cadence_are_due_is_kept(cadence: Cadence) -> None:
    form = {"cadence": cadence.value, "hour": "17", "weekday": "4", "day": "23"}
    before = stored()
    kept = after(before, chosen(before, form, DEFAULTS, now=NOW)).schedule(before.user)
    assert kept.after(NOW) == replace(kept, hour=17, weekday=4, day=23).after(NOW)


SPARSE = OfferedTimes(cadences=(Cadence.DAILY, Cadence.WEEKLY), hours=(5, 6))


@pytest.mark.parametrize(
    ("before", "form", "is_offered"),
    [
        ({"cadence": "weekly"}, {"cadence": "daily", "hour": "5"}, True),
        ({"cadence": "weekly"}, {"cadence": "hourly"}, False),
        ({"cadence": "weekly"}, {"cadence": "daily", "hour": "7"}, False),
        # What the application or an operator has chosen is no refusal of the whole form.
        ({"cadence": "monthly", "hour": 9}, {"cadence": "monthly", "hour": "9", "day": "2"}, True),
        ({"cadence": "hourly"}, {"cadence": "hourly"}, True),
    ],
)
def test_recipients_choose_from_what_the_kind_offers(
    before: dict[str, Any], form: dict[str, str], is_offered: bool
) -> None:
    document = stored(**before)
    if is_offered:
        fields = chosen(document, form, DEFAULTS, offered=SPARSE, now=NOW)
        assert after(document, fields).cadence == form["cadence"]
    else:
        with pytest.raises(InvalidWish):
            chosen(document, form, DEFAULTS, offered=SPARSE, now=NOW)


def test_times_that_were_chosen_for_somebody_stay() -> None:
    assert chosen(stored(cadence="cron", cron="0 8 * * 1"), {"cadence": "cron"}, DEFAULTS, now=NOW) == {}


@pytest.mark.parametrize(
    ("lists", "left"),
    [
        ({"cc": ["boss@example.com"]}, {"cc": []}),
        ({"cc": ["boss@example.com", "c@example.com"]}, {"cc": ["c@example.com"]}),
        ({"to": ["a@example.com", "BOSS@example.com"]}, {"to": ["a@example.com"]}),
        # The others get it as before, and the user does not begin to.
        ({"to": ["boss@example.com"], "cc": ["c@example.com"]}, {"to": ["c@example.com"], "cc": []}),
    ],
)
def test_an_address_takes_itself_out_and_nobody_else(lists: dict[str, Any], left: dict[str, Any]) -> None:
    before = stored(**lists)
    assert gets_copies(before.subscription, BOSS, now=NOW)
    fields = without_address(before, BOSS, now=NOW)
    assert {name: value for name, value in fields.items() if name in ADDRESS_LISTS} == left
    now = after(before, fields)
    assert not now.is_paused(NOW)
    assert not gets_copies(now, BOSS, now=NOW)
    assert without_address(stored(**{**lists, **fields}), BOSS, now=NOW) == {}
    # Nor if the application writes the lists again.
    assert not gets_copies(after(before, {**fields, **lists}), BOSS, now=NOW)


def test_a_report_that_reaches_nobody_is_paused() -> None:
    before = stored(to=["boss@example.com"])
    now = after(before, without_address(before, BOSS, now=NOW))
    assert now.is_paused(NOW)
    assert not gets_copies(now, BOSS, now=NOW)


@pytest.mark.parametrize("is_known", [False, True])
def test_the_only_recipient_who_stops_gets_no_emails_by_subscribing_at_the_provider(is_known: bool) -> None:
    unsubscribed, stopped_at = partial(MailEvent, "d", BOSS, MailStatus.UNSUBSCRIBED), NOW + timedelta(hours=1)
    late = unsubscribed(NOW, pauses=PauseReason.UNSUBSCRIBED)
    resubscribed = MailEvent("d", BOSS, MailStatus.RESUBSCRIBED, NOW + timedelta(hours=2))
    before = stored(to=["boss@example.com"])
    for event in (late, None, resubscribed) if is_known else (None, late, resubscribed):
        if event:
            now = event.at if is_known else resubscribed.at
            fields = fields_for_event(before.user, before.subscription, event, is_of_it=True, now=now)
        else:
            fields = without_address(before, BOSS, now=stopped_at)
        before = stored(**{**before.document, **fields})
    assert before.subscription.is_paused(resubscribed.at)


def test_what_takes_a_change_back_survives_the_way_through_a_page() -> None:
    before: dict[str, Any] = {
        "active": True,
        "hour": 8,
        "paused_because": None,
        "next_report_at": NOW,
        "to": ["a@example.com"],
    }
    before["objections"] = {BOSS: {"because": "bounced", "at": NOW}}
    undo = Undo(user_id="u1", until=NOW, changes=[Change(subscription_id="weekly", version=NOW, before=before)])
    assert Undo.from_json(undo.to_json()) == undo


def test_a_page_of_the_released_version_is_still_taken_back() -> None:
    content = ["u1", NOW.isoformat(), [["weekly", NOW.isoformat(), {"next_report_at": {"at": NOW.isoformat()}}]]]
    assert Undo.from_json(content).changes[0].before == {"next_report_at": NOW}


def test_what_json_cannot_hold_is_not_taken_back() -> None:
    change = Change(subscription_id="weekly", version=NOW, before={"hour": object()})
    assert Undo(user_id="u1", until=NOW, changes=[change]).to_json() is None
    assert Undo(user_id="u1", until=NOW, changes=[]).to_json() is None
