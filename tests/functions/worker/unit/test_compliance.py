"""The way out of an email, its address, and what ties the emails of a delivery together."""

import hashlib
import hmac
from base64 import urlsafe_b64decode
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.records.address_hash import address_hash
from functions.shared.records.recipients import RecipientRole
from functions.shared.records.user import User
from functions.shared.settings import MailSettings
from functions.worker.destinations.email.compliance import MailCompliance, unsubscribe_token
from functions.worker.destinations.email.model import MailRecipient
from functions.worker.destinations.email.unsubscribe_link import IN_HTML, IN_TEXT
from local_pipeline.inbox.sendgrid import RESERVED_HEADERS

KEY = "0123456789abcdef"
OWN = MailCompliance(
    sender="reports@example.com",
    reply_to="help@example.com",
    unsubscribe_url="https://example.com/unsubscribe?user={user_id}&token={token}",
    unsubscribe_key=KEY,
)
KEYS = TokenKeys(["k" * 32])
ON_PAGE = MailCompliance(sender="reports@example.com", page_url="https://reports.example.com", page_keys=KEYS)
IN_GROUP = MailCompliance(sender="reports@example.com", in_group=True)
NONE = MailCompliance(sender="reports@example.com")

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def recipient(
    compliance: MailCompliance,
    address: str = "ada@example.com",
    role: RecipientRole = RecipientRole.TO,
    *,
    user_id: str = "u1",
    delivery_id: str = "u1:weekly:20261124T1300Z",
) -> MailRecipient:
    user = User(id=user_id, email="ada@example.com", name="Ada")
    return compliance.recipient(
        address, role, user=user, subscription_id="weekly", delivery_id=delivery_id, kind="usage", cadence="weekly"
    )


@given(ids)
def test_the_teams_own_link_names_the_user_and_proves_it(user_id: str) -> None:
    made = recipient(OWN, user_id=user_id)
    query = parse_qs(urlsplit(made.unsubscribe_url).query, keep_blank_values=True)
    assert query["user"] == [user_id]
    digest = urlsafe_b64decode(query["token"][0] + "=")
    assert digest == hmac.new(KEY.encode(), user_id.encode(), hashlib.sha256).digest()
    assert made.headers["List-Unsubscribe"] == f"<{made.unsubscribe_url}>"
    assert made.headers["List-Unsubscribe"].isascii()
    assert made.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("address", "copy_of"), [("Ada@example.com", ""), ("boss@example.com", address_hash("boss@example.com"))]
)
def test_each_recipient_has_a_page_of_their_own(address: str, copy_of: str) -> None:
    made = recipient(ON_PAGE, address)
    before, _, token = made.unsubscribe_url.rpartition("/")
    assert before == "https://reports.example.com"
    assert KEYS.read(token) == RecipientToken("u1", "weekly", copy_of)
    assert made.headers["List-Unsubscribe"] == f"<{made.unsubscribe_url}/unsubscribe>"
    assert made.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize("role", RecipientRole)
def test_another_recipient_can_only_ask_the_team(role: RecipientRole) -> None:
    made = recipient(OWN, "boss@example.com", role)
    link = urlsplit(made.unsubscribe_url)
    assert (link.scheme, link.path) == ("mailto", "help@example.com")
    assert parse_qs(link.query) == {"subject": ["Unsubscribe u1:weekly:20261124T1300Z"]}
    assert made.headers["List-Unsubscribe"] == f"<{made.unsubscribe_url}>"
    assert "List-Unsubscribe-Post" not in made.headers
    assert unsubscribe_token("u1", KEY) not in repr(made)
    assert made.name == ""
    without = recipient(replace(OWN, reply_to=""), "boss@example.com", role)
    assert without.unsubscribe_url.startswith("mailto:reports@example.com?")


@pytest.mark.parametrize("role", RecipientRole)
@pytest.mark.parametrize("address", ["ada@example.com", "Ada@Example.com"])
def test_the_users_own_address_keeps_the_users_link_wherever_it_stands(address: str, role: RecipientRole) -> None:
    made = recipient(OWN, address, role)
    assert made.unsubscribe_url == recipient(OWN).unsubscribe_url
    assert made.name == "Ada"


def test_a_link_too_long_for_a_line_is_in_the_mail_and_in_no_header() -> None:
    made = recipient(OWN, user_id="ü" * 700)
    assert "List-Unsubscribe" not in made.headers
    assert len(made.unsubscribe_url) > 900
    assert len(recipient(OWN, user_id="u" * 700).headers["List-Unsubscribe"]) < 998


def test_a_token_is_one_users_and_one_keys() -> None:
    tokens = {unsubscribe_token(user, key) for user in ("u1", "u2") for key in (KEY, KEY[::-1])}
    assert len(tokens) == 4


@pytest.mark.parametrize("compliance", [OWN, IN_GROUP, ON_PAGE])
def test_a_mail_has_the_place_of_the_link_where_there_is_one(compliance: MailCompliance) -> None:
    closing = compliance.closing(recipients="", unsubscribe="Unsubscribe")
    assert (closing.unsubscribe_url, closing.unsubscribe_url_html) == (IN_TEXT, IN_HTML)


