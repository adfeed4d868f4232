"""Users as other people's applications write them."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.schedule import Cadence, Covers
from functions.shared.user import MUST_BE, InvalidUser, User, _Document, _Report
from tests.function_process import REPOSITORY

SMALLEST = {"email": "ada@example.com", "active": True}


def read(**fields: Any) -> User:
    return User.from_document("u1", {**SMALLEST, **fields}, Cadence.HOURLY)


def test_defaults() -> None:
    user = read()
    assert (user.name, user.locale, user.kind) == ("", "en", "activity")
    assert user.time_zone == ZoneInfo("UTC")
    assert user.schedule.cadence is Cadence.HOURLY
    assert user.next_report_at is None


def test_all_fields() -> None:
    due = datetime(2026, 11, 24, 13, tzinfo=UTC)
    user = read(
        name="Ada",
        time_zone="Asia/Tokyo",
        locale="ja",
        report={"cadence": "weekly", "hour": 7, "weekday": "Friday", "day": 3, "kind": "usage"},
        next_report_at=due,
        reported_until=due,
        something_else={"of": "theirs"},
    )
    assert user.schedule.weekday == 5
    assert (user.schedule.cadence, user.schedule.hour, user.kind) == (Cadence.WEEKLY, 7, "usage")
    assert user.next_report_at == user.reported_until == due


def test_null_counts_as_absent() -> None:
    user = read(name=None, time_zone=None, report={"cadence": None, "hour": None}, locale=None)
    assert user.name == ""
    assert user.schedule.hour == 8


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"email": None}, "email"),
        ({"email": ""}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b\nBcc: c@d"}, "email"),
        ({"email": 5}, "email"),
        ({"active": "true"}, "active"),
        ({"active": 1}, "active"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "America"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": 9}, "time_zone"),
        ({"report": "daily"}, "report"),
        ({"report": {"cadence": "yearly"}}, "report.cadence"),
        ({"report": {"hour": 24}}, "report.hour"),
        ({"report": {"hour": "8"}}, "report.hour"),
        ({"report": {"minute": 60}}, "report.minute"),
        ({"report": {"cadence": "cron"}}, "report.cron"),
        ({"report": {"cadence": "cron", "cron": "0 8 30 2 *"}}, "report.cron"),
        ({"report": {"covers": "everything"}}, "report.covers"),
        ({"report": {"weekday": "someday"}}, "report.weekday"),
        ({"report": {"kind": "No/Such"}}, "report.kind"),
        ({"report": {"sandbox": "true"}}, "report.sandbox"),
        ({"next_report_at": "tomorrow"}, "next_report_at"),
        ({"next_report_at": datetime(1, 1, 1, tzinfo=UTC)}, "next_report_at"),
        ({"reported_until": datetime(9999, 12, 31, tzinfo=UTC)}, "reported_until"),
        ({"name": ["Ada"]}, "name"),
    ],
)
def test_a_bad_field_is_named_and_its_value_is_not_repeated(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidUser, match=named) as caught:
        read(**fields)
    assert "\n" not in str(caught.value)
    for value in fields.values():
        assert not isinstance(value, str) or value in {"", "true"} or value not in str(caught.value)


def test_a_cron_line_is_read_where_the_cadence_is_cron() -> None:
    by_cron = read(report={"cadence": "cron", "cron": "15 6 * * 1-5", "covers": "since-last"}).schedule
    assert by_cron.after(datetime(2026, 11, 20, 12, tzinfo=UTC)) == datetime(2026, 11, 23, 6, 15, tzinfo=UTC)
    assert by_cron.covers is Covers.SINCE_LAST
    daily = read(report={"cadence": "daily", "cron": "left over", "minute": 30}).schedule
    assert daily.after(datetime(2026, 11, 20, 12, tzinfo=UTC)) == datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def test_what_a_field_must_be_is_said_in_the_words_of_the_documentation() -> None:
    with pytest.raises(InvalidUser) as caught:
        User.from_document("u1", {"active": 1, "report": "daily", "time_zone": "Mars"}, Cadence.HOURLY)
    assert str(caught.value) == (
        "email: is missing, and must be an e-mail address; active: must be true or false; "
        "time_zone: must be a name of the IANA database, such as Asia/Tokyo; report: must be a map"
    )


def test_every_field_of_a_user_is_documented_and_described() -> None:
    table = (REPOSITORY / "docs/configuration.md").read_text().partition("## A user")[2]
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE))
    assert documented == MUST_BE.keys() - {"report"}
    of_the_report = {f"report.{name}" for name in _Report.model_fields}
    assert MUST_BE.keys() == _Document.model_fields.keys() | of_the_report


def test_an_unusable_user_still_has_a_schedule_to_move_on_by() -> None:
    with pytest.raises(InvalidUser) as caught:
        read(time_zone="Mars/Olympus", report={"cadence": "daily", "hour": 6})
    assert caught.value.schedule.cadence is Cadence.DAILY
    assert caught.value.schedule.time_zone == ZoneInfo("UTC")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC))
    | st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)


@given(
    document=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("email", "name", "active", "time_zone", "locale", "report", "next_report_at", "reported_until"), anything
        ),
    )
)
def test_no_document_does_worse_than_being_refused(document: dict[str, Any]) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    try:
        schedule = User.from_document("u1", document, Cadence.DAILY).schedule
    except InvalidUser as error:
        schedule = error.schedule
    assert schedule.after(now) > now
