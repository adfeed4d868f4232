"""What names a user."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.users.mentions import Mentions


@pytest.mark.parametrize(
    "text",
    [
        "u1",
        "users/u1: email",
        "the delivery u1:default:20261124T1300Z died",
        "u1:malformed",
        '{"user_id": "u1", "due',
        "user=u1&x",
        "to Ada@Example.com.",
        "ada%40example.com",
    ],
)
def test_a_text_names_the_user(text: str) -> None:
    assert Mentions("u1", ["ada@example.com"]).in_text(text)


@pytest.mark.parametrize(
    "text", ["u12", "U1", "au1", "team-u1", "u1-20261124T1300Z", "u1-b", "u1_b", "", "bada@example.com"]
)
def test_a_text_names_another(text: str) -> None:
    assert not Mentions("u1", ["ada@example.com"]).in_text(text)


def test_names_are_erased_and_nothing_else() -> None:
    mentions = Mentions("u1", ["ada@example.com"])
    text = "users/u1 and u12: u1:default:20261124T1300Z for ADA@example.com"
    assert mentions.erased_from(text) == "users/[erased] and u12: [erased]:default:20261124T1300Z for [erased]"


@pytest.mark.parametrize(
    "content",
    [
        '{"user_id": "u1"}',
        '{"user": {"ids": ["x", "u1"]}}',
        '{"u1": true}',
        '{"delivery": "u1:default:20261124T1300Z"}',
        b"\xff\xfe u1 \x00",
        '{"user_id": "u1", "cut',
    ],
)
def test_a_message_names_the_user(content: bytes | str) -> None:
    assert Mentions("u1").in_message(content)
    assert not Mentions("u2").in_message(content)


def test_a_number_is_an_id_without_quotes() -> None:
    assert Mentions("42").in_message('{"user_id": 42}')
    assert not Mentions("42").in_message('{"user_id": 421}')
    assert not Mentions("True").in_message("true")


def test_deep_json_is_no_obstacle() -> None:
    assert Mentions("u1").in_message("[" * 100_000 + '"u1"' + "]" * 100_000)


def test_a_payload_names_the_user_in_whatever_it_kept() -> None:
    mentions = Mentions("利用者")
    assert mentions.in_payload({"body": json.dumps({"user_id": "利用者"})})
    assert mentions.in_payload({"text": json.dumps({"user_id": "利用者"})[:-2], "bytes": 9})
    assert mentions.in_payload({"base64": base64.b64encode("\x00利用者".encode() + b"\xff").decode()})
    assert mentions.in_payload({"text": "x", "attributes": [{"key": "user", "value": "利用者"}]})
    assert not mentions.in_payload({"text": "x", "bytes": 1, "base64": "=", "attributes": []})


@given(st.text(min_size=1), st.text(), st.text())
def test_every_id_is_found_between_spaces_and_as_json(user_id: str, before: str, after: str) -> None:
    mentions = Mentions(user_id)
    assert mentions.in_text(f"{before} {user_id} {after}")
    assert mentions.in_message(json.dumps({before: {after: user_id}}))
    assert user_id not in mentions.erased_from(f" {user_id} ") or user_id in "[erased] "
