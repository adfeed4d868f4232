"""Who may call, what comes of calls that are not as they should be, and what a delivery's caller learns."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlencode

import pytest
import requests
from google.api_core.exceptions import ServiceUnavailable

from functions.api.call import MOST_BODY_BYTES, MOST_ROWS
from functions.shared.mail.recipient_token import RecipientToken
from functions.shared.records.archived_copy import ArchivedCopy, CopiedFile, CopyName
from tests.functions.api.integration.conftest import APP, KEYS, NEXT, PAGE, House
from tests.seeding import seed

PATH = "/users/u1/subscriptions"
DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("account", "audience", "status"),
    [(None, "", 401), (APP, "https://elsewhere.example.com", 401), ("worker@local-project.iam", "", 403)],
)
def test_only_the_services_of_the_team_may_call(house: House, account: str | None, audience: str, status: int) -> None:
    token = house.identity.mint(account, audience or house.url) if account else ""
    for path in (PATH, "/openapi.json", "/elsewhere", "/else%0Awhere"):
        answer = house.call("GET", path, Authorization=f"Bearer {token}")
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert ("WWW-Authenticate" in answer.headers) == (status == HTTPStatus.UNAUTHORIZED)
    assert requests.get(house.url + "/health", timeout=30).json() == {"result": "healthy"}


def test_lines_of_a_request_have_its_trace(house: House) -> None:
    trace = "105445aa7843bc8bf206b12000100000"
    house.call("GET", PATH, Authorization="Bearer ", X_Cloud_Trace_Context=f"{trace}/7;o=1")
    lines = [json.loads(each) for each in house.log.read_text(encoding="utf-8").splitlines() if each.startswith("{")]
    refused = [each for each in lines if each["message"] == "request_refused"]
    traces = [each.get("logging.googleapis.com/trace") for each in refused]
    assert f"projects/local-project/traces/{trace}" in traces


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/", None, {}, 404),
        ("GET", "/users/__u__/subscriptions", None, {}, 404),
        ("GET", "/users/u1%0A/subscriptions", None, {}, 404),
        ("GET", "/users/u1/subscriptions/%0A", None, {}, 404),
        ("GET", "/favicon.ico", None, {}, 404),
        ("PUT", PATH, {}, {}, 405),
        ("GET", f"{PATH}?limit=0", None, {}, 400),
        ("GET", f"{PATH}?limit={MOST_ROWS + 1}", None, {}, 400),
        ("GET", f"{PATH}?limit=1&limit=2", None, {}, 400),
        ("GET", f"{PATH}?subscription_id=a", None, {}, 400),
        ("GET", "/users/u1/deliveries?state=gone", None, {}, 400),
        ("GET", "/users/u1/deliveries?since=2026-11-24", None, {}, 400),
        ("GET", "/users/u1/deliveries?since=0.5", None, {}, 400),
        ("GET", "/users/u1/deliveries?until=9999-12-31T23:59:59-23:59", None, {}, 400),
        ("POST", PATH, "{", {"Content_Type": "application/json"}, 400),
        ("POST", PATH, "[]", {"Content_Type": "application/json"}, 400),
        ("POST", PATH, '{"options": {"a": NaN}}', {"Content_Type": "application/json"}, 400),
        ("POST", PATH, "{}", {"Content_Type": "text/plain"}, 415),
        ("POST", PATH, '{"options": {"a": 1e999}}', {"Content_Type": "application/json"}, 422),
        ("POST", PATH, {"subscription_id": "a/b"}, {}, 422),
        (
            "POST",
            PATH,
            json.dumps({"options": {"a": "x" * MOST_BODY_BYTES}}),
            {"Content_Type": "application/json"},
            413,
        ),
    ],
)
def test_what_is_no_call(house: House, method: str, path: str, body: Any, headers: dict[str, str], status: int) -> None:
    answer = house.call(method, path, body, **headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.headers.get("Allow", "") == ("GET, HEAD, POST" if status == HTTPStatus.METHOD_NOT_ALLOWED else "")


def test_a_service_of_google_that_does_not_answer(house: House) -> None:
    user = house.user()

    async def refuse(_method: str, _carry_out: Any) -> Any:
        raise ServiceUnavailable("later")  # type: ignore[no-untyped-call]

    house.faults.middleware = refuse
    try:
        answer = house.call("GET", f"/users/{user}/subscriptions")
    finally:
        house.faults.middleware = None
    assert (answer.status_code, answer.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "10")


def test_deliveries_say_what_came_of_reports(house: House) -> None:
    user, other = house.user(), house.user()
    for number, hours in enumerate((0, 1, 2)):
        fields = {
            "user_id": user,
            "subscription_id": "default",
            "kind": "activity",
            "state": "sent",
            "due_at": DUE + timedelta(hours=hours),
            "period_start": DUE,
            "created_at": DUE,
            "expire_at": DUE,
        }
        house.database.collection("deliveries").document(f"{user}:{number}").set(fields)
    delivered = {"delivered": {"at": DUE}}
    house.database.collection("mail_events").document(f"{user}:2").set(
        {"user_id": user, "recipients": {"b5fc85e55755f9e0": delivered}}
    )
    path = f"/users/{user}/deliveries?limit=2&subscription_id=default"
    first = house.call("GET", path).json()
    rest = house.call("GET", f"{path}&after={first['next']}").json()
    assert [each["delivery_id"] for each in (*first["deliveries"], *rest["deliveries"])] == [
        *(f"{user}:2", f"{user}:1", f"{user}:0")
    ]
    assert [(each["state"], each["mail"]) for each in first["deliveries"]] == [("sent", "delivered"), ("sent", None)]
    # A page begins where it is to, also if the row before is gone.
    cursor = house.call("GET", f"/users/{user}/deliveries?limit=1").json()["next"]
    house.database.document(f"deliveries/{user}:2").delete()
    rest = house.call("GET", f"/users/{user}/deliveries?limit=2&after={cursor}").json()
    assert [each["delivery_id"] for each in rest["deliveries"]] == [f"{user}:1", f"{user}:0"]
    house.database.document(f"deliveries/{user}:2").set(fields)
    assert house.call("GET", f"/users/{user}/deliveries/{user}:2").json() == first["deliveries"][0]
    assert house.call("GET", f"/users/{other}/deliveries/{user}:2").status_code == HTTPStatus.NOT_FOUND
    assert house.call("GET", f"/users/{other}/deliveries").json() == {"deliveries": [], "next": None}


@pytest.mark.parametrize("part", ["%ff", "a%80", "%ED%A0%80", "%C0%AF", "%F4%90%80%80", "%C3", "a%2Fb"])
def test_an_address_that_is_not_utf8_meets_no_other_id(house: House, part: str) -> None:
    # As a server may decode what it cannot.
    for near in {unquote(part), unquote(part, errors="ignore"), part, part.upper()} - {""}:
        if "/" not in near:
            seed(house.database, near, next_report_at=NEXT)
    there = {each.reference.path for each in house.database.collection_group("report_subscriptions").stream()}
    one = f"/users/{part}/subscriptions/default"
    calls = [
        ("GET", one),
        ("GET", f"/users/{part}/deliveries"),
        ("DELETE", one),
        ("GET", f"/users/u1/deliveries/{part}"),
    ]
    for method, path in calls:
        answer = house.call(method, path)
        assert (answer.status_code, answer.json()["status"]) == (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND), path
    [outcome] = house.call("POST", "/batch", {"changes": [{"method": "DELETE", "path": one}]}).json()["outcomes"]
    assert outcome["status"] == HTTPStatus.NOT_FOUND
    assert house.call("GET", f"{PATH}?after={part}").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    found = house.call("GET", f"/users/u1/deliveries?subscription_id={part}").status_code
    assert found in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    assert {each.reference.path for each in house.database.collection_group("report_subscriptions").stream()} == there


def _with(path: str, **query: Any) -> str:
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query)}"


def test_only_a_cursor_of_the_same_list_begins_a_page(house: House) -> None:
    users = house.user(), house.user()
    for number, user in ((0, users[0]), (1, users[0]), (2, users[1]), (3, users[1])):
        fields = {"user_id": user, "subscription_id": "default", "state": "sent", "due_at": DUE, "expire_at": DUE}
        house.database.document(f"deliveries/{user}:{number}").set(fields)
        copy = house.document(user)
        house.database.document(f"users/{user}/report_subscriptions/s{number}").set(copy)
    lists = [f"/users/{user}/{of}" for user in users for of in ("subscriptions", "deliveries")]
    lists.append(f"{lists[1]}?subscription_id=default")
    cursors = {each: house.call("GET", _with(each, limit=1)).json()["next"] for each in lists}
    assert len(set(cursors.values())) == len(lists)
    forged: tuple[Any, ...] = (
        *([], {}, 5, None, "a", [None], [None, None], [5, "deliveries/x"], ["z", "deliveries/x"], ["a\0"]),
        *([{"time": f"{year}-11-24T13:00:00+00:00"}, "deliveries/x"] for year in (2026, 2027, 10_000)),
        *([{"time": 5}, "deliveries/x"], [10**40, "deliveries/x"]),
        *(["users/u1/report_subscriptions/x"], ["users/u1/report_subscriptions/\ud800"], ["deliveries"], [[[]], [[]]]),
    )
    for path, own in cursors.items():
        texts = [urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in forged]
        texts += ["", "a/b", "default", "é", "\0", "=", "A" * 3_000, "W" * 3_001, "W1tb" * 900, own + "!"]
        texts += [own[:length] for length in (1, 7, 12, len(own) // 2, len(own) - 1)]
        texts += [f"{own[:at]}{'A' if own[at] != 'A' else 'B'}{own[at + 1 :]}" for at in (0, 5, len(own) - 1)]
        texts += [others for others in cursors.values() if others != own]
        for text in texts:
            answer = house.call("GET", _with(path, limit=1, after=text))
            assert (answer.status_code, answer.json()["detail"]) == (
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "after: must be `next` of the page before, of the same list.",
            ), (path, text)
        assert house.call("GET", _with(path, limit=1, after=own)).status_code == HTTPStatus.OK


def test_deliveries_are_filtered_by_state_and_time(house: House) -> None:
    user = house.user()
    for number, state in enumerate(("sent", "dead", "sent", "skipped", "sent")):
        due_at = DUE + timedelta(hours=number)
        fields = {"user_id": user, "subscription_id": "default", "state": state, "due_at": due_at, "expire_at": DUE}
        house.database.document(f"deliveries/{user}:{number}").set(fields)

    def found(query: str) -> list[int]:
        rows = house.call("GET", f"/users/{user}/deliveries?{query}").json()["deliveries"]
        return [int(each["delivery_id"].rpartition(":")[2]) for each in rows]

    assert found("state=dead") == [1]
    assert found("since=2026-11-24T14:00:00Z&until=2026-11-24T17:00:00%2B01:00") == [3, 2, 1]
    assert found("state=sent&since=2026-11-24T14:00:00Z") == [4, 2]
    first = house.call("GET", f"/users/{user}/deliveries?state=sent&until=2026-11-24T16:00:00Z&limit=1").json()
    assert [each["delivery_id"] for each in first["deliveries"]] == [f"{user}:2"]
    assert found(f"state=sent&until=2026-11-24T16:00:00Z&after={first['next']}") == [0]


def test_the_copy_is_what_was_sent_and_no_other_users(house: House) -> None:
    user, other = house.user(), house.user()
    path = f"/users/{user}/deliveries/{user}:0/copy"
    assert house.call("GET", path).status_code == HTTPStatus.NOT_FOUND
    name = CopyName.of(user, f"{user}:0", "c", days=9, now=datetime.now(UTC))
    copy = ArchivedCopy(
        *(user, "default", f"{user}:0", "activity", DUE, [], "Monday", '<a href="[h]">Stop</a>', "Stop: [t]", "[h]"),
        text_tag="[t]",
        attachments=[CopiedFile("a.csv", "text/csv", b"\xfb\xff")],
    )
    fields = {"user_id": user, "subscription_id": "default", "state": "sent", "due_at": DUE, "expire_at": DUE}
    delivery = house.database.collection("deliveries").document(f"{user}:0")
    delivery.set(fields)
    assert house.call("GET", path).json()["detail"] == f"There is no copy of {user}:0."
    delivery.update({"archived_as": str(name)})
    assert house.call("GET", path).json()["detail"] == f"The copy of {user}:0 is no longer kept."
    house.archive.keep(name, copy)
    link = f"{PAGE}/{KEYS.make(RecipientToken(user, 'default'))}"
    assert house.call("GET", path).json() == {
        "subject": "Monday",
        "made_at": "2026-11-24T13:00:00Z",
        "html": f'<a href="{link}">Stop</a>',
        "text": f"Stop: {link}",
        "files": [{"filename": "a.csv", "media_type": "text/csv", "content": "+/8="}],
    }
    assert house.call("GET", path.replace(user, other, 1)).status_code == HTTPStatus.NOT_FOUND
