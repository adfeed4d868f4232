"""What a kind of report is asked for: the subscription's word counts, then the user's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.shared.times.period import Period
from functions.worker.firestore_user_data import FirestoreUserData
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.report import PermanentError
from report_kit.request import ReportRequest
from tests.functions.worker.unit.samples import PERIOD, mail, subscription, user

NO_DATABASE: Any = None


def request(
    period: Period = PERIOD, *, of: Mapping[str, Any] | None = None, by: Mapping[str, Any] | None = None
) -> ReportRequest:
    return ReportRequest(
        user=user(**(of or {})), subscription=subscription(**(by or {})), period=period, data=InMemoryUserData({})
    )


@pytest.mark.parametrize(
    ("of", "by", "zone", "locale"),
    [
        ({}, {}, "UTC", "en"),
        ({"time_zone": "Asia/Tokyo", "locale": "ja"}, {}, "Asia/Tokyo", "ja"),
        ({"time_zone": "Asia/Tokyo", "locale": "ja"}, {"locale": "en"}, "Asia/Tokyo", "en"),
        ({"time_zone": "Asia/Tokyo", "locale": "ja"}, {"time_zone": "America/Lima"}, "America/Lima", "ja"),
        ({}, {"time_zone": "Asia/Tokyo", "locale": "ja"}, "Asia/Tokyo", "ja"),
    ],
)
def test_the_subscriptions_zone_and_locale_come_before_the_users(
    of: dict[str, Any], by: dict[str, Any], zone: str, locale: str
) -> None:
    asked = request(of=of, by=by)
    assert (asked.time_zone.key, asked.locale) == (zone, locale)


def test_a_report_is_written_in_the_subscriptions_zone_and_language() -> None:
    day = Period(datetime(2026, 11, 23, 15, tzinfo=UTC), datetime(2026, 11, 24, 15, tzinfo=UTC))
    made = mail("activity", {}, day, of={"time_zone": "UTC"}, by={"time_zone": "Asia/Tokyo", "locale": "ja"})
    assert "11月24日(火)" in made.subject
    assert "Asia/Tokyo" in made.text
    assert '<html lang="ja"' in made.html


def test_the_kind_is_given_the_options_as_they_are_stored() -> None:
    assert request(by={"options": {"at_least": 5, "region": None}}).options == {"at_least": 5, "region": None}


@pytest.mark.parametrize(
    ("cadence", "start", "end", "before"),
    [
        ("hourly", "2026-11-24T13:00", "2026-11-24T14:00", "2026-11-24T12:00"),
        ("daily", "2026-11-24T00:00", "2026-11-25T00:00", "2026-11-23T00:00"),
        ("monthly", "2026-03-01T00:00", "2026-04-01T00:00", "2026-02-01T00:00"),
        ("quarterly", "2026-04-01T00:00", "2026-07-01T00:00", "2026-01-01T00:00"),
        # A missed run, caught up.
        ("hourly", "2026-11-24T13:00", "2026-11-24T16:00", "2026-11-24T10:00"),
    ],
)
def test_a_report_is_compared_with_the_period_before(cadence: str, start: str, end: str, before: str) -> None:
    first, last, earlier = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end, before))
    asked = request(Period(first, last), by={"cadence": cadence})
    assert asked.previous_period == Period(earlier, first)


@pytest.mark.parametrize("sandbox", [True, False])
def test_the_subscription_says_whether_the_provider_delivers_the_mail(sandbox: bool) -> None:
    assert mail("activity", {}, by={"sandbox": sandbox}).sandbox is sandbox


def test_a_kind_reads_its_own_settings() -> None:
    asked = replace(request(), settings={"CURRENCY": "EUR"})
    assert asked.setting("CURRENCY") == "EUR"
    with pytest.raises(PermanentError, match=r"needs\.yaml declares no CURENCY, but CURRENCY"):
        asked.setting("CURENCY")
    with pytest.raises(PermanentError, match=r"needs\.yaml declares no CURRENCY, but nothing"):
        request().setting("CURRENCY")


def test_a_sample_has_no_firestore() -> None:
    with pytest.raises(PermanentError, match="there is no Firestore here"):
        _ = request().firestore


def test_a_service_is_asked_where_there_are_users() -> None:
    asked = replace(
        request(), data=FirestoreUserData(NO_DATABASE, "u1", 1.0), settings={"SHOP_URL": "https://shop.example"}
    )
    assert asked.ask(lambda settings, path: settings["SHOP_URL"] + path, "/orders") == "https://shop.example/orders"


@pytest.mark.parametrize("skip_empty", [True, False])
def test_the_subscription_says_whether_nothing_is_worth_a_mail(skip_empty: bool) -> None:
    assert request(by={"skip_empty": skip_empty}).skip_empty is skip_empty
