"""Which way a report has taken that may have been sent."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.user import User
from functions.shared.settings import WorkerSettings
from functions.worker.destinations.email.provider import ChosenProvider
from functions.worker.email_routes import email_routes
from functions.worker.routes import Route, Routes
from tests.functions.worker.unit.samples import user
from tests.functions.worker.unit.test_allowed_domains import NEEDED


@pytest.mark.parametrize(
    ("provider", "brand", "way"),
    [
        ("resend", "labs", "labs"),
        ("resend", "acme", ""),
        ("resend", None, ""),
        ("resend/acme", "labs", "acme"),
        # Two brands share an account, and only the user's own makes the same bytes again.
        ("resend/acme", "acme-beta", "acme-beta"),
        ("resend/acme", "umbrella", "acme"),
        # Nothing is known of the delivery, as after a restore.
        ("", None, ""),
        ("", "labs", "labs"),
        ("", "acme", "acme"),
    ],
)
def test_a_report_is_made_again_by_the_account_and_if_it_can_be_as_the_brand(
    provider: str, brand: str | None, way: str
) -> None:
    ways = ways_of({"acme": {"account": "acme"}, "acme-beta": {"account": "acme"}, "labs": {}})
    delivery = Delivery("d", DeliveryState.SENDING, None, provider=provider)
    assert Routes(ways[""], None, ways).of(delivery, user(brand=brand), None) is ways[way]


@pytest.mark.parametrize(
    ("provider", "whose"),
    [
        pytest.param("", None, id="the user is gone"),
        pytest.param("", user(brand="umbrella"), id="nobody knows the brand"),
        pytest.param("resend/umbrella", user(brand="acme"), id="the account is gone"),
    ],
)
def test_no_other_account_is_asked(provider: str, whose: User | None) -> None:
    ways = ways_of({"acme": {"account": "acme"}})
    delivery = Delivery("d", DeliveryState.SENDING, None, provider=provider)
    assert Routes(ways[""], None, ways).of(delivery, whose, None).inquiry not in [
        each.inquiry for each in ways.values()
    ]


def test_where_there_is_one_account_it_is_asked_about_a_user_who_is_gone() -> None:
    ways = ways_of({"labs": {}})
    assert Routes(ways[""], None, ways).of(None, None, None) is ways[""]


def ways_of(brands: Mapping[str, Any]) -> dict[str, Route]:
    settings = WorkerSettings.model_validate(
        {**NEEDED, "mail_provider": "resend", "brands": brands, "mail_accounts": {"acme": "re_acme"}}
    )
    chosen = ChosenProvider.from_variables(settings, {"RESEND_API_KEY": "re_own"})
    return email_routes(
        chosen, settings, mail_record=lambda _id: None, tell=lambda _alert: None, now=lambda: datetime.now(UTC)
    )
