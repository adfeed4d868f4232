"""Whatever asks whether a report goes to an address knows every list of addresses that a subscription has."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.mail_events.address_events import fields_for_event
from functions.preferences.changes import gets_copies, without_address
from functions.shared.records.address_hash import address_hash
from functions.shared.records.ids import delivery_id, run_id
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.recipient_pauses import Stored
from functions.shared.records.recipients import RecipientRole, recipients
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import ADDRESS_LISTS, PauseReason, Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence
from functions.worker.attempt import Attempt
from functions.worker.compose import wanting
from functions.worker.outcome_inquiry import wanted_mail
from functions.worker.task_delivery import TaskDelivery
from operations.subscriptions.subscriptions import subscription_row

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.DAILY)
USER = User.from_fields("u1", {"email": "ada@example.com", "active": True})
THEIR = "Boss@example.com"


def with_address(name: str, **fields: Any) -> Subscription:
    """A subscription of which one list has the address."""
    others = {"to": ["other@example.com"]} | {name: [THEIR]}
    return Subscription.from_fields("u1", "default", {**others, **fields}, DEFAULTS, version=NOW)


def test_each_list_is_a_role() -> None:
    assert set(ADDRESS_LISTS) == set(RecipientRole)


@pytest.mark.parametrize("name", ADDRESS_LISTS)
@pytest.mark.parametrize("because", [PauseReason.BOUNCED, PauseReason.COMPLAINED, PauseReason.UNSUBSCRIBED])
def test_an_event_of_an_address_in_a_list_keeps_mail_from_it(name: str, because: PauseReason) -> None:
    before = with_address(name)
    assert [each.address for each in wanting(USER, before)].count(THEIR) == 1
    event = MailEvent("d1", address_hash(THEIR), MailStatus.BOUNCED, NOW, pauses=because)
    fields = fields_for_event(USER, before, event, now=NOW)
    after = with_address(name, **fields)
    assert after.is_paused(NOW) or THEIR not in [each.address for each in wanting(USER, after)]


@pytest.mark.parametrize("name", ADDRESS_LISTS)
def test_an_address_in_a_list_can_stop_its_mails(name: str) -> None:
    before = with_address(name)
    assert gets_copies(before, address_hash(THEIR), now=NOW)
    stored = Stored(user=USER, subscription=before, document={"to": ["other@example.com"], name: [THEIR]})
    after = with_address(name, **without_address(stored, address_hash(THEIR), now=NOW))
    assert not gets_copies(after, address_hash(THEIR), now=NOW)


@pytest.mark.parametrize("name", ADDRESS_LISTS)
def test_an_inquiry_about_an_unknown_outcome_asks_for_it(name: str) -> None:
    task = ReportTask(
        user_id="u1",
        subscription_id="default",
        delivery_id=delivery_id("u1", "default", NOW),
        due_at=NOW,
        run_id=run_id(NOW),
        kind="activity",
    )
    attempt = Attempt(number=1, task_name="t", last=False, started_at=NOW)
    work = TaskDelivery(task, attempt, "owner", None, USER, with_address(name))
    assert THEIR in wanted_mail(work).addresses


@pytest.mark.parametrize("name", ADDRESS_LISTS)
def test_the_operator_sees_it(name: str) -> None:
    subscription = with_address(name)
    assert subscription_row(subscription, None, now=NOW, with_addresses=True)[name] == [THEIR]
    assert THEIR in [each.address for each in recipients(subscription, USER)]


def test_the_users_own_address_stands_where_there_is_no_other_in_to() -> None:
    subscription = Subscription.from_fields("u1", "default", {"cc": ["ADA@example.com", THEIR]}, DEFAULTS)
    assert recipients(subscription, USER) == [("ada@example.com", RecipientRole.TO), (THEIR, RecipientRole.CC)]
    assert recipients(subscription, None) == [("ADA@example.com", RecipientRole.CC), (THEIR, RecipientRole.CC)]
