"""Who gets a report, and what each recipient's email says about that."""

from typing import Any

import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.recipients import RecipientRole
from functions.shared.records.subscription import ADDRESS_LISTS
from functions.worker.compose import wanting
from functions.worker.destinations.email.compliance import MailCompliance
from tests.functions.worker.unit.samples import mail, subscription, user

TO, CC = RecipientRole.TO, RecipientRole.CC
OWN = MailCompliance(
    sender="reports@example.com",
    reply_to="help@example.com",
    unsubscribe_url="https://example.com/out?user={user_id}&token={token}",
    unsubscribe_key="0123456789abcdef",
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("ada@example.com", TO)]),
        ({"cc": ["boss@example.com"]}, [("ada@example.com", TO), ("boss@example.com", CC)]),
        ({"to": ["b@example.com", "a@example.com"]}, [("b@example.com", TO), ("a@example.com", TO)]),
        (
            {"to": ["a@example.com"], "cc": ["ada@example.com", "b@example.com"]},
            [("a@example.com", TO), ("ada@example.com", CC), ("b@example.com", CC)],
        ),
        # Email to these bounces or is unwanted.
        (
            {"cc": ["b@example.com", "c@example.com"], "suppressed": [address_hash("B@example.com")]},
            [("ada@example.com", TO), ("c@example.com", CC)],
        ),
        (
            {"to": ["a@example.com", "b@example.com"], "suppressed": [address_hash("a@example.com")]},
            [("b@example.com", TO)],
        ),
        # The document cannot know that the copy goes to the user's own address.
        ({"cc": ["ADA@example.com", "boss@example.com"]}, [("ada@example.com", TO), ("boss@example.com", CC)]),
    ],
)
def test_each_address_gets_a_report_once(fields: dict[str, Any], expected: list[tuple[str, RecipientRole]]) -> None:
    assert wanting(user(), subscription(**fields)) == expected
    made = mail("activity", {}, by=fields)
    assert [(each.address, each.role) for each in made.recipients] == expected


def test_each_list_of_addresses_is_a_role_whose_addresses_get_the_report() -> None:
    assert set(ADDRESS_LISTS) == set(RecipientRole)
    named = subscription(**{name: [f"{name}@example.com"] for name in ADDRESS_LISTS})
    assert sorted(wanting(user(), named)) == sorted((f"{role}@example.com", role) for role in RecipientRole)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"to": ["a@example.com", "b@example.com"]}, "This report goes to a@example.com, b@example.com."),
        ({"cc": ["b@example.com"]}, "This report goes to ada@example.com, with a copy to b@example.com."),
    ],
)
def test_the_mail_says_who_gets_it_since_no_header_does(fields: dict[str, Any], said: str) -> None:
    made = mail("activity", {}, by=fields)
    assert said in made.html
    assert said in " ".join(made.text.split())


def test_one_recipient_is_told_nothing_about_recipients() -> None:
    made = mail("activity", {}, by={"to": ["a@example.com"]})
    assert "goes to" not in made.text + made.html


def test_only_the_users_own_mail_can_unsubscribe_the_user() -> None:
    by = {name: [f"{name}@example.com"] for name in ADDRESS_LISTS} | {"to": ["ada@example.com", "to@example.com"]}
    made = mail("activity", {}, by=by, compliance=OWN)
    own, *others = (made.with_link(each.unsubscribe_url) for each in made.recipients)
    assert len(others) == len(ADDRESS_LISTS)
    assert "https://example.com/out?user=u1&token=" in own.text
    assert 'href="https://example.com/out?user=u1&amp;token=' in own.html
    for part in (text for other in others for text in (other.text, other.html)):
        assert "mailto:help@example.com?subject=Unsubscribe%20d1" in part
        assert "token=" not in part


def test_an_address_is_text_and_nothing_else() -> None:
    made = mail("activity", {}, by={"cc": ['"<b>x</b>"@example.com', "<%asm_preferences_raw_url%>@example.com"]})
    assert "<b>x" not in made.html
    assert "asm_preferences_raw_url%>" not in made.text + made.html
