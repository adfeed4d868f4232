"""What services of the team do with subscriptions."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
import requests

from functions.shared.mail.recipient_token import RecipientToken
from functions.shared.records.address_hash import address_hash
from functions.shared.records.states import PauseReason
from tests.functions.api.integration.conftest import KEYS, NEXT, PAGE, House
from tests.seeding import paused, seed, subscription_reference, user_document, user_reference


def subscriptions_of(user: str, more: str = "") -> str:
    return f"/users/{user}/subscriptions{more}"


def problem(answer: requests.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"] == HTTPStatus(answer.status_code).phrase
    return answer.status_code, body["detail"]


def version(answer: requests.Response) -> dict[str, str]:
    """The header that asks for the version of an answer."""
    return {"If_Match": answer.headers["ETag"]}


def test_add_show_change_and_remove(house: House) -> None:
    user = house.user()
    fields = {"subscription_id": "sales", "kind": "usage", "cadence": "daily", "hour": 7, "options": {"a": [1, None]}}
    added = house.call("POST", subscriptions_of(user), fields)
    assert added.status_code == HTTPStatus.CREATED
    assert problem(house.call("POST", subscriptions_of(user), fields))[0] == HTTPStatus.CONFLICT
    shown = house.call("GET", subscriptions_of(user, "/sales"))
    assert shown.json() == added.json()
    assert version(shown) == version(added)
    assert shown.json()["state"] == "scheduled"
    assert shown.json()["deliver"] == {"destination": "email"}
    changes = {"hour": None, "to": ["ada@example.com"], "options": {"a": None, "b": "x"}, "weekday": "friday"}
    changes["locale"] = "de-AT"
    changed = house.call("PATCH", subscriptions_of(user, "/sales"), changes, **version(shown))
    assert changed.status_code == HTTPStatus.OK
    found = changed.json()
    assert (found["hour"], found["to"], found["options"], found["weekday"]) == (8, ["ada@example.com"], {"b": "x"}, 5)
    assert house.document(user, "sales")["kind"] == "usage"
    assert house.call("DELETE", subscriptions_of(user, "/sales"), **version(changed)).status_code == 204
    assert problem(house.call("GET", subscriptions_of(user, "/sales")))[0] == HTTPStatus.NOT_FOUND
    assert '"account": "app", "operation": "remove_subscription"' in house.log.read_text(encoding="utf-8")


def test_a_list_comes_in_pages(house: House) -> None:
    user = house.user()
    for name in ("a", "b", "c"):
        seed(house.database, user, subscription_id=name, next_report_at=NEXT)
    first = house.call("GET", subscriptions_of(user, "?limit=3")).json()
    assert {each["etag"] for each in first["subscriptions"]} == {
        house.call("GET", subscriptions_of(user, f"/{name}")).headers["ETag"] for name in ("a", "b", "c")
    }
    rest = house.call("GET", subscriptions_of(user, f"?limit=3&after={first['next']}")).json()
    assert [each["subscription_id"] for each in (*first["subscriptions"], *rest["subscriptions"])] == [
        *("a", "b", "c", "default")
    ]
    assert rest["next"] is None
    subscription_reference(house.database, user, "c").delete()
    assert house.call("GET", subscriptions_of(user, f"?limit=3&after={first['next']}")).json() == rest
    user_reference(house.database, "none").set(user_document("none"))
    assert house.call("GET", subscriptions_of("none")).json() == {"subscriptions": [], "next": None}


def test_a_list_that_is_as_it_was_comes_without_its_content(house: House) -> None:
    user = house.user()
    for path in (subscriptions_of(user), f"/users/{user}/deliveries"):
        first = house.call("GET", path)
        for seen in (first.headers["ETag"], f'W/{first.headers["ETag"]}, "other"'):
            again = house.call("GET", path, If_None_Match=seen)
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    listed = house.call("GET", subscriptions_of(user))
    house.call("PATCH", subscriptions_of(user, "/default"), {"hour": 11})
    changed = house.call("GET", subscriptions_of(user), If_None_Match=listed.headers["ETag"])
    assert (changed.status_code, changed.json()["subscriptions"][0]["hour"]) == (HTTPStatus.OK, 11)


def test_many_changes_have_an_outcome_each(house: House) -> None:
    ada, bob = house.user(), house.user()
    old = house.call("GET", subscriptions_of(bob, "/default")).headers["ETag"]
    changes = [
        {"method": "POST", "path": subscriptions_of(ada), "body": {"subscription_id": "sales", "kind": "usage"}},
        {"method": "PATCH", "path": subscriptions_of(bob, "/default"), "body": {"hour": 7}, "if_match": old},
        {"method": "PATCH", "path": subscriptions_of(bob, "/default"), "body": {"hour": 8}, "if_match": old},
        {"method": "PATCH", "path": subscriptions_of(ada, "/sales"), "body": {"hour": 25}},
        {"method": "DELETE", "path": subscriptions_of(ada, "/sales"), "if_match": "*"},
        {"method": "POST", "path": subscriptions_of(ada, "/default/stop")},
        {"method": "POST", "path": subscriptions_of("nobody", "/default/stop")},
        {"method": "POST", "path": subscriptions_of(ada, "/default/send")},
        {"method": "PATCH", "path": subscriptions_of(f"{bob}%2Fsubscriptions", "/default"), "body": {"hour": 9}},
    ]
    answer = house.call("POST", "/batch", {"changes": changes})
    assert answer.status_code == HTTPStatus.OK
    outcomes = answer.json()["outcomes"]
    assert [each["status"] for each in outcomes] == [201, 200, 412, 422, 204, 200, 404, 404, 404]
    assert outcomes[1]["body"] == house.call("GET", subscriptions_of(bob, "/default")).json()
    assert outcomes[3]["body"] == {
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "hour: must be an integer from 0 to 23.",
    }
    assert outcomes[4]["body"] is None
    assert (house.document(bob)["hour"], house.document(ada, "sales")) == (7, None)
    assert outcomes[5]["body"]["paused_because"] == "unsubscribed"
    line = f'"operation": "stop_subscription", "user_id": "{ada}", "subscription_id": "default"'
    assert line in house.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"changes": []}, "changes: List should have at least 1 item"),
        (
            {"changes": [{"method": "PATCH", "path": subscriptions_of("u1", "/a")}] * 101},
            "changes: List should have at",
        ),
        ({"changes": [{"method": "GET", "path": subscriptions_of("u1")}]}, "changes.0.method: "),
        ({"changes": [{"method": "POST", "path": "/batch", "body": {}}]}, "changes.0.path: "),
        ({"changes": [{"method": "POST", "path": subscriptions_of("u1"), "body": []}]}, "changes.0.body: "),
        ({"calls": []}, "changes: Field required"),
    ],
)
def test_what_is_no_batch_changes_nothing(house: House, body: Any, detail: str) -> None:
    status, said = problem(house.call("POST", "/batch", body))
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert said.startswith(detail)


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"hour": 24}, "hour: must be an integer from 0 to 23."),
        ({"hour": "8"}, "hour: must be an integer from 0 to 23."),
        ({"to": ["a@b.c", "A@b.c"]}, "to: must be a list of 1 to 20 email addresses, none of them twice."),
        ({"cadence": "daily", "cron": "0 8 * * *"}, "cron: goes with the cadence cron, not with daily."),
        ({"calendar": "nowhere"}, "calendar: "),
        ({"kind": "sales"}, "kind: must be activity or usage."),
        ({"locale": "fr-CH"}, "locale: must be of de, en or ja."),
        ({"locale": "de, please"}, "locale: must be of de, en or ja."),
        ({"active": False}, "active: not a field that can be set."),
        ({"options": [1]}, "options: must be a map."),
        ({"options": {"a": [[1]]}}, "options: Firestore cannot hold them."),
        ({"options": json.loads('{"a":' * 150 + "1" + "}" * 150)}, "options: Firestore cannot hold them."),
        ({"options": {"__a__": 1}}, "options: Firestore cannot hold them."),
        ({"options": {"a" * 1_501: 1}}, "Firestore cannot hold a value, or it is too large."),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(house: House, fields: Mapping[str, Any], detail: str) -> None:
    user = house.user()
    before = house.document(user)
    status, said = problem(house.call("PATCH", subscriptions_of(user, "/default"), fields))
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert said.startswith(detail)
    assert house.document(user) == before
    added = house.call("POST", subscriptions_of(user), {"subscription_id": "new", **fields})
    assert problem(added)[0] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert house.document(user, "new") is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"hour": 9}),
        ("DELETE", "", None),
        ("POST", "/pause", {"until": "2126-01-01T00:00:00Z"}),
        ("POST", "/resume", None),
        ("POST", "/stop", None),
        ("POST", "/send", None),
    ],
)
def test_a_version_that_is_no_more_changes_nothing(house: House, method: str, path: str, body: Any) -> None:
    user = house.user()
    old = version(house.call("GET", subscriptions_of(user, "/default")))
    subscription_reference(house.database, user).update({"minute": 5})
    before = house.document(user)
    if body and "until" in body:
        body = {"until": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    answer = house.call(method, subscriptions_of(user, f"/default{path}"), body, **old)
    assert problem(answer)[0] == HTTPStatus.PRECONDITION_FAILED
    assert house.document(user) == before


def test_a_write_in_between_is_not_overwritten(house: House) -> None:
    user = house.user()
    shown = house.call("GET", subscriptions_of(user, "/default"))

    async def write_first(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("Commit"):
            house.faults.middleware = None
            await asyncio.to_thread(subscription_reference(house.database, user).update, {"minute": 5})
        return await carry_out()

    house.faults.middleware = write_first
    answer = house.call("PATCH", subscriptions_of(user, "/default"), {"hour": 9}, **version(shown))
    assert problem(answer)[0] == HTTPStatus.PRECONDITION_FAILED
    assert (house.document(user)["minute"], "hour" in house.document(user)) == (5, False)


def test_a_recipient_pauses_resumes_and_stops(house: House) -> None:
    user = house.user()
    one = subscriptions_of(user, "/default")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
    answer = house.call("POST", f"{one}/pause", {"until": until.isoformat()}).json()
    assert (answer["state"], answer["paused_because"]) == ("paused", "user")
    assert datetime.fromisoformat(answer["paused_until"]) == until
    assert house.call("POST", f"{one}/resume").json()["state"] == "scheduled"
    for _ in range(2):
        stopped = house.call("POST", f"{one}/stop").json()
        assert (stopped["state"], stopped["paused_because"]) == ("paused", "unsubscribed")
    assert problem(house.call("POST", f"{one}/pause", {"until": until.isoformat()}))[0] == HTTPStatus.CONFLICT
    assert house.call("POST", f"{one}/resume").json()["state"] == "scheduled"


@pytest.mark.parametrize(
    "until", ["2026-11-26", "2026-11-26T12:00:00", "2020-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"]
)
def test_a_pause_ends_within_a_year(house: House, until: str) -> None:
    answer = house.call("POST", subscriptions_of(house.user(), "/default/pause"), {"until": until})
    assert problem(answer)[0] == HTTPStatus.UNPROCESSABLE_ENTITY


def test_what_an_operator_has_paused_is_not_the_recipients_to_resume(house: House) -> None:
    user = house.user(**paused(PauseReason.OPERATOR))
    before = house.document(user)
    answer = house.call("POST", subscriptions_of(user, "/default/resume"))
    assert problem(answer) == (409, "The subscription is paused (operator): its recipient cannot change that.")
    assert house.document(user) == before


def test_another_addresss_wish_stays(house: House) -> None:
    boss = {address_hash("boss@example.com"): {"because": "unsubscribed", "at": datetime.now(UTC)}}
    user = house.user(to=["boss@example.com"], objections=boss, **paused(PauseReason.UNSUBSCRIBED))
    answer = house.call("POST", subscriptions_of(user, "/default/resume"))
    assert problem(answer)[0] == HTTPStatus.CONFLICT


def test_who_objects_is_no_recipient(house: House) -> None:
    at = datetime(2026, 11, 25, 7, tzinfo=UTC)
    objections = {
        address_hash("Boss@example.com"): {"because": "unsubscribed", "at": at},
        address_hash("ada@example.com"): {"because": "bounced", "at": at},
        address_hash("team@example.com"): {"because": "complained", "at": at, "cleared_at": at + timedelta(hours=1)},
    }
    user = house.user(cc=["boss@example.com", "team@example.com"], objections=objections)
    shown = house.call("GET", subscriptions_of(user, "/default")).json()
    assert shown["cc"] == ["boss@example.com", "team@example.com"]
    assert sorted((each["address"] or "", each["because"], each["at"]) for each in shown["objections"]) == [
        ("", "bounced", "2026-11-25T07:00:00Z"),
        ("boss@example.com", "unsubscribed", "2026-11-25T07:00:00Z"),
    ]
    assert {each["recipient"] for each in shown["objections"]} == {*objections} - {address_hash("team@example.com")}
    assert house.call("GET", subscriptions_of(user)).json()["subscriptions"] == [shown]


def test_send_now(house: House) -> None:
    due = datetime(2026, 11, 1, 8, tzinfo=UTC)
    user = house.user(next_report_at=due, reported_until=due - timedelta(days=7))
    for _ in range(2):
        answer = house.call("POST", subscriptions_of(user, "/default/send"))
        assert answer.status_code == HTTPStatus.ACCEPTED
        assert answer.json() == {"delivery_id": f"{user}:default:20261101T0800Z", "due_at": "2026-11-01T08:00:00Z"}
    bodies = [json.loads(task.http_request.body) for task in house.tasks()]
    assert {each["delivery_id"] for each in bodies if each["user_id"] == user} == {answer.json()["delivery_id"]}
    delivery = house.call("GET", f"/users/{user}/deliveries/{answer.json()['delivery_id']}").json()
    assert (delivery["state"], delivery["subscription_id"]) == ("pending", "default")
    subscription_reference(house.database, user).update(paused(PauseReason.USER))
    assert problem(house.call("POST", subscriptions_of(user, "/default/send")))[0] == HTTPStatus.CONFLICT


def test_the_link_leads_to_the_recipients_page(house: House) -> None:
    user = house.user()
    url = house.call("GET", subscriptions_of(user, "/default/page")).json()["url"]
    page, _, token = url.rpartition("/")
    assert (page, KEYS.read(token)) == (PAGE, RecipientToken(user, "default"))


@pytest.mark.parametrize(
    ("brand", "domain"),
    [("acme", "reports.acme.example"), ("gone", "reports.example.com"), ({}, "reports.example.com")],
)
def test_the_link_has_the_domain_of_the_users_brand(house: House, brand: str, domain: str) -> None:
    user = house.user(user={"brand": brand})
    url = house.call("GET", subscriptions_of(user, "/default/page")).json()["url"]
    page, _, token = url.rpartition("/")
    assert (page, KEYS.read(token)) == (f"https://{domain}/mails", RecipientToken(user, "default"))


def test_what_is_not_there(house: House) -> None:
    user = house.user()
    nobody, nothing = subscriptions_of("nobody"), subscriptions_of(user, "/none")
    assert problem(house.call("GET", nobody)) == (404, "There is no user nobody.")
    assert problem(house.call("POST", nobody, {"subscription_id": "a"})) == (404, "There is no user nobody.")
    for method, path, body in (
        *(("GET", "", None), ("PATCH", "", {"hour": 9}), ("DELETE", "", None), ("GET", "/page", None)),
        *(("POST", "/resume", None), ("POST", "/stop", None), ("POST", "/send", None)),
    ):
        assert problem(house.call(method, nothing + path, body))[0] == HTTPStatus.NOT_FOUND
    for other in (f"{user}%2Fsubscriptions/default", f"{user}/subscriptions/default%2fpage"):
        assert problem(house.call("GET", f"/users/{other}"))[0] == HTTPStatus.NOT_FOUND
