"""Users: listed, shown and found by their address, with why no report comes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.ids import delivery_id
from tests.operations.integration.conftest import Answer, Project
from tests.seeding import seed, user_document, user_reference

EARLIER = datetime(2026, 11, 24, 13, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
KEYS = {
    *("user_id", "active", "enrolled_at", "time_zone", "locale", "subscription_count", "paused_count"),
    *("next_report_at", "last_delivery_id", "last_delivery_state", "last_delivery_due_at", "problem"),
}


def users(project: Project, *arguments: str) -> Answer:
    return project.reports("users", *arguments)


def put_users(project: Project) -> None:
    """One with three subscriptions, of which one is paused, and a delivery; and two others."""
    seed(project.database, "u1", next_report_at=LATER)
    seed(project.database, "u1", subscription_id="weekly", next_report_at=LATER + timedelta(days=1))
    until: dict[str, Any] = {"paused_because": "user", "paused_until": LATER}
    seed(project.database, "u1", subscription_id="old", next_report_at=LATER - timedelta(days=1), **until)
    user_reference(project.database, "u1").update({"time_zone": "Asia/Tokyo"})
    delivery = delivery_id("u1", "weekly", EARLIER)
    project.set_delivery(delivery, user_id="u1", subscription_id="weekly", due_at=EARLIER, state="sent")
    user_reference(project.database, "u2").set(user_document("u2", active=False, email="U2@Customer.example"))
    user_reference(project.database, "u3").set({"email": 3, "active": True})


def test_users_are_listed_a_page_at_a_time(project: Project) -> None:
    put_users(project)
    rows = users(project, "list", "--json").json
    assert [row["user_id"] for row in rows] == ["u1", "u2", "u3"]
    assert rows[0].keys() == KEYS
    assert (rows[0]["subscription_count"], rows[0]["paused_count"]) == (3, 1)
    assert rows[0]["next_report_at"] == "2100-01-01T00:00:00Z"
    assert (rows[0]["last_delivery_state"], rows[0]["last_delivery_due_at"]) == ("sent", "2026-11-24T13:00:00Z")
    assert rows[2]["problem"] == "email: must be an email address"
    assert [row["user_id"] for row in users(project, "list", "--limit", "1", "--json").json] == ["u1"]
    assert [row["user_id"] for row in users(project, "list", "--after", "u1", "--json").json] == ["u2", "u3"]
    assert users(project, "list", "--after", "u3").out == "There are no such users.\n"


def test_a_user_is_shown_with_all_subscriptions(project: Project) -> None:
    put_users(project)
    row = users(project, "show", "u1", "--json").json
    assert row.keys() == KEYS | {"subscriptions", "explanation"}
    assert [(each["subscription_id"], each["paused_because"]) for each in row["subscriptions"]] == [
        ("default", None),
        ("old", "user"),
        ("weekly", None),
    ]
    assert row["subscriptions"][2]["last_delivery_due_at"] == "2026-11-24T13:00:00Z"
    assert row["explanation"] is None
    assert users(project, "show", "u2", "--with-addresses", "--json").json["email"] == "U2@Customer.example"
    out = users(project, "show", "u1").out
    assert "Asia/Tokyo" in out
    assert "paused_because" in out


@pytest.mark.parametrize(
    ("user", "subscription", "said"),
    [
        ({"active": False}, None, "The user is not active"),
        ({"email": "nobody"}, None, "until your application corrects the document"),
        ({"enrolled_at": None}, None, "not enrolled yet: the dispatcher's next run does that"),
        ({"enrolled_at": ...}, None, "not enrolled yet: the dispatcher does that within a day"),
        ({}, None, "for want of a subscription: add one"),
        ({}, {"next_report_at": None, "active": False}, "all subscriptions are paused"),
    ],
)
def test_why_a_user_gets_no_report_is_said(
    project: Project, user: dict[str, Any], subscription: dict[str, Any] | None, said: str
) -> None:
    user_reference(project.database, "u1").set(user_document("u1", **user))
    if subscription is not None:
        seed(project.database, "u1", **subscription)
    assert said in users(project, "show", "u1", "--json").json["explanation"]


@pytest.mark.parametrize("address", ["u1@example.com", "U1@Example.com"])
def test_a_user_is_found_by_the_address(project: Project, address: str) -> None:
    put_users(project)
    assert [row["user_id"] for row in users(project, "find", address, "--json").json] == ["u1"]
    assert "u1" in users(project, "find", address).out


def test_an_address_with_capitals_is_found_as_it_is_written(project: Project) -> None:
    put_users(project)
    assert [row["user_id"] for row in users(project, "find", "U2@Customer.example", "--json").json] == ["u2"]
    answer = users(project, "find", "u2@customer.example")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("No user's email is [address], ")


def put_unenrolled(project: Project) -> None:
    """Users whom no run has enrolled: two new ones, of whom one is marked, one with a subscription and one who is
    active again; and two who are no business of a run."""
    marks: dict[str, Any] = {"marked": None, "unmarked": ..., "own": None, "again": None, "enrolled": EARLIER}
    for name, mark in marks.items():
        user_reference(project.database, name).set(user_document(name, enrolled_at=mark))
    user_reference(project.database, "gone").set(user_document("gone", active=False, enrolled_at=None))
    seed(project.database, "own", next_report_at=LATER, user={"enrolled_at": None})
    seed(
        project.database,
        "again",
        next_report_at=None,
        active=False,
        paused_because="user-inactive",
        user={"enrolled_at": None},
    )


GETS_DEFAULT = {"kind": "usage", "cadence": "weekly", "first_report": "next run"}


@pytest.mark.parametrize(("enroll", "default", "left_out"), [("all", 2, 0), ("marked", 1, 1), ("none", 0, 2)])
def test_who_would_be_enrolled_is_counted_and_nothing_is_written(
    project: Project, monkeypatch: pytest.MonkeyPatch, enroll: str, default: int, left_out: int
) -> None:
    project.variables["DEFAULT_KIND"] = "usage"
    monkeypatch.setenv("DEFAULT_CADENCE", "weekly")
    monkeypatch.setenv("ENROLL", enroll)
    put_unenrolled(project)
    before = {each.id: each.to_dict() for each in project.database.collection("users").stream()}
    rows = {row["effect"]: row for row in users(project, "would-enroll", "--json").json}
    assert {effect: row["users"] for effect, row in rows.items()} == {
        **({"gets the default subscription": default} if default else {}),
        "gets again what stopped while the user was inactive": 1,
        "has subscriptions already, and gets no other": 1,
        **({"is not enrolled, by ENROLL": left_out} if left_out else {}),
    }
    if default:
        assert GETS_DEFAULT.items() <= rows["gets the default subscription"].items()
    assert {each.id: each.to_dict() for each in project.database.collection("users").stream()} == before
    monkeypatch.setenv("ENROLL", "none")
    again = users(project, "would-enroll", "--enroll", enroll, "--json").json
    assert {row["effect"]: row for row in again} == rows


def test_it_says_that_so_many_would_be_held_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENROLL_AT_ONCE", "3")
    put_unenrolled(project)
    assert "4 users are more than ENROLL_AT_ONCE=3" in users(project, "would-enroll").err
    monkeypatch.setenv("ENROLL_AT_ONCE", "4")
    assert "ENROLL_AT_ONCE" not in users(project, "would-enroll").err
