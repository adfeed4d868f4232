"""The recipient's page over HTTP: what its forms change, and what a mailbox provider's one click does."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
import requests
from google.api_core.exceptions import ServiceUnavailable

from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.records.address_hash import address_hash
from functions.shared.records.subscription import PauseReason
from tests.functions.preferences.integration.conftest import NEXT, OLD_KEY, ONE_CLICK, House
from tests.seeding import paused, subscription_document, subscription_reference, user_reference

SINCE = datetime(2001, 1, 1, tzinfo=UTC)


def undo_of(page: str) -> dict[str, str]:
    found = re.search(r'name="undo" value="([^"]+)"', page)
    return {"undo": found[1]} if found else {}


def test_the_page_shows_all_of_a_users_reports(house: House) -> None:
    user = house.user(kind="team_notes")
    subscription_reference(house.database, user, "usage").set(
        subscription_document(user, "usage", kind="usage", active=False, paused_because="user", next_report_at=None)
    )
    answer = house.get(house.link(user))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Team notes" in answer.text
    assert "Paused until you resume it." in answer.text
    assert "Next report: Monday, 25 November 2126, 08:00" in answer.text
    assert "Example Cloud" in answer.text
    # Those that the worker and the logs know, and nobody else.
    assert user not in answer.text
    assert "@example.com" not in answer.text


@pytest.mark.parametrize(
    ("locale", "title", "direction"),
    [("ja", "レポートの設定", "ltr"), ("de-AT", "Ihre Berichte", "ltr"), ("he", "Your reports", "ltr")],
)
def test_the_page_speaks_the_users_language(house: House, locale: str, title: str, direction: str) -> None:
    page = house.get(house.link(house.user(user={"locale": locale}))).text
    assert f"<h1>{title}</h1>" in page
    assert f'dir="{direction}"' in page


def test_a_named_brand_has_the_page_in_its_looks(house: House) -> None:
    user = house.user(user={"brand": "acme"})
    page = house.get(house.link(user)).text
    assert ">Acme<" in page
    assert "/mails/style-b91c1c-" in page
    # A brand that there is not stops no one from stopping reports.
    assert "Example Cloud" in house.get(house.link(house.user(user={"brand": "umbrella"}))).text


def test_another_time_is_saved_and_taken_back(house: House) -> None:
    user = house.user()
    before = house.subscription(user)
    form = {"cadence": "weekly", "weekday": "3", "hour": "17", "day": "1"}
    page = house.post(house.link(user, "schedule"), form).text
    changed = house.subscription(user)
    assert (changed["cadence"], changed["weekday"], changed["hour"]) == ("weekly", 3, 17)
    assert changed["next_report_at"] != NEXT
    assert "Saved." in page
    assert "Next report: Wednesday" in page
    page = house.post(house.link(user, "undo"), undo_of(page)).text
    assert "It is as it was before." in page
    restored = house.subscription(user)
    assert {name: restored.get(name) for name in before} == before
    assert restored.keys() - before.keys() == {"weekday", "hour", "recipient_changes"}
    noted = [(each["wish"], each["fields"]) for each in restored["recipient_changes"]]
    assert noted == [("schedule", {"cadence": "weekly", "weekday": 3, "hour": 17}), ("undo", {"cadence": "weekly"})]


def test_stopping_and_taking_it_back_leaves_out_no_time(house: House) -> None:
    user = house.user()
    before = house.subscription(user)
    page = house.post(house.link(user, "stop")).text
    stopped = house.subscription(user)
    assert (stopped["active"], stopped["paused_because"], stopped["next_report_at"]) == (False, "unsubscribed", None)
    house.post(house.link(user, "undo"), undo_of(page))
    restored = house.subscription(user)
    assert (restored["next_report_at"], restored["reported_until"]) == (NEXT, before["reported_until"])
    assert restored["active"] is True


def test_what_has_changed_since_is_not_taken_back(house: House) -> None:
    user = house.user()
    page = house.post(house.link(user, "stop")).text
    subscription_reference(house.database, user).update({"hour": 9})
    answer = house.post(house.link(user, "undo"), undo_of(page))
    assert (answer.status_code, house.subscription(user)["active"]) == (422, False)
    assert "something has changed since" in answer.text


def test_nobody_takes_back_what_another_did(house: House) -> None:
    user, other = house.user(), house.user()
    undo = undo_of(house.post(house.link(user, "stop")).text)
    assert undo
    for link in (house.link(other, "undo"), house.link(user, "undo", copy="boss@example.com")):
        assert house.post(link, undo).status_code == 422
    assert house.subscription(user)["active"] is False


def test_pausing_and_resuming(house: House) -> None:
    user = house.user()
    page = house.post(house.link(user, "pause"), {"for": "week"}).text
    assert "The report is paused." in page
    assert house.subscription(user)["paused_because"] == "user"
    assert "Paused until" in house.get(house.link(user)).text
    assert "The report comes again." in house.post(house.link(user, "resume")).text
    assert house.subscription(user)["paused_until"] is None
    answer = house.post(house.link(user, "pause"), {"for": "date", "until": "2001-01-01"})
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)


def test_all_reports_are_stopped_and_taken_back(house: House) -> None:
    user = house.user()
    subscription_reference(house.database, user, "usage").set(
        subscription_document(user, "usage", kind="usage", next_report_at=NEXT)
    )
    page = house.post(house.link(user, "stop-all")).text
    assert "All reports are stopped." in page
    assert [house.subscription(user, each)["active"] for each in ("default", "usage")] == [False, False]
    house.post(house.link(user, "undo"), undo_of(page))
    assert [house.subscription(user, each)["active"] for each in ("default", "usage")] == [True, True]


def test_all_reports_are_more_than_a_page_shows(house: House) -> None:
    user, names = house.user(), [f"s{number:03}" for number in range(105)]
    batch = house.database.batch()
    for name in names:
        reference = subscription_reference(house.database, user, name)
        batch.set(reference, subscription_document(user, name, kind="usage", next_report_at=NEXT))
    batch.commit()
    assert "All reports are stopped." in house.post(house.link(user, "stop-all")).text
    assert [name for name in ("default", *names) if house.subscription(user, name)["active"]] == []


@pytest.mark.parametrize("encoding", ["urlencoded", "multipart"])
def test_one_click_stops_one_subscription_however_often_it_comes(house: House, encoding: str) -> None:
    user = house.user()
    subscription_reference(house.database, user, "usage").set(
        subscription_document(user, "usage", kind="usage", next_report_at=NEXT)
    )
    url = house.link(user, "unsubscribe")
    versions = set()
    for _ in range(3):
        # A mailbox provider is another origin, and sends no cookie and no origin.
        answer = (
            house.post(url, ONE_CLICK)
            if encoding == "urlencoded"
            else requests.post(url, files={"List-Unsubscribe": (None, "One-Click")}, timeout=30)
        )
        assert answer.status_code == 200
        versions.add(str(subscription_reference(house.database, user).get().update_time))
    assert len(versions) == 1
    assert house.subscription(user)["paused_because"] == "unsubscribed"
    assert house.subscription(user, "usage")["active"] is True


@pytest.mark.parametrize("fields", [{}, {"paused_until": NEXT, "paused_because": "user", "paused_at": SINCE}])
@pytest.mark.parametrize(("first", "second"), [*product(("unsubscribe", "stop"), repeat=2)])
@pytest.mark.parametrize("copy", ["", "boss@example.com"])
def test_a_second_stop_of_the_only_recipient_writes_nothing(
    house: House, first: str, second: str, copy: str, fields: dict[str, Any]
) -> None:
    user = house.user(**({**fields, "to": [copy]} if copy else fields))
    assert house.post(house.link(user, first, copy=copy), ONE_CLICK).status_code == 200
    before, told, logged = house.everything(), house.outcomes(user), changes_logged(house)
    [stopped] = house.subscription(user)["objections"].values()
    assert stopped["stopped_at"] is not None
    for wish in (second, first):
        assert house.post(house.link(user, wish, copy=copy), ONE_CLICK).status_code == 200
    assert (house.everything(), house.outcomes(user), changes_logged(house)) == (before, told, logged)
    assert len(told) == 1


def changes_logged(house: House) -> int:
    return house.function.log_file.read_text(encoding="utf-8").count("subscription_changed_by_recipient")


def test_one_click_of_a_user_who_is_gone(house: House) -> None:
    user = house.user()
    house.remove_user(user)
    assert house.post(house.link(user, "unsubscribe"), ONE_CLICK).status_code == 200
    answer = house.get(house.link(user))
    assert (answer.status_code, "You get no reports." in answer.text) == (200, True)
    assert house.subscription(user) is None


@pytest.mark.parametrize(
    ("wish", "copy"), [("unsubscribe", ""), ("stop", ""), ("stop-all", ""), ("unsubscribe", "boss@example.com")]
)
def test_a_stop_holds_although_the_user_is_gone_meanwhile(house: House, wish: str, copy: str) -> None:
    user = house.user(cc=["boss@example.com"])
    before = user_reference(house.database, user).get().to_dict()
    user_reference(house.database, user).delete()
    assert house.post(house.link(user, wish, copy=copy), ONE_CLICK).status_code == 200
    user_reference(house.database, user).set(before)
    stored = house.subscription(user)
    if copy:
        assert (stored["active"], stored["cc"]) == (True, [])
    else:
        assert (stored["active"], stored["paused_because"]) == (False, "unsubscribed")
    # Nothing else is changed for a user who is gone.
    user_reference(house.database, user).delete()
    house.post(house.link(user, "resume"))
    assert house.subscription(user) == stored


def test_a_link_of_an_old_key_works(house: House) -> None:
    user = house.user()
    old = TokenKeys([OLD_KEY]).make(RecipientToken(user, "default"))
    assert house.post(house.url(old, "unsubscribe"), ONE_CLICK).status_code == 200
    assert house.subscription(user)["active"] is False


def test_a_copy_takes_itself_out_and_touches_nothing_else(house: House) -> None:
    user = house.user(cc=["boss@example.com", "c@example.com"], kind="team_notes")
    before = house.subscription(user)
    page = house.get(house.link(user, copy="boss@example.com")).text
    assert "Team notes" in page
    assert "<select" not in page
    for wish in ("schedule", "pause", "resume", "stop-all"):
        assert house.post(house.link(user, wish, copy="boss@example.com"), {"for": "week"}).status_code == 404
    assert house.subscription(user) == before
    assert house.post(house.link(user, "unsubscribe", copy="boss@example.com"), ONE_CLICK).status_code == 200
    after = house.subscription(user)
    written = {name: after[name] for name in ("objections", "recipient_changes")}
    assert after == {**before, "cc": ["c@example.com"], **written}
    assert [each["because"] for each in after["objections"].values()] == ["unsubscribed"]
    page = house.post(house.link(user, "stop", copy="c@example.com")).text
    assert house.subscription(user)["cc"] == []
    house.post(house.link(user, "undo", copy="c@example.com"), undo_of(page))
    taken_back = house.subscription(user)
    noted = [each["wish"] for each in taken_back["recipient_changes"]]
    assert (taken_back, noted) == (
        {**after, "recipient_changes": taken_back["recipient_changes"]},
        ["stop", "stop", "undo"],
    )
    # What the application writes again does not reach who has stopped it.
    subscription_reference(house.database, user).update({"cc": ["boss@example.com"]})
    assert "You get no such emails." in house.get(house.link(user, copy="boss@example.com")).text


def test_what_a_copy_takes_back_says_nothing_for_others(house: House) -> None:
    user = house.user(cc=["boss@example.com"])
    page = house.post(house.link(user, "stop", copy="boss@example.com")).text
    house.post(house.link(user, "undo", copy="boss@example.com"), undo_of(page))
    assert house.subscription(user)["objections"] == {}


def test_a_resume_speaks_for_the_users_own_address(house: House) -> None:
    own, boss = address_hash("ada@example.com"), address_hash("boss@example.com")
    objections = {hashed: {"because": "complained", "at": SINCE} for hashed in (own, boss)}
    user = house.user(user={"email": "ada@example.com"}, cc=["boss@example.com"], objections=objections)
    subscription_reference(house.database, user).update(paused(PauseReason.COMPLAINED))
    assert "The report comes again." in house.post(house.link(user, "resume")).text
    left = house.subscription(user)
    assert left["objections"][boss] == objections[boss]
    assert left["objections"][own]["cleared_at"] > SINCE
    assert "resumed_at" not in left


def test_a_worker_that_writes_in_between_is_not_overwritten(house: House) -> None:
    user = house.user()
    writes = iter([1])

    async def write_first(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("Commit") and next(writes, None):
            house.faults.middleware = None
            raise ServiceUnavailable("later")  # type: ignore[no-untyped-call]
        return await carry_out()

    house.faults.middleware = write_first
    try:
        assert house.post(house.link(user, "stop")).status_code in {200, 503}
    finally:
        house.faults.middleware = None
    assert house.post(house.link(user, "stop")).status_code == 200
    assert house.subscription(user)["active"] is False
