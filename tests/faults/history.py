"""Records the history of a scenario from Firestore, the inbox and the alerts, as an observer from outside can."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from local_cloud.inbox.mail import Mail
from tests.faults.invariants import AcceptedMail, DeadLetter, Delivery, History, SubscriptionHistory
from tests.faults.slack import read_message
from tests.faults.subscribers import KnownSubscription, email_of
from tests.faults.subscription_key import SubscriptionKey
from tests.faults.world import UNSUBSCRIBE_URL, World


async def read_history(
    world: World,
    *,
    known: Mapping[SubscriptionKey, KnownSubscription],
    malformed_users: Collection[str],
    malformed_subscriptions: Collection[SubscriptionKey],
    runs: Sequence[datetime],
    mails_before: int,
    expected_alerts: frozenset[str],
    endings: Mapping[str, frozenset[str]],
    unknown: Mapping[str, int],
    most_reports: int | None,
) -> History:
    """Read the history.

    Args:
        world: where.
        known: the scenario's subscriptions, all but the malformed ones.
        malformed_users: see History.
        malformed_subscriptions: see History.
        runs: see History.
        mails_before: how many mails the inbox had before the scenario.
        expected_alerts: see History.
        endings: see History.
        unknown: see History.
        most_reports: see History.
    """
    users = await world.documents("users")
    subscriptions = await world.subscriptions()
    letters = await world.documents("dead_letters")
    deliveries = await world.documents("deliveries")
    return History(
        runs=runs,
        subscriptions=[
            _subscription(key, each, subscriptions[key])
            for key, each in known.items()
            if key in subscriptions and (each.pauses or users.get(key.user_id, {}).get("active"))
        ],
        deliveries=[_delivery(delivery_id, fields) for delivery_id, fields in deliveries.items()],
        accepted=[_mail(world.inbox.mails.read(envelope.id)) for envelope in world.inbox.mails[mails_before:]],
        dead_letters=[_dead_letter(letter_id, fields) for letter_id, fields in letters.items()],
        alerts=[read_message(message.payload) for message in world.inbox.slack_messages],
        system_alerts=len(await world.documents("system_alerts")),
        expected_alerts=expected_alerts,
        moves=world.moves.of_subscriptions(),
        malformed_users=malformed_users,
        malformed_subscriptions=malformed_subscriptions,
        endings=endings,
        unknown=unknown,
        most_reports=most_reports,
    )


def _subscription(key: SubscriptionKey, known: KnownSubscription, fields: Mapping[str, Any]) -> SubscriptionHistory:
    return SubscriptionHistory(
        key=key,
        plan=known.plan,
        former_plan=known.former_plan,
        recipients=known.recipients(key.user_id),
        first_due_at=known.first_due_at,
        first_reported_until=known.first_reported_until,
        is_marked=known.is_marked,
        next_report_at=fields.get("next_report_at"),
        reported_until=fields.get("reported_until"),
        postponed_to=known.postponed_to,
        pauses=known.pauses,
        is_empty=known.is_empty,
    )


def _mail(mail: Mail) -> AcceptedMail:
    (recipient,) = mail.envelope.to
    delivery_id = mail.envelope.custom_args["delivery_id"]
    shown = "\n".join([mail.text or "", mail.html or "", *mail.headers.values()])
    return AcceptedMail(
        delivery_id=delivery_id,
        recipient=recipient.email,
        is_of_user=recipient.email == email_of(delivery_id.partition(":")[0]),
        can_unsubscribe_user=UNSUBSCRIBE_URL.partition("?")[0] in shown,
    )


def _delivery(delivery_id: str, fields: Mapping[str, Any]) -> Delivery:
    return Delivery(
        id=delivery_id,
        key=SubscriptionKey(fields["user_id"], fields["subscription_id"]),
        due_at=fields["due_at"],
        state=fields["state"],
        reason=fields.get("reason") or "",
        period_start=fields.get("period_start"),
        period_end=fields.get("period_end"),
    )


def _dead_letter(letter_id: str, fields: Mapping[str, Any]) -> DeadLetter:
    payload = fields["payload"]
    return DeadLetter(
        id=letter_id,
        delivery_id=payload.get("delivery_id", ""),
        key=SubscriptionKey(payload.get("user_id", ""), payload.get("subscription_id", "")),
        reason=fields["reason"],
        is_open=fields["state"] == "open",
    )
