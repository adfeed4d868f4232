"""Users as other people's applications write them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.user import USER_MUST_BE, User, enrolled_fields, unenrolled_fields
from tests.values import anything

SMALLEST = {"email": "ada@example.com", "active": True}


def read(**fields: Any) -> User:
    return User.from_fields("u1", {**SMALLEST, **fields})


def test_defaults() -> None:
    user = read()
    assert (user.id, user.email, user.name, user.locale, user.active) == ("u1", "ada@example.com", "", "en", True)
    assert user.time_zone == ZoneInfo("UTC")
    assert user.enrolled_at is None
    assert user.problem == ""


def test_all_fields_are_read_and_the_whole_document_is_kept_for_the_report() -> None:
    then = datetime(2026, 11, 24, 13, tzinfo=UTC)
    user = read(name="Ada", time_zone="Asia/Tokyo", locale="ja", enrolled_at=then, plan={"seats": 3})
    assert (user.name, user.time_zone, user.locale, user.enrolled_at) == ("Ada", ZoneInfo("Asia/Tokyo"), "ja", then)
    assert user.fields["plan"] == {"seats": 3}


def test_null_counts_as_absent() -> None:
    user = read(name=None, time_zone=None, locale=None)
    assert (user.name, user.time_zone, user.locale, user.problem) == ("", ZoneInfo("UTC"), "en", "")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"email": None}, "email"),
        ({"email": ""}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b\nBcc: c@d"}, "email"),
        ({"email": 5}, "email"),
        ({"active": None}, "active"),
        ({"active": "true"}, "active"),
        ({"active": 1}, "active"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "America"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": 9}, "time_zone"),
        ({"name": ["Ada"]}, "name"),
        ({"locale": 1}, "locale"),
    ],
)
def test_a_bad_field_is_named_and_its_value_is_not_repeated(fields: dict[str, Any], named: str) -> None:
    problem = read(**fields).problem
    assert problem.partition(":")[0] == named
    assert problem.endswith(f"must be {USER_MUST_BE[named]}")
    for value in fields.values():
        assert not isinstance(value, str) or value in {"", "true"} or value not in problem


def test_what_is_sound_counts_though_another_field_is_malformed() -> None:
    user = read(time_zone="Mars/Olympus", email=7, name="Ada", locale="ja")
    assert (user.email, user.time_zone, user.name, user.locale) == ("", ZoneInfo("UTC"), "Ada", "ja")


def test_only_false_makes_a_user_inactive() -> None:
    assert [read(active=value).active for value in (False, True, None, "no", 0)] == [False, True, True, True, True]


def test_what_a_field_must_be_is_said_in_the_words_of_the_documentation() -> None:
    assert User.from_fields("u1", {"active": 1, "time_zone": "Mars"}).problem == (
        "email: is missing, and must be an email address; active: must be true or false; "
        "time_zone: must be a name of the IANA database, such as Asia/Tokyo"
    )


def test_every_field_of_a_user_is_described() -> None:
    assert all(USER_MUST_BE.values())


def test_enrollment_is_written_and_taken_away() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert read(**enrolled_fields(now=now)).enrolled_at == now
    assert unenrolled_fields() == {"enrolled_at": None}


@given(document=st.fixed_dictionaries({}, optional=dict.fromkeys((*USER_MUST_BE, "enrolled_at"), anything)))
def test_any_document_is_read(document: dict[str, Any]) -> None:
    user = User.from_fields("u1", document)
    assert user.problem or (user.email and document["active"] in {True, False})
    assert "\n" not in user.problem
    assert user.time_zone.utcoffset(datetime(2026, 11, 24)) is not None  # noqa: DTZ001
