"""Subscriptions: found, made, changed, paused, resumed and removed, whatever others write meanwhile."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.firestore.subscription_documents import StoredSubscription
from functions.shared.records.ids import delivery_id, shard_of
from functions.shared.records.subscription import ADDRESS_LISTS, PauseReason, Subscription, SubscriptionDefaults
from functions.shared.records.subscription_edit import EDITABLE, SubscriptionEdit
from functions.shared.times.schedule import Cadence
from operations.errors import OperatorError
from operations.subscriptions.subscription_changes import SubscriptionChanges
from report_kit.kinds import kinds
from tests.operations.integration.conftest import Answer, Project
from tests.seeding import seed, subscription_of, subscription_reference, user_document, user_reference

DEFAULTS = SubscriptionDefaults("activity", Cadence.HOURLY)
NOW = datetime(2026, 11, 25, 20, 20, tzinfo=UTC)
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def subscriptions(project: Project, *arguments: str, **variables: str | None) -> Answer:
    return project.reports("subscriptions", *arguments, **variables)


def stored(project: Project, user: str = "u1", subscription: str = "default") -> dict[str, Any]:
    fields: dict[str, Any] = subscription_reference(project.database, user, subscription).get().to_dict()
    return fields


def put_delivery(project: Project, subscription: str, due_at: datetime, state: str, user: str = "u1") -> str:
    delivery = delivery_id(user, subscription, due_at)
    project.set_delivery(delivery, user_id=user, subscription_id=subscription, due_at=due_at, state=state)
    return delivery


def test_a_users_subscriptions_are_listed_with_due_time_pause_and_last_delivery(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER, cadence="weekly", weekday="friday", hour=7)
    seed(project.database, "u1", subscription_id="old", next_report_at=None, active=False, paused_because="bounced")
    seed(project.database, "u2", next_report_at=LATER)
    put_delivery(project, "default", NOW - timedelta(hours=2), "sent")
    last = put_delivery(project, "default", NOW - timedelta(hours=1), "dead")
    put_delivery(project, "other", NOW, "sent")
    rows = subscriptions(project, "list", "--user", "u1", "--json").json
    assert [(row["subscription_id"], row["state"], row["paused_because"]) for row in rows] == [
        ("default", "scheduled", None),
        ("old", "paused", "bounced"),
    ]
    assert rows[0]["next_report_at"] == "2100-01-01T00:00:00Z"
    assert rows[0]["schedule"] == "weekly on Friday at 07:00"
    assert (rows[0]["last_delivery_id"], rows[0]["last_delivery_state"]) == (last, "dead")
    assert rows[1]["last_delivery_id"] is None
    out = subscriptions(project, "list", "--user", "u1").out
    assert "bounced" in out
    assert "paused_because" in out
    assert "problem" not in out


def test_what_is_due_first_is_listed_first(project: Project) -> None:
    for hours, user in ((3, "u3"), (-1, "u1"), (2, "u2")):
        seed(project.database, user, next_report_at=datetime.now(UTC) + timedelta(hours=hours))
    seed(project.database, "paused", next_report_at=None, active=False)
    seed(project.database, "new", next_report_at=LATER, shard=None)
    rows = subscriptions(project, "list", "--json").json
    assert [(row["user_id"], row["state"]) for row in rows] == [
        ("u1", "due"),
        ("u2", "scheduled"),
        ("u3", "scheduled"),
    ]
    assert len(subscriptions(project, "list", "--json", "--limit", "2").json) == 2


def test_what_is_paused_for_a_reason_is_listed(project: Project) -> None:
    paused: dict[str, Any] = {"next_report_at": None, "active": False}
    seed(project.database, "u1", **paused, paused_because="bounced")
    seed(project.database, "u2", **paused, paused_because="operator")
    until: dict[str, Any] = {"paused_because": "bounced", "next_report_at": LATER}
    seed(project.database, "u3", **until, paused_until=LATER)
    seed(project.database, "u4", **until, paused_until=EARLIER)
    rows = subscriptions(project, "list", "--paused-because", "bounced", "--json").json
    assert [row["user_id"] for row in rows] == ["u1", "u3"]
    both = ("--user", "u2", "--paused-because")
    assert len(subscriptions(project, "list", *both, "operator", "--json").json) == 1
    assert subscriptions(project, "list", *both, "bounced").out == "There are no such subscriptions.\n"


def test_one_is_shown_with_all_fields_and_its_latest_deliveries(project: Project) -> None:
    lists: dict[str, Any] = {name: [f"{name}@customer.example"] for name in ADDRESS_LISTS}
    options = {"to": "bob@customer.example", "threshold": 5}
    seed(project.database, "u1", next_report_at=LATER, options=options, **lists)
    deliveries = [put_delivery(project, "default", NOW - timedelta(hours=hours), "sent") for hours in range(7)]
    row = subscriptions(project, "show", "u1", "--json").json
    assert set(EDITABLE) <= row.keys()
    assert row["options"] == {"to": "[address]", "threshold": 5}
    assert {name: row[name] for name in ADDRESS_LISTS} == {name: ["[address]"] for name in ADDRESS_LISTS}
    assert [each["delivery_id"] for each in row["deliveries"]] == deliveries[:5]
    row = subscriptions(project, "show", "u1", "--json", "--with-addresses").json
    assert {name: row[name] for name in ADDRESS_LISTS} == lists
    out = subscriptions(project, "show", "u1", "default").out
    assert "@" not in out
    assert "options.threshold" in out
    assert deliveries[0] in out


def test_a_due_one_is_shown_to_wait_in_the_queue_during_a_ramp(project: Project) -> None:
    ramp = {"RAMP_START": "2126-12-01", "QUEUE_RATE": "10"}
    seed(project.database, "u1", next_report_at=NOW - timedelta(days=2))
    seed(project.database, "u2", next_report_at=LATER)
    assert "may wait in the queue" in project.reports("subscriptions", "show", "u1", **ramp).out
    assert "may wait in the queue" not in project.reports("subscriptions", "show", "u1").out
    assert "may wait in the queue" not in project.reports("subscriptions", "show", "u2", **ramp).out


def test_a_malformed_one_says_what_is_wrong(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER, hour=25)
    [row] = subscriptions(project, "list", "--user", "u1", "--json").json
    assert row["problem"] == "hour: must be an integer from 0 to 23"
    assert "problem" in subscriptions(project, "list", "--user", "u1").out


def test_the_defaults_are_the_deployed_ones(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER, kind=..., cadence=...)
    row = subscriptions(project, "show", "u1", "--json", DEFAULT_KIND="usage", DEFAULT_CADENCE="daily").json
    assert (row["kind"], row["cadence"]) == ("usage", "daily")


def test_one_that_is_missing_is_named_with_those_that_are_not(project: Project) -> None:
    for number in range(12):
        seed(project.database, "u1", subscription_id=f"s{number:02}", next_report_at=LATER)
    answer = subscriptions(project, "show", "u1", "weekly")
    assert answer.status == 1
    assert answer.err.startswith("u1 has no subscription weekly, but s00, s01, ")
    assert "s09 and 2 more: reports subscriptions add makes one." in answer.err


@pytest.mark.parametrize("verb", ["show", "pause", "resume", "remove", "list --user", "set --hour 9"])
def test_nobody_is_named_with_what_to_do(project: Project, verb: str) -> None:
    answer = subscriptions(project, *verb.split(), "nobody")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("There is no user nobody: reports users find EMAIL finds a user's id.")


def test_one_is_made_and_due_by_its_schedule(project: Project) -> None:
    user_reference(project.database, "u1").set(user_document("u1", time_zone="Asia/Tokyo"))
    answer = subscriptions(project, "add", "u1", "weekly", "--cadence", "weekly", "--weekday", "Friday", "--json")
    assert answer.status == 0
    due_at = datetime.fromisoformat(answer.json["next_report_at"])
    assert datetime.now(UTC) < due_at <= datetime.now(UTC) + timedelta(days=7)
    # Friday at 8 in Tokyo.
    assert (due_at.isoweekday(), due_at.hour) == (4, 23)
    assert stored(project, subscription="weekly") == {
        "user_id": "u1",
        "shard": shard_of("u1", "weekly"),
        "active": True,
        "kind": "activity",
        "cadence": "weekly",
        "weekday": "Friday",
        "next_report_at": due_at,
    }


@pytest.mark.parametrize("verb", ["add", "set"])
def test_every_field_can_be_given(project: Project, verb: str) -> None:
    if verb == "add":
        user_reference(project.database, "u1").set(user_document("u1"))
    else:
        seed(project.database, "u1", subscription_id="all", next_report_at=LATER)
    given = {
        "kind": "usage",
        "cadence": "cron",
        "hour": 7,
        "minute": 30,
        "weekday": 2,
        "day": 15,
        "cron": "0 8 * * 1-5",
        "working_day": "last",
        "calendar": "berlin",
        "send_between": "08:00-18:00",
        "covers": "since-last",
        "deliver": {"destination": "chat", "secret": "acme"},
        **{name: [f"{name}@customer.example", f"{name}-2@customer.example"] for name in ADDRESS_LISTS},
        "time_zone": "Asia/Tokyo",
        "locale": "ja",
        "sandbox": True,
        "options": {"threshold": 5, "region": "eu", "zip": "01234"},
        "skip_empty": False,
    }
    assert given.keys() == set(EDITABLE)
    project.database.document("calendars/berlin").set({"dates": ["2026-12-25"]})
    line: list[str] = []
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        match value:
            case bool():
                line.append(option if value else f"--no-{option[2:]}")
            case dict() if name == "deliver":
                line += [part for key, text in value.items() for part in (option, f"{key}={text}")]
            case dict():
                line += ["--option", "threshold=5", "--option", "region=eu", "--option", 'zip="01234"']
            case list():
                line += [part for item in value for part in (option, item)]
            case _:
                line += [option, str(value)]
    assert subscriptions(project, verb, "u1", "all", *line).status == 0
    made = stored(project, subscription="all")
    assert {name: made.get(name) for name in given} == given
    # A second time nothing is left to change.
    before = project.everything()
    assert "nothing was changed" in subscriptions(project, "set", "u1", "all", *line).out
    assert project.everything() == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--hour", "25"], "hour: must be an integer from 0 to 23. Nothing was written."),
        (["--weekday", "someday"], "weekday: must be monday to sunday"),
        (["--cron", "* * *"], "cron: must be five cron fields"),
        (["--cadence", "cron"], "cron: must be five cron fields"),
        (["--cadence", "daily", "--cron", "0 8 * * *"], "cron: goes with the cadence cron, not with daily"),
        (["--to", "nobody"], "to: must be a list of 1 to 20 email addresses"),
        (["--cc", "a@x.example", "--cc", "A@x.example"], "cc: must be a list of at most 20"),
        (["--time-zone", "Mars/Base"], "time_zone: must be a name of the IANA database"),
        (["--kind", "My report"], "kind: must be the name of a report"),
        (["--hour", "25", "--day", "32"], "hour: must be an integer from 0 to 23; day: must be"),
        (["--cadence", "often"], "--cadence"),
        (["--option", "threshold"], "write KEY=VALUE"),
    ],
)
@pytest.mark.parametrize("verb", ["add", "set"])
def test_a_malformed_field_is_named_and_nothing_is_written(
    project: Project, verb: str, arguments: list[str], named: str
) -> None:
    subscription = {"add": "new", "set": "default"}[verb]
    seed(project.database, "u1", next_report_at=LATER, to=["a@x.example"])
    before = project.everything()
    answer = subscriptions(project, verb, "u1", subscription, *arguments)
    assert (answer.status, answer.out) == (2, "")
    assert named in " ".join(answer.err.replace("│", " ").split())
    assert project.everything() == before


def test_one_that_is_there_already_is_not_made_again(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER)
    before = project.everything()
    answer = subscriptions(project, "add", "u1", "default", "--hour", "9")
    assert (answer.status, "u1 has a subscription default already" in answer.err) == (1, True)
    assert project.everything() == before


@pytest.mark.parametrize(
    ("user", "arguments", "said"),
    [
        ({"active": False}, [], "users/u1 is not active: nothing is sent until"),
        ({"email": 7}, [], "users/u1: email: must be an email address. Nothing is sent until"),
        ({}, ["--kind", "horoscope"], f"There is no kind horoscope in this checkout, but {', '.join(kinds())}"),
        ({}, ["--locale", "fr"], "Reports have words in de, en, ja: with fr, they are in English."),
    ],
)
def test_what_keeps_a_new_one_from_being_sent_is_said(
    project: Project, user: dict[str, Any], arguments: list[str], said: str
) -> None:
    user_reference(project.database, "u1").set(user_document("u1", **user))
    answer = subscriptions(project, "add", "u1", "new", *arguments)
    assert (answer.status, said in answer.err) == (0, True), answer


def test_a_new_schedule_moves_the_due_time(project: Project) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    seed(project.database, "u1", next_report_at=LATER, reported_until=yesterday, cadence="monthly")
    answer = subscriptions(project, "set", "u1", "--cadence", "hourly", "--minute", "10", "--json")
    due_at = datetime.fromisoformat(answer.json["next_report_at"])
    assert datetime.now(UTC) < due_at <= datetime.now(UTC) + timedelta(hours=1)
    assert due_at.minute == 10
    assert stored(project)["next_report_at"] == due_at
    assert stored(project)["reported_until"] == yesterday


def test_what_is_due_keeps_its_due_time(project: Project) -> None:
    """A worker may be building it: with another due time it would be another delivery of the same time."""
    seed(project.database, "u1", next_report_at=EARLIER, cadence="daily")
    answer = subscriptions(project, "set", "u1", "--cadence", "weekly")
    assert "A report is due: it goes out first" in answer.out
    assert stored(project)["next_report_at"] == EARLIER
    assert stored(project)["cadence"] == "weekly"


def test_fields_go_back_to_their_defaults(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER, hour=25, cc=["a@x.example"], options={"a": 1, "b": 2})
    unset = ("--unset", "hour", "--unset", "cc", "--option", "a=null", "--time-zone", "Asia/Tokyo")
    row = subscriptions(project, "set", "u1", *unset, "--json").json
    assert (row["hour"], row["cc"], row["options"], row["time_zone"]) == (8, [], {"b": 2}, "Asia/Tokyo")
    row = subscriptions(project, "set", "u1", "--unset", "time-zone", "--unset", "options", "--json").json
    assert (row["time_zone"], row["options"]) == (None, {})
    assert subscriptions(project, "set", "u1", "--unset", "shard").status == 2
    assert subscriptions(project, "set", "u1", "--unset", "hour", "--hour", "9").status == 2
    assert subscriptions(project, "set", "u1").status == 2


@pytest.mark.parametrize(("line", "warns"), [("0 8 1-7 * 1", True), ("0 8 * * 1", False), ("0 8 1-7 * *", False)])
def test_a_cron_line_with_both_days_is_said_to_be_due_on_either(project: Project, line: str, warns: bool) -> None:
    seed(project.database, "u1", next_report_at=LATER)
    for answer in (
        subscriptions(project, "set", "u1", "default", "--cron", line),
        subscriptions(project, "add", "u1", "second", "--cron", line),
    ):
        assert ("days of the month (1-7) and days of the week (1)" in answer.err) is warns
        assert ("on days 1-7 of the month and also on days 1 of the week" in answer.out) is warns


def test_a_cron_line_is_a_cadence_and_goes_with_it(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER)
    assert subscriptions(project, "set", "u1", "--cron", "0 8 * * 1-5", "--json").json["cadence"] == "cron"
    assert stored(project)["next_report_at"] < LATER
    subscriptions(project, "set", "u1", "--cadence", "daily")
    assert stored(project)["cron"] is None


def test_a_pause_within_a_minute_changes_nothing(project: Project) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    due_at = midnight + timedelta(days=2, hours=8)
    seed(project.database, "u1", next_report_at=due_at, reported_until=midnight + timedelta(days=1), cadence="daily")
    before = stored(project)
    row = subscriptions(project, "pause", "u1", "--json").json
    assert (row["state"], row["paused_because"], row["next_report_at"]) == ("paused", "operator", None)
    assert (stored(project)["active"], stored(project)["reported_until"]) == (False, before["reported_until"])
    row = subscriptions(project, "resume", "u1", "--json").json
    assert (row["state"], row["paused_because"]) == ("scheduled", None)
    assert {name: stored(project)[name] for name in before} == before
    before = project.everything()
    assert "It is not paused" in subscriptions(project, "resume", "u1").out
    assert project.everything() == before


def test_an_address_that_was_left_out_gets_its_reports_again(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER, cc=["b@example.com"], suppressed=["b5fc85e55755f9e0"])
    assert subscriptions(project, "show", "u1", "--json").json["suppressed"] == 1
    row = subscriptions(project, "resume", "u1", "--json").json
    assert (row["state"], row["suppressed"], row["next_report_at"]) == ("scheduled", 0, f"{LATER:%Y-%m-%dT%H:%M:%SZ}")
    assert row["resumed_at"]
    assert stored(project)["suppressed"] is None


def test_a_pause_ends_on_a_day_of_the_recipients_own(project: Project) -> None:
    seed(project.database, "u1", next_report_at=NOW, cadence="daily", user={"time_zone": "America/New_York"})
    row = subscriptions(project, "pause", "u1", "--until", "2099-12-24", "--json").json
    assert (row["state"], row["paused_because"]) == ("paused", "operator")
    # The report of the day on which it ends falls due after it.
    assert (row["paused_until"], row["next_report_at"]) == ("2099-12-24T05:00:00Z", "2099-12-24T13:00:00Z")
    assert stored(project)["active"] is True
    # Its own pause can get another end, and none.
    row = subscriptions(project, "pause", "u1", "--until", "2099-12-01T10:00Z", "--json").json
    assert (row["paused_until"], row["next_report_at"]) == ("2099-12-01T10:00:00Z", "2099-12-01T13:00:00Z")
    assert subscriptions(project, "pause", "u1", "--json").json["paused_until"] is None
    for until in ("2020-01-01", "tomorrow", "2026-13-01", "9999-01-01"):
        answer = subscriptions(project, "pause", "u1", "--until", until)
        assert (answer.status, "--until" in answer.err) == (2, True)


def test_a_new_schedule_keeps_to_a_pause(project: Project) -> None:
    seed(project.database, "u1", next_report_at=NOW, cadence="daily")
    subscriptions(project, "pause", "u1", "--until", "2099-12-24")
    row = subscriptions(project, "set", "u1", "--cadence", "hourly", "--json").json
    assert (row["state"], row["next_report_at"]) == ("paused", "2099-12-24T00:00:00Z")
    subscriptions(project, "pause", "u1")
    assert subscriptions(project, "set", "u1", "--cadence", "daily", "--json").json["next_report_at"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"active": False, "paused_because": "unsubscribed"},
        {"active": False},
        {"paused_because": "user", "paused_until": LATER},
    ],
)
@pytest.mark.parametrize("until", [[], ["--until", "2099-12-24"]])
def test_why_others_have_paused_it_is_not_lost(project: Project, fields: dict[str, Any], until: list[str]) -> None:
    seed(project.database, "u1", next_report_at=None, **fields)
    before = project.everything()
    answer = subscriptions(project, "pause", "u1", *until)
    assert (answer.status, "u1/default is paused already" in answer.err) == (1, True)
    assert project.everything() == before


@pytest.mark.parametrize("because", list(PauseReason))
def test_what_recipients_wish_is_asked_about(project: Project, because: PauseReason) -> None:
    seed(project.database, "u1", next_report_at=None, active=False, paused_because=because.value)
    answer = subscriptions(project, "resume", "u1")
    if because in {PauseReason.OPERATOR, PauseReason.USER_INACTIVE}:
        assert answer.status == 0
    else:
        assert (answer.status, "pass --yes to resume u1/default, which" in answer.err) == (1, True)
        assert stored(project)["active"] is False
        assert subscriptions(project, "resume", "u1", "--yes").status == 0
    assert stored(project)["active"] is True


@pytest.mark.parametrize(
    ("user", "fields", "said"),
    [
        ({"active": False}, {}, "users/u1 is not active, so nothing would be sent."),
        (None, {}, "There is no user u1"),
        ({}, {"hour": 25}, "u1/default: hour: must be an integer from 0 to 23. Correct it first"),
    ],
)
def test_what_could_not_be_sent_is_not_resumed(
    project: Project, user: dict[str, Any] | None, fields: dict[str, Any], said: str
) -> None:
    paused = {"next_report_at": None, "active": False, "paused_because": "operator"}
    seed(project.database, "u1", user=user, **{**paused, **fields})
    if user is None:
        user_reference(project.database, "u1").delete()
    answer = subscriptions(project, "resume", "u1")
    assert (answer.status, said in answer.err) == (1, True), answer
    assert stored(project)["active"] is False


def test_a_pause_and_its_end_put_right_what_set_does_not_write(project: Project) -> None:
    seed(project.database, "u1", next_report_at="tomorrow", reported_until="yesterday", active="yes", cadence="daily")
    assert subscriptions(project, "set", "u1", "--hour", "9").status == 2
    assert subscriptions(project, "pause", "u1").status == 0
    row = subscriptions(project, "resume", "u1", "--json").json
    assert (row["state"], row["problem"]) == ("scheduled", None)


def test_one_is_removed_and_what_becomes_of_its_deliveries_is_said(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER)
    seed(project.database, "u1", subscription_id="weekly", next_report_at=LATER)
    pending = put_delivery(project, "weekly", NOW, "pending")
    sending = put_delivery(project, "weekly", NOW - timedelta(days=7), "sending")
    put_delivery(project, "weekly", NOW - timedelta(days=14), "sent")
    put_delivery(project, "default", NOW, "pending")
    before = project.everything()
    answer = subscriptions(project, "remove", "u1", "weekly")
    assert (answer.status, "pass --yes to remove the subscription u1/weekly on" in answer.err) == (1, True)
    assert f"{pending} is pending: the worker skips it" in answer.err
    assert f"{sending} is sending: its email may still go out." in answer.err
    assert project.everything() == before
    answer = subscriptions(project, "remove", "u1", "weekly", "--yes", "--json")
    assert (answer.status, answer.json["removed"]) == (0, True)
    assert {row["delivery_id"] for row in answer.json["unfinished_deliveries"]} == {pending, sending}
    assert [row["subscription_id"] for row in subscriptions(project, "list", "--user", "u1", "--json").json] == [
        "default"
    ]
    assert project.delivery(pending) is not None


def changes_of(project: Project) -> SubscriptionChanges:
    return SubscriptionChanges(database=project.door, defaults=DEFAULTS, now=lambda: NOW)


def read(project: Project) -> Subscription:
    subscription = subscription_of(subscription_reference(project.database, "u1").get(), DEFAULTS)
    assert subscription is not None
    return subscription


def test_a_change_is_worked_out_anew_where_others_write_in_between(project: Project) -> None:
    """The worker moves the subscription on while the operator changes its schedule."""
    seed(project.database, "u1", next_report_at=NOW - timedelta(minutes=20), cadence="hourly")
    moved = {"next_report_at": NOW + timedelta(minutes=40), "reported_until": NOW - timedelta(minutes=20)}
    seen: list[datetime | None] = []

    def decide(found: StoredSubscription) -> Mapping[str, Any]:
        if not seen:
            subscription_reference(project.database, "u1").update(moved)
        seen.append(found.subscription.next_report_at)
        return {"hour": len(seen)}

    after, is_new = changes_of(project).change("u1", "default", decide)
    assert seen == [NOW - timedelta(minutes=20), NOW + timedelta(minutes=40)]
    assert (after.hour, after.next_report_at, is_new) == (2, moved["next_report_at"], True)
    assert read(project).reported_until == moved["reported_until"]


def test_what_others_change_all_the_time_is_left_to_them(project: Project) -> None:
    seed(project.database, "u1", next_report_at=NOW)
    days = itertools.count()

    def decide(_found: StoredSubscription) -> Mapping[str, Any]:
        subscription_reference(project.database, "u1").update({"day": next(days)})
        return {"hour": 3}

    with pytest.raises(OperatorError, match="changed by others all the time"):
        changes_of(project).change("u1", "default", decide)
    assert "hour" not in stored(project)


def test_one_that_was_changed_is_not_removed(project: Project) -> None:
    seed(project.database, "u1", next_report_at=NOW)
    found = read(project)
    subscription_reference(project.database, "u1").update({"hour": 3})
    with pytest.raises(OperatorError, match="was changed meanwhile"):
        changes_of(project).remove(found)
    assert stored(project)["hour"] == 3


def test_an_edit_keeps_what_others_write_into_other_fields(project: Project) -> None:
    seed(project.database, "u1", next_report_at=NOW + timedelta(hours=1), own={"field": 1})
    after, _ = changes_of(project).edit("u1", "default", SubscriptionEdit(fields={"minute": 5}))
    assert after.next_report_at == datetime(2026, 11, 25, 21, 5, tzinfo=UTC)
    assert stored(project)["own"] == {"field": 1}
