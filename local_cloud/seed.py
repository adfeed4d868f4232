"""Puts the sample users and their subscriptions into Firestore."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from google.cloud.firestore_v1.async_client import AsyncClient

from local_cloud.run_view import SubscriptionKey
from local_cloud.sample_users import SampleSubscription, SampleUser

_WRITES_A_COMMIT = 400
_COMMITS_IN_FLIGHT = 4


@dataclass(kw_only=True)
class Seeded:
    """The sample data that was written, and what the first run must do with it.

    Attributes:
        subscriptions: each, by its key.
        new_users: the number of users that the first run must enroll.
    """

    subscriptions: dict[SubscriptionKey, SampleSubscription] = field(default_factory=dict)
    new_users: int = 0

    @property
    def due(self) -> int:
        """The number of reports that the first run must find due."""
        return sum(subscription.state is not None for subscription in self.subscriptions.values())

    @property
    def unscheduled(self) -> int:
        """The number of subscriptions that the first run must schedule."""
        return sum(each.document is not None and not each.is_scheduled for each in self.subscriptions.values())


async def put_in(client: AsyncClient, users: Iterable[SampleUser], *, on_user: Callable[[], None]) -> Seeded:
    """Write users and what is stored under them.

    Args:
        client: where to.
        users: the users.
        on_user: called for each of them, for a progress bar.
    """
    seeded = Seeded()
    running: set[asyncio.Task[object]] = set()
    batch = client.batch()
    writes = 0
    for user in users:
        reference = client.collection("users").document(user.id)
        batch.set(reference, user.document)
        seeded.new_users += user.is_new
        for subscription in user.subscriptions:
            seeded.subscriptions[SubscriptionKey(user.id, subscription.id)] = subscription
            if subscription.document is not None:
                batch.set(reference.collection("report_subscriptions").document(subscription.id), subscription.document)
        for number, event in enumerate(user.events):
            batch.set(reference.collection("events").document(f"e{number}"), event)
        for week, figures in user.event_figures.items():
            batch.set(reference.collection("event_figures").document(week), figures)
        for week, figures in user.usage_figures.items():
            batch.set(reference.collection("usage_figures").document(week), figures)
        for quota_id, quota in user.quotas.items():
            batch.set(reference.collection("quotas").document(quota_id), quota)
        for number, usage in enumerate(user.usage):
            batch.set(reference.collection("usage").document(f"x{number}"), usage)
        on_user()
        writes += 1 + len(user.subscriptions) + len(user.events) + len(user.event_figures)
        writes += len(user.quotas) + len(user.usage) + len(user.usage_figures)
        if writes >= _WRITES_A_COMMIT:
            running.add(asyncio.create_task(batch.commit()))
            batch, writes = client.batch(), 0
            if len(running) >= _COMMITS_IN_FLIGHT:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
    if writes:
        running.add(asyncio.create_task(batch.commit()))
    await asyncio.gather(*running)
    return seeded