@pytest.mark.parametrize("compliance", [NONE, IN_GROUP])
@pytest.mark.parametrize("address", ["ada@example.com", "boss@example.com"])
def test_without_an_own_url_no_recipient_has_a_link_of_ours(compliance: MailCompliance, address: str) -> None:
    made = recipient(compliance, address)
    assert made.unsubscribe_url == ""
    assert not any(name.startswith("List-Unsubscribe") for name in made.headers)


def test_without_either_there_is_no_link() -> None:
    closing = NONE.closing(recipients="", unsubscribe="Unsubscribe")
    assert (closing.unsubscribe_url, closing.unsubscribe_url_html) == ("", "")


def test_the_mails_of_a_delivery_refer_to_the_same_message_and_those_of_others_to_another() -> None:
    first, again, other = (recipient(NONE, delivery_id=delivery).headers for delivery in ("d1", "d1", "d2"))
    assert first == again == recipient(NONE, "boss@example.com", delivery_id="d1").headers
    assert first["References"].startswith("<")
    assert first["References"].endswith("@example.com>")
    assert {first["References"], first["X-Entity-Ref-ID"]}.isdisjoint(other.values())


@given(ids, st.sampled_from(["ada@example.com", "boss@example.com"]))
def test_headers_are_ascii_whatever_the_ids_are(text: str, address: str) -> None:
    headers = recipient(OWN, address, user_id=text, delivery_id=text).headers
    assert all(value.isascii() and value.isprintable() for value in headers.values())


@pytest.mark.parametrize("compliance", [OWN, IN_GROUP, NONE])
def test_every_mail_says_which_list_it_is_of_and_that_nobody_wrote_it(compliance: MailCompliance) -> None:
    headers = recipient(compliance).headers
    assert headers["List-Id"] == "<usage.example.com>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Feedback-ID"] == "kind-usage:weekly:report:examplecom"
    assert not {name.lower() for name in headers} & RESERVED_HEADERS


@pytest.mark.parametrize(
    ("domain", "list_id", "sender_id"),
    [
        ("a.io", "<usage.a.io>", "aio00"),
        ("Mail.Example.COM", "<usage.mail.example.com>", "mailexamplecom"),
        ("bücher.example", "<usage.xn--bcher-kva.example>", "xnbcherkvaexamp"),
        (".".join(["x" * 60] * 5), None, "x" * 15),
    ],
)
def test_a_list_is_of_the_senders_domain(domain: str, list_id: str | None, sender_id: str) -> None:
    headers = recipient(MailCompliance(sender=f"reports@{domain}")).headers
    assert headers.get("List-Id") == list_id
    assert headers["Feedback-ID"].split(":")[-1] == sender_id
    assert 5 <= len(sender_id) <= 15
    assert len(set(headers["Feedback-ID"].split(":"))) == 4


def settings(**variables: str) -> MailSettings:
    return MailSettings(mail_from="reports@example.com", **variables)  # type: ignore[arg-type]  # as from the environment


def test_the_postal_address_is_one_line_at_the_end() -> None:
    compliance = MailCompliance.from_settings(settings(mail_postal_address="Example Inc.\r\n1 Example Road"))
    assert compliance.closing(recipients="", unsubscribe="").address == "Example Inc. 1 Example Road"


PAGE = {"preferences_url": "https://x", "preferences_key": "k" * 32}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"mail_unsubscribe_group": "7", "mail_unsubscribe_url": "https://x/{user_id}{token}"}, "set only one of them"),
        ({"mail_unsubscribe_url": "https://x/{user_id}{token}"}, "MAIL_UNSUBSCRIBE_KEY: not set"),
        ({"mail_unsubscribe_group": "7", **PAGE}, "MAIL_UNSUBSCRIBE_GROUP and PREFERENCES_URL: set only one of them"),
        ({"preferences_url": "https://x"}, "PREFERENCES_KEY: not set"),
        ({"preferences_url": "http://x", "preferences_key": "k" * 32}, "must begin with https://"),
        ({"preferences_url": "https://x/?a", "preferences_key": "k" * 32}, "anything behind its path"),
        ({"preferences_key": "k" * 31}, "at least 32"),
        ({"preferences_key": "k" * 32 + ",short"}, "at least 32"),
        ({"mail_unsubscribe_url": "http://x/{user_id}{token}", "mail_unsubscribe_key": KEY}, "must be an https URL"),
        ({"mail_unsubscribe_url": "https://x/{user_id}", "mail_unsubscribe_key": KEY}, "without the token anybody"),
        ({"mail_unsubscribe_url": "https://x/{token}", "mail_unsubscribe_key": KEY}, "must have {user_id}"),
        ({"mail_unsubscribe_url": "https://x/\r\n{user_id}{token}", "mail_unsubscribe_key": KEY}, "https URL"),
        ({"mail_unsubscribe_key": "short"}, "at least 16"),
        ({"mail_unsubscribe_group": "0"}, "greater than or equal to 1"),
        ({"mail_check_unsubscribed": "true"}, "needs MAIL_UNSUBSCRIBE_GROUP"),
        ({"mail_reply_to": "nobody"}, "mail_reply_to"),
        ({"mail_sandbox": "perhaps"}, "mail_sandbox"),
    ],
)
def test_terms_that_do_not_hold_together_are_refused(variables: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings(**variables)
