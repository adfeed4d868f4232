"""Emails as the worker makes them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from functions.worker.compose import compose
from functions.worker.destinations.email.compliance import MailCompliance
from functions.worker.destinations.email.model import Mail
from functions.worker.kind_settings import local_settings
from report_kit.in_memory_user_data import Documents, InMemoryUserData
from report_kit.kinds import sample

PERIOD = Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
COMPLIANCE = MailCompliance(sender="reports@example.com")
ADA = {"email": "ada@example.com", "name": "Ada", "active": True}


def user(**fields: Any) -> User:
    """The user whose document has these fields beside Ada's."""
    return User.from_fields("u1", {**ADA, **fields})


def subscription(**fields: Any) -> Subscription:
    """The subscription whose document has these fields; to a daily report where they do not say."""
    return Subscription.from_fields("u1", "s1", fields, SubscriptionDefaults("activity", Cadence.DAILY))


def mail(
    kind: str,
    stored: Documents,
    period: Period = PERIOD,
    *,
    of: Mapping[str, Any] | None = None,
    by: Mapping[str, Any] | None = None,
    compliance: MailCompliance = COMPLIANCE,
) -> Mail:
    """The email with a report, which says so itself where there is nothing to report.

    Args:
        kind: of the report.
        stored: the user's data.
        period: what it covers.
        of: fields of the user.
        by: fields of the subscription.
        compliance: what every email has.
    """
    made = compose(
        kind,
        user(**(of or {})),
        subscription(skip_empty=False, **(by or {})),
        period,
        InMemoryUserData(stored),
        delivery_id="d1",
        run_id="r1",
        compliance=compliance,
        settings=local_settings(kind),
    )
    assert isinstance(made, Mail)
    return made


def mail_of_sample(kind: str, locale: str) -> Mail:
    """The email of a kind's sample, in a language."""
    return mail(kind, sample(kind, PERIOD).documents, of={"locale": locale})
