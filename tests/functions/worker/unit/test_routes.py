"""Which way a report has taken that may have been sent."""

from datetime import UTC, datetime

import pytest

from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.settings import WorkerSettings
from functions.worker.destinations.email.provider import ChosenProvider
from functions.worker.email_routes import email_routes
from functions.worker.routes import Routes
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
        # Before deliveries had this field.
        ("", "labs", ""),
    ],
)
def test_a_report_is_made_again_by_the_account_and_if_it_can_be_as_the_brand(
    provider: str, brand: str | None, way: str
) -> None:
    brands = {"acme": {"account": "acme"}, "acme-beta": {"account": "acme"}, "labs": {}}
    settings = WorkerSettings.model_validate(
        {**NEEDED, "mail_provider": "resend", "brands": brands, "mail_accounts": {"acme": "re_acme"}}
    )
    chosen = ChosenProvider.from_variables(settings, {"RESEND_API_KEY": "re_own"})
    ways = email_routes(
        chosen, settings, mail_record=lambda _id: None, tell=lambda _alert: None, now=lambda: datetime.now(UTC)
    )
    delivery = Delivery("d", DeliveryState.SENDING, None, provider=provider)
    assert Routes(ways[""], None, ways).of(delivery, user(brand=brand)) is ways[way]
