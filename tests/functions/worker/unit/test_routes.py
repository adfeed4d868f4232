"""Which way a report has taken that may have been sent."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.settings import MailProviderName, MailSettings, OnUnknownOutcome
from functions.worker.destinations.email.allowed_domains import EVERY_DOMAIN
from functions.worker.destinations.email.provider import ChosenProvider
from functions.worker.email_routes import email_routes
from functions.worker.routes import Routes
from tests.functions.worker.unit.samples import user


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
    mail = MailSettings.model_validate(
        {
            "mail_from": "a@b.example",
            "mail_provider": MailProviderName.RESEND,
            "brands": {"acme": {"account": "acme"}, "acme-beta": {"account": "acme"}, "labs": {}},
            "mail_accounts": {"acme": "re_acme"},
        }
    )
    ways = email_routes(
        ChosenProvider.from_variables(mail, {"RESEND_API_KEY": "re_own"}),
        mail_record=lambda _delivery_id: None,
        on_unknown_outcome=OnUnknownOutcome.DEAD_LETTER,
        settling=timedelta(minutes=30),
        is_sandbox=False,
        pause=timedelta(0),
        tell=lambda _alert: None,
        allowed=EVERY_DOMAIN,
        now=lambda: datetime.now(UTC),
    )
    delivery = Delivery("d", DeliveryState.SENDING, None, provider=provider)
    found = Routes(ways[""], None, ways).of(delivery, user(brand=brand))
    assert found is ways[way]
