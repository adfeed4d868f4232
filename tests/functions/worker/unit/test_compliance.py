"""The way out of a mail, its address, and what ties the mails of a delivery together."""

import hashlib
import hmac
from base64 import urlsafe_b64decode
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.settings import MailSettings
from functions.worker.mail.compliance import MailCompliance, unsubscribe_token
from functions.worker.mail.sendgrid.tags import GROUP_LINK

KEY = "0123456789abcdef"
OWN = MailCompliance(
    domain="example.com",
    unsubscribe_url="https://example.com/unsubscribe?user={user_id}&token={token}",
    unsubscribe_key=KEY,
)
IN_GROUP = MailCompliance(domain="example.com", in_group=True)
NONE = MailCompliance(domain="example.com")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_the_teams_own_link_names_the_user_and_proves_it(user_id: str) -> None:
    link = OWN.closing(user_id, unsubscribe="Unsubscribe").unsubscribe_url
    query = parse_qs(urlsplit(link).query, keep_blank_values=True)
    assert query["user"] == [user_id]
    digest = urlsafe_b64decode(query["token"][0] + "=")
    assert digest == hmac.new(KEY.encode(), user_id.encode(), hashlib.sha256).digest()
    headers = OWN.headers(user_id, "d1")
    assert headers["List-Unsubscribe"] == f"<{link}>"
    assert headers["List-Unsubscribe"].isascii()
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_link_too_long_for_a_line_is_in_the_mail_and_in_no_header() -> None:
    user_id = "ü" * 700
    assert "List-Unsubscribe" not in OWN.headers(user_id, "d1")
    assert len(OWN.closing(user_id, unsubscribe="Unsubscribe").unsubscribe_url) > 900
    assert len(OWN.headers("u" * 700, "d1")["List-Unsubscribe"]) < 998


def test_a_token_is_one_users_and_one_keys() -> None:
    tokens = {unsubscribe_token(user, key) for user in ("u1", "u2") for key in (KEY, KEY[::-1])}
    assert len(tokens) == 4


def test_a_group_has_sendgrids_link_and_sendgrids_headers() -> None:
    closing = IN_GROUP.closing("u1", unsubscribe="Unsubscribe")
    assert closing.unsubscribe_url == GROUP_LINK
    assert not any(name.startswith("List-") for name in IN_GROUP.headers("u1", "d1"))


def test_without_either_there_is_no_link() -> None:
    assert NONE.closing("u1", unsubscribe="Unsubscribe").unsubscribe_url == ""
    assert not any(name.startswith("List-") for name in NONE.headers("u1", "d1"))


def test_the_mails_of_a_delivery_refer_to_the_same_message_and_those_of_others_to_another() -> None:
    first, again, other = (NONE.headers("u1", delivery) for delivery in ("d1", "d1", "d2"))
    assert first == again
    assert first["References"].startswith("<")
    assert first["References"].endswith("@example.com>")
    assert {first["References"], first["X-Entity-Ref-ID"]}.isdisjoint(other.values())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_headers_are_ascii_whatever_the_ids_are(text: str) -> None:
    assert all(value.isascii() and value.isprintable() for value in OWN.headers(text, text).values())


def settings(**variables: str) -> MailSettings:
    return MailSettings(mail_from="reports@example.com", **variables)  # type: ignore[arg-type]  # as from the environment


def test_the_postal_address_is_one_line_at_the_end() -> None:
    compliance = MailCompliance.from_settings(settings(mail_postal_address="Example Inc.\r\n1 Example Road"))
    assert compliance.closing("u1", unsubscribe="").address == "Example Inc. 1 Example Road"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"mail_unsubscribe_group": "7", "mail_unsubscribe_url": "https://x/{user_id}{token}"}, "set one of them"),
        ({"mail_unsubscribe_url": "https://x/{user_id}{token}"}, "MAIL_UNSUBSCRIBE_KEY: not set"),
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
