"""Records the history of a scenario from Firestore, the inbox and the alerts, as an observer from outside can."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from functions.shared.records.address_hash import address_hash
from functions.shared.records.dead_letter import StoredDeadLetter
from local_pipeline.inbox.mail import Envelope, Mail
from proof.faults.invariants import AcceptedMail, DeadLetter, Delivery, History, Pause, SubscriptionHistory
from proof.faults.mail_rules import MailNews, Silence, StoredNews, silences_by_news
from proof.faults.mailbox import copy_in, token_of, without_links
from proof.faults.slack import read_message
from proof.faults.subscribers import KnownSubscription, email_of
from proof.faults.subscription_key import SubscriptionKey
from proof.faults.webhook_gate import PassedOn
from proof.faults.world import World


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
    unsubscribed: Sequence[Silence] = (),
    resumed: Mapping[SubscriptionKey, datetime] | None = None,
    changed_by_repeats: Collection[str] = (),
    undecidable: frozenset[str] = frozenset(),
    is_provable: bool = True,
    hears_all: bool = True,
    names_all_copies: bool = True,
) -> History:
    """Read the history.

    Args:
        world: where.
        known: the scenario's subscriptions, all but the malformed ones.
        malformed_users: see History.
        malformed_subscriptions: see History.
        runs: see History.
        mails_before: how many emails the inbox had before the scenario.
        expected_alerts: see History.
        endings: see History.
        unknown: see History.
        most_reports: see History.
        unsubscribed: who has unsubscribed by the link of an email, and from what.
        resumed: when a person resumed subscriptions that events have paused.
        changed_by_repeats: see History.
        undecidable: see History.
        is_provable: see History.
        hears_all: whether the application must hear of each report.
        names_all_copies: see History.
    """
    await world.application.listen()
    users = await world.documents("users")
    subscriptions = await world.subscriptions()
    letters = await world.documents("dead_letters")
    deliveries = [
        _delivery(delivery_id, fields) for delivery_id, fields in (await world.documents("deliveries")).items()
    ]
    news = [_news(each) for each in world.webhook_gate.passed_on]
    owners = {delivery.id: delivery.key.user_id for delivery in deliveries}
    by_news = list(silences_by_news(news, known, owners, resumed or {}))
    accepted = [_mail(world.inbox.mails.read(envelope.id), world) for envelope in world.inbox.mails[mails_before:]]
    accepted += [_dropped(envelope, world) for envelope in world.inbox.dropped]
    accepted += [
        AcceptedMail(
            delivery_id=delivery_id,
            recipient=destination,
            is_of_user=False,
            can_unsubscribe_user=False,
            copy=copy_in(content),
            text=without_links(text),
        )
        for destination, delivery_id, content, text in world.received()
    ]
    return History(
        runs=runs,
        subscriptions=[
            _subscription(key, each, subscriptions[key], by_news)
            for key, each in known.items()
            if key in subscriptions and (each.pauses or users.get(key.user_id, {}).get("active"))
        ],
        deliveries=deliveries,
        accepted=accepted,
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
        silences=[*unsubscribed, *by_news],
        news=news,
        records={each: _record(fields) for each, fields in (await world.documents("mail_events")).items()},
        left_out={
            key: frozenset(
                address_hash(silence.recipient)
                for silence in (*by_news, *unsubscribed)
                if silence.key == key and not silence.until and silence.recipient in each.recipients(key.user_id)
            )
            for key, each in known.items()
        },
        changed_by_repeats=changed_by_repeats,
        inquired=frozenset(world.inquired() & {delivery.id for delivery in deliveries}),
        told_by_log=frozenset(world.told_by_log()),
        undecidable=undecidable,
        is_provable=is_provable,
        other_requests=tuple(world.inbox.resend.other_requests),
        told=dict(world.application.heard) if hears_all else None,
        copies=world.copies,
        names_all_copies=names_all_copies,
    )


def _subscription(
    key: SubscriptionKey, known: KnownSubscription, fields: Mapping[str, Any], silences: Sequence[Silence]
) -> SubscriptionHistory:
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
        pauses=[*known.pauses, *_pauses_by_news(key, known, silences)],
        is_empty=known.is_empty,
        objecting=frozenset(_objecting(fields)),
    )


def _objecting(fields: Mapping[str, Any]) -> Iterator[str]:
    for hashed, objection in (fields.get("objections") or {}).items():
        taken_back = [at for at in (objection.get("cleared_at"), fields.get("resumed_at")) if at is not None]
        if "at" in objection and all(objection["at"] > each for each in taken_back):
            yield hashed


def _pauses_by_news(key: SubscriptionKey, known: KnownSubscription, silences: Sequence[Silence]) -> list[Pause]:
    """A subscription is paused when none of those is left whom its report is for. The run that sees its end sends what
    is due at the run's own time."""
    left = set(known.addresses.get("to") or [email_of(key.user_id)])
    for silence in silences:
        if silence.key == key and silence.recipient in left:
            left.remove(silence.recipient)
            if not left:
                until = silence.until and silence.until.replace(minute=0, second=0, microsecond=0)
                return [Pause(since=silence.since, until=until)]
    return []


