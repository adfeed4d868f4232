"""Sends a subscription's report as a test, to one address alone."""

import secrets
from dataclasses import dataclass

from functions.shared.named_brand import brand_name_of
from functions.shared.records.subscription import Subscription
from functions.shared.times.period import Period
from operations.previews import preview as previews
from operations.previews.preview_period import next_period
from operations.previews.preview_subject import read_subject
from operations.previews.session_preview import build_live
from operations.session import Session


@dataclass(frozen=True, kw_only=True)
class SentTest:
    """A test that was sent, or that there was nothing to send.

    Attributes:
        subject: the email's; empty where there was nothing to send.
        message_id: the email's id at the provider; may be empty.
        is_sandbox: whether the provider only checks the email.
        nothing: why there was nothing to send; None where there was.
    """

    subscription: Subscription
    period: Period
    subject: str = ""
    message_id: str = ""
    is_sandbox: bool = False
    nothing: previews.NothingToSend | None = None


def send_test_report(
    session: Session, user_id: str, subscription_id: str | None, address: str, *, by_next: bool = False
) -> SentTest:
    """Send a report as a test: no delivery, and nothing changes.

    Args:
        subscription_id: the subscription; None for the only one.

    Raises:
        OperatorError: there is no such user or subscription, the report cannot be built, or the provider refuses it.
        google.api_core.exceptions.GoogleAPIError: Firestore cannot be asked.
    """
    whose, which = read_subject(session.firestore, user_id, subscription_id, kind=None, defaults=session.defaults)
    deployed = previews.provider_variables(session.target.find, session.look_up_secret)
    variables = previews.brand_variables(deployed, brand_name_of(whose.fields))
    settings = previews.test_settings(variables)
    covered = next_period(which, which.schedule(whose), session.now())
    delivery = f"test-{secrets.token_hex(8)}"
    mail = build_live(session, whose, which, covered, settings=settings, delivery=delivery, is_next=by_next)
    if isinstance(mail, previews.NothingToSend):
        return SentTest(subscription=which, period=covered, nothing=mail)
    return SentTest(
        subscription=which,
        period=covered,
        subject=mail.subject,
        message_id=previews.send_test(mail, address, variables, now=session.now),
        is_sandbox=bool(which.sandbox or settings.mail_sandbox),
    )
