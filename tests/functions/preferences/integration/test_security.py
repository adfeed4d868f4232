"""What everybody may send to the recipient's page, and what comes of it: nothing."""

import http.client
import json
from urllib.parse import quote

import pytest
import requests

from functions.preferences.wishes import Wish
from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from tests.functions.preferences.integration.conftest import KEYS, ONE_CLICK, House
from tests.functions.shared.unit.test_recipient_token import mangled

WHAT = ("", "unsubscribe", *Wish)


def test_forged_and_mangled_tokens_are_answered_like_nothing_at_all(house: House) -> None:
    user = house.user()
    before = house.everything()
    nothing = house.get(house.url("nothing"))
    assert nothing.status_code == 404
    good = KEYS.make(RecipientToken(user, "default"))
    forged = [
        TokenKeys([f"another key of more than 32 letters {n}"]).make(RecipientToken(user, "default")) for n in range(20)
    ]
    # Its own key's name before what another key has made.
    forged += [good[:5] + each[5:] for each in forged]
    forged += [KEYS.seal([user, "default", ""]), user, f"{user}:default", "..", "%2e%2e", "style-7c3aed-00000000.css"]
    texts = [*forged, *(each for each in mangled(good, 200) if each.isascii() and each.isprintable())]
    with requests.Session() as session:
        for number, text in enumerate(texts):
            url = house.url(quote(text, safe=""), WHAT[number % len(WHAT)])
            if number % 2:
                answer = session.get(url, timeout=30)
            else:
                answer = session.post(url, data={**ONE_CLICK, "for": "week"}, timeout=30)
            assert (answer.status_code, answer.text) == (404, nothing.text), text
    assert house.everything() == before


def test_a_token_counts_in_its_own_place_alone(house: House) -> None:
    user = house.user()
    before = house.everything()
    good = KEYS.make(RecipientToken(user, "default"))
    other = KEYS.make(RecipientToken(user, "other"))
    tricks = [
        f"{good}{good}",
        f"{good}/{good}",
        f"{good}/{other}/unsubscribe",
        f"{good}/unsubscribe/",
        f"/{good}/unsubscribe",
    ]
    tricks += [f"{good}//unsubscribe", f"{good};/unsubscribe", f"{good}%00/unsubscribe", f"{good}%0a/unsubscribe"]
    tricks += [f"{good}/Unsubscribe", f"{good}/%75nsubscribe%20", f"%ef%bc%a1{good[1:]}/stop", f"{good}%e2%80%8b/stop"]
    tricks += [
        f"x/../{good}/stop",
        f"..%2f{good}/stop",
        f".%00./{good}/stop",
        f"{good}/../../users/{user}",
        f"{good}/stop%2f..",
    ]
    for path in tricks:
        for method in ("GET", "POST"):
            connection = http.client.HTTPConnection("127.0.0.1", house.function.port, timeout=30)
            # As it is: no client puts it in order first.
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request(method, f"/mails/{path}", "List-Unsubscribe=One-Click", form)
            answer = connection.getresponse()
            assert answer.status in {400, 404}, (method, path)
            connection.close()
    assert house.everything() == before


def test_no_get_changes_anything(house: House) -> None:
    user = house.user(cc=["boss@example.com"])
    before = house.everything()
    for copy in ("", "boss@example.com"):
        for what in WHAT:
            for method in ("GET", "HEAD"):
                url = house.link(user, what, copy=copy) + "?List-Unsubscribe=One-Click&for=week&cadence=daily&hour=3"
                answer = requests.request(method, url, timeout=30, allow_redirects=False)
                assert answer.status_code in {200, 303, 404}
                if answer.status_code == 303:
                    assert answer.headers["Location"] == "/mails/" + url.split("/")[4]
    assert house.everything() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_do_nothing(house: House, method: str) -> None:
    user = house.user()
    before = house.everything()
    for what in ("", "stop", "unsubscribe"):
        assert requests.request(method, house.link(user, what), data=ONE_CLICK, timeout=30).status_code == 405
    assert house.everything() == before


def test_forms_of_other_websites_are_refused(house: House) -> None:
    user = house.user()
    before = house.everything()
    for wish in Wish:
        assert (
            house.post(house.link(user, wish), {"for": "week"}, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
        )
    assert house.everything() == before


@pytest.mark.parametrize(
    "form", [{}, {"List-Unsubscribe": "one-click"}, {"list-unsubscribe": "One-Click"}, b"\xff" * 99]
)
def test_a_post_that_is_no_one_click_unsubscribes_nobody(house: House, form: object) -> None:
    user = house.user()
    assert house.post(house.link(user, "unsubscribe"), form).status_code == 400
    assert house.subscription(user)["active"] is True


def test_a_large_body_is_refused(house: House) -> None:
    user = house.user()
    answer = house.post(house.link(user, "stop"), {"undo": "x" * 70_000})
    assert (answer.status_code, house.subscription(user)["active"]) == (413, True)


def test_every_answer_stays_out_of_caches_and_other_websites(house: House) -> None:
    user = house.user()
    answers = [
        house.get(house.link(user)),
        house.get(house.url("nothing")),
        house.get(house.link(user, "stop")),
        house.post(house.link(user, "stop")),
        house.post(house.link(user, "schedule")),
        house.post(house.link(user, "unsubscribe"), ONE_CLICK),
    ]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers
        if answer.headers["Content-Type"].startswith("text/html") and answer.text:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "<script" not in answer.text
            assert "<style" not in answer.text
            assert "style=" not in answer.text


def test_what_documents_hold_is_escaped(house: House) -> None:
    bad = '"><script>alert(1)</script>'
    user = house.user(
        user={"name": bad, "locale": bad, "brand": {"name": bad, "color": "red;}", "url": "javascript:1"}}, cc=[bad]
    )
    page = house.get(house.link(user)).text
    assert "<script" not in page
    assert "javascript:" not in page


def test_the_log_holds_no_token_and_no_address(house: House) -> None:
    user = house.user(cc=["boss@example.com"])
    house.post(house.link(user, "unsubscribe", copy="boss@example.com"), ONE_CLICK)
    house.post(house.link(user, "stop"))
    log = house.function.log_file.read_text()
    assert KEYS.make(RecipientToken(user, "default")) not in log
    assert "boss@example.com" not in log
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [event["copy"] for event in events if event.get("user_id") == user] == [True, False]
