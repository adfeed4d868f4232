"""Checks whether a run went as it should, from its input and its results. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from local_pipeline.run_view import DeadLetter, Delivery, SubscriptionKey
from local_pipeline.sample_users import SampleSubscription
from local_pipeline.seed import Seeded


class Mailed(NamedTuple):
    """An email that was accepted: its delivery and its recipient."""

    delivery_id: str
    recipient: str


def problems(
    *,
    seeded: Seeded,
    counters: Mapping[str, Any],
    deliveries: Sequence[Delivery],
    paused: Mapping[SubscriptionKey, str],
    dead_letters: Sequence[DeadLetter],
    mailed: Iterable[Mailed] | None,
    received: Iterable[str],
    became: Mapping[str, int] | None,
) -> list[str]:
    """The problems of a run, a line each; none if all is well.

    Args:
        seeded: the sample data, and what the run must do with it.
        counters: what the dispatcher counted.
        deliveries: the run's.
        paused: the reason of each paused subscription.
        dead_letters: what was kept of failures.
        mailed: the emails that were accepted; None if another server took them.
        received: the deliveries that came to a destination beside email, once for each time.
        became: how many deliveries' emails are delivered, bounced and so on; None where that is not known.
    """
    found = [
        f"the dispatcher counted {counters[name]} {what}, not {wanted}"
        for name, what, wanted in (
            ("errors", "errors", 0),
            ("enrolled", "users that it enrolled", seeded.new_users),
            ("scheduled", "subscriptions that it scheduled", seeded.unscheduled),
        )
        if counters[name] != wanted
    ]
    found += _wrong_states(seeded.subscriptions, deliveries)
    found += _wrong_pauses(seeded.subscriptions, paused)
    found += _untold(deliveries, dead_letters)
    if mailed is not None:
        found += _wrong_mails(seeded.subscriptions, deliveries, list(mailed))
    elsewhere = {key for key, each in seeded.subscriptions.items() if each.is_elsewhere}
    found += _wrong_elsewhere(elsewhere, deliveries, Counter(received))
    sent = sum(each.state == "sent" and each.subscription not in elsewhere for each in deliveries)
    if became is not None and (known := sum(became.values())) != sent:
        found.append(f"what became of the emails is known of {known} reports, and {sent} are sent")
    return found


def _wrong_states(
    subscriptions: Mapping[SubscriptionKey, SampleSubscription], deliveries: Sequence[Delivery]
) -> Iterator[str]:
    counts = Counter(delivery.subscription for delivery in deliveries)
    yield from (f"subscription {key} has {count} deliveries in one run" for key, count in counts.items() if count > 1)
    states = {delivery.subscription: delivery.state for delivery in deliveries}
    for key, subscription in subscriptions.items():
        if subscription.state is not None and (actual := states.get(key)) not in subscription.state.split(" or "):
            yield f"the report of subscription {key} should be {subscription.state}, but {_is(actual)}"
    for key in states:
        if key not in subscriptions or subscriptions[key].state is None:
            yield f"subscription {key} should have got no report"


def _wrong_pauses(
    subscriptions: Mapping[SubscriptionKey, SampleSubscription], paused: Mapping[SubscriptionKey, str]
) -> Iterator[str]:
    for key, subscription in subscriptions.items():
        actual = paused.get(key, "")
        if subscription.paused_because not in {actual, None}:
            yield (f"subscription {key} should be {_paused(subscription.paused_because)}, but is {_paused(actual)}")


def _untold(deliveries: Sequence[Delivery], dead_letters: Sequence[DeadLetter]) -> Iterator[str]:
    letters = {letter.id: letter for letter in dead_letters}
    for delivery in deliveries:
        if delivery.state != "dead":
            continue
        letter = letters.get(delivery.id)
        if letter is None:
            yield f"{delivery.id} is dead, but no dead letter was kept"
        elif not letter.alerted:
            yield f"no one was told of the dead letter {delivery.id}"


def _wrong_mails(
    subscriptions: Mapping[SubscriptionKey, SampleSubscription],
    deliveries: Sequence[Delivery],
    mailed: Sequence[Mailed],
) -> Iterator[str]:
    mails = Counter(mailed)
    yield from (
        f"{mail.delivery_id} was mailed {count} times to one address" for mail, count in mails.items() if count > 1
    )
    recipients: dict[str, set[str]] = {}
    for mail in mails:
        recipients.setdefault(mail.delivery_id, set()).add(mail.recipient)
    for delivery in deliveries:
        actual = recipients.get(delivery.id, set())
        if delivery.state != "sent" and actual:
            yield f"{delivery.id} was mailed, but is {delivery.state}"
        elif delivery.state == "sent" and delivery.subscription in subscriptions:
            wanted = set(subscriptions[delivery.subscription].recipients)
            yield from (f"{delivery.id} is sent, but no email came to {address}" for address in sorted(wanted - actual))
            yield from (f"{delivery.id} was mailed to {address}, who should not get it" for address in actual - wanted)


def _wrong_elsewhere(
    elsewhere: Collection[SubscriptionKey], deliveries: Sequence[Delivery], received: Mapping[str, int]
) -> Iterator[str]:
    for delivery in deliveries:
        wanted = int(delivery.state == "sent" and delivery.subscription in elsewhere)
        if (times := received.get(delivery.id, 0)) != wanted:
            yield f"{delivery.id} came {times} times to its destination, not {wanted}"


def _is(state: str | None) -> str:
    return f"is {state}" if state else "has no delivery"


def _paused(because: str | None) -> str:
    return f"paused ({because})" if because else "not paused"