def _mail(mail: Mail, world: World) -> AcceptedMail:
    token = token_of(mail.headers)
    can_unsubscribe_user = token is not None and not token.copy_of
    text = mail.text or ""
    return replace(
        _dropped(mail.envelope, world),
        can_unsubscribe_user=can_unsubscribe_user,
        copy=copy_in(text),
        text=without_links(text),
    )


def _dropped(envelope: Envelope, world: World) -> AcceptedMail:
    """An email that the provider has accepted. Only its envelope is kept."""
    (recipient,) = envelope.to
    delivery_id = envelope.custom_args["delivery_id"]
    is_of_user = recipient.email == email_of(delivery_id.partition(":")[0])
    return AcceptedMail(
        delivery_id=delivery_id,
        recipient=recipient.email,
        is_of_user=is_of_user,
        can_unsubscribe_user=is_of_user,
        claimed_at=max((at for at in world.claims[delivery_id] if at <= envelope.received_at), default=None),
    )


_STATUSES = {
    **{each: each for each in ("processed", "deferred", "delivered", "dropped")},
    "bounce": "bounced",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
_ON_A_LIST = {"Bounced Address", "Spam Reporting Address"}


def _news(passed: PassedOn) -> MailNews:
    event = passed.event
    status = "blocked" if event.get("type") == "blocked" else _STATUSES[event["event"]]
    return MailNews(
        delivery_id=event["delivery_id"],
        recipient=event["email"],
        status=status,
        at=datetime.fromtimestamp(event["timestamp"], UTC),
        ends_mail=status in {"bounced", "complained", "unsubscribed"} or event.get("reason") in _ON_A_LIST,
        stored_at=passed.answered_at,
    )


def _record(fields: Mapping[str, Any]) -> StoredNews:
    moments = {
        (recipient, status): sighting["at"]
        for recipient, sightings in fields["recipients"].items()
        for status, sighting in sightings.items()
    }
    return StoredNews(status=fields["status"], moments=moments)


def _delivery(delivery_id: str, fields: Mapping[str, Any]) -> Delivery:
    return Delivery(
        id=delivery_id,
        key=SubscriptionKey(fields["user_id"], fields["subscription_id"]),
        due_at=fields["due_at"],
        state=fields["state"],
        reason=fields.get("reason") or "",
        note=fields.get("note") or "",
        was_unknown=any(each["result"] in {"claimed", "unclear"} for each in fields.get("history") or ()),
        keeps_requests=fields.get("request") is not None,
        archived_as=fields.get("archived_as") or "",
        archived_later=fields.get("archived_later") or "",
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
        is_settled=fields["state"] == "settled",
        is_alerted=bool(fields["alerts"]),
        problem=StoredDeadLetter.from_fields(letter_id, fields).problem,
    )
