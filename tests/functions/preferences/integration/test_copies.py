"""An email as it went out, in the browser: for its recipient alone, and only as long as it is to be seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.mail.recipient_token import SharedCopy
from functions.shared.records.address_hash import address_hash
from functions.shared.records.archived_copy import ArchivedCopy, CopiedFile, CopyName
from tests.functions.preferences.integration.conftest import KEYS, ONE_CLICK, PUBLIC, House

NOW = datetime.now(UTC)
COLLEAGUE = "bob@example.com"


def shared(house: House, user: str, *, subscription_id: str = "default", **fields: Any) -> str:
    """Keep a copy; returns the link that shows it and nothing else."""
    name = KEYS.read_copy(kept(house, user, **fields).partition("/")[2])
    assert name is not None
    return house.url("copies", KEYS.make_shared_copy(SharedCopy(user, subscription_id, name)))


def kept(house: House, user: str, *, days: int = 30, made_at: datetime = NOW, **fields: Any) -> str:
    """Keep a copy; returns the part of a recipient's link that names it."""
    delivery = f"{user}:default:20261130T0800Z"
    name = CopyName.of(user, delivery, "c1a1", days=days, now=made_at)
    given: dict[str, Any] = {
        "user_id": user,
        "subscription_id": "default",
        "delivery_id": delivery,
        "kind": "activity",
        "made_at": made_at,
        "recipients": [COLLEAGUE],
        "subject": "Monday",
        "html": '<style>p {color: red}</style><p>Monday</p><img src="cid:c"><a href="[html]">Stop</a>',
        "text": "Monday",
        "html_tag": "[html]",
        "text_tag": "[text]",
        "images": [CopiedFile("c.png", "image/png", b"x", "c")],
        **fields,
    }
    house.archive.keep(name, ArchivedCopy(**given))
    return f"copies/{KEYS.make_copy(name.own_part)}"


def test_each_recipient_sees_the_email_with_their_own_links(house: House) -> None:
    user = house.user(cc=[COLLEAGUE])
    copy, before = kept(house, user), house.everything()
    for of in ("", COLLEAGUE):
        link = house.link(user, copy=of)
        answer = house.get(f"{link}/{copy}")
        assert answer.status_code == 200
        assert f'<a href="{PUBLIC}/{link.rpartition("/")[2]}">Stop</a>' in answer.text
        assert '<img src="data:image/png;base64,eA==">' in answer.text
    assert house.everything() == before


def test_the_links_of_a_copy_lead_to_the_brands_domain(house: House) -> None:
    user = house.user(user={"brand": "acme"})
    assert '<a href="https://reports.acme.example/mails/' in house.get(house.link(user, kept(house, user))).text


def test_the_page_runs_nothing_and_is_not_found_by_others(house: House) -> None:
    user = house.user()
    answer = house.get(house.link(user, kept(house, user)))
    policy = answer.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert "script" not in policy
    assert "sandbox" in policy
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert house.post(house.link(user, kept(house, user))).status_code == 405


@pytest.mark.parametrize(
    "fields",
    [
        {"active": False, "paused_because": "unsubscribed"},
        {"active": False, "paused_because": "complained"},
    ],
)
def test_the_copy_is_gone_for_who_has_stopped(house: House, fields: dict[str, Any]) -> None:
    user = house.user(cc=[COLLEAGUE], **fields)
    for of in ("", COLLEAGUE):
        assert house.get(house.link(user, kept(house, user), copy=of)).status_code == 410


def test_a_pause_hides_nothing_and_leaving_hides_it_from_who_has_left(house: House) -> None:
    user = house.user(cc=[COLLEAGUE], active=False, paused_because="user")
    copy = kept(house, user)
    for of in ("", COLLEAGUE):
        assert house.get(house.link(user, copy, copy=of)).status_code == 200
    assert house.get(house.link(user, copy, copy="eve@example.com")).status_code == 410
    house.remove_user(user)
    assert house.get(house.link(user, copy)).status_code == 410


def test_the_copy_is_gone_for_the_user_who_reported_it_as_spam_while_others_get_it(house: House) -> None:
    objections = {address_hash("ada@example.com"): {"because": "complained", "at": NOW - timedelta(days=1)}}
    user = house.user(user={"email": "ada@example.com"}, to=["ada@example.com", COLLEAGUE], objections=objections)
    copy = kept(house, user)
    assert house.get(house.link(user, copy)).status_code == 410
    assert house.get(house.link(user, copy, copy=COLLEAGUE)).status_code == 200


def test_another_copy_than_the_links_own_is_not_shown(house: House) -> None:
    user, other = house.user(), house.user()
    copy = kept(house, user)
    assert house.get(house.link(other, copy)).status_code == 410
    assert house.get(house.link(user, kept(house, user, subscription_id="other"))).status_code == 410
    assert house.get(house.link(user, "copies/" + KEYS.seal("x"))).status_code == 404
    assert house.get(house.link(user, "copies/")).status_code == 404
    assert house.get(house.url("nothing", copy)).status_code == 404


def test_the_link_in_a_chat_shows_the_copy_and_no_way_to_stop_the_reports(house: House) -> None:
    user = house.user(deliver={"destination": "slack", "secret": "acme", "channel": "C1"})
    link, before = shared(house, user), house.everything()
    answer = house.get(link)
    assert (answer.status_code, '<a href="#">Stop</a>' in answer.text, PUBLIC in answer.text) == (200, True, False)
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert house.post(link).status_code == 405
    assert house.post(f"{link}/unsubscribe", ONE_CLICK).status_code == 404
    token = link.rpartition("/")[2]
    # It is no recipient's token, wherever it stands.
    for what in ("", "unsubscribe", f"copies/{token}"):
        assert house.get(house.url(token, what)).status_code == 404
    assert house.post(house.url(token, "unsubscribe"), ONE_CLICK).status_code == 404
    assert house.get(link[:-1]).status_code == 404
    assert house.everything() == before
    assert house.get(shared(house, user, subscription_id="other")).status_code == 410
    assert house.get(shared(house, user, days=5, made_at=NOW - timedelta(days=7))).status_code == 410
    stopped = house.user(active=False, paused_because="unsubscribed")
    assert house.get(shared(house, stopped)).status_code == 410
    house.remove_user(user)
    assert house.get(link).status_code == 410


def test_after_its_days_there_is_no_copy(house: House) -> None:
    user = house.user()
    old = kept(house, user, days=5, made_at=NOW - timedelta(days=7))
    assert house.get(house.link(user, old)).status_code == 410
    house.archive.drop_all(house.archive.names_of(user))
    erased = kept(house, user)
    house.archive.drop_all(house.archive.names_of(user))
    assert house.get(house.link(user, erased)).status_code == 410
