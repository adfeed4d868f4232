"""Puts the sample users and their subscriptions into Firestore."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.types import CommitRequest as CommitRequestWrapper

from local_cloud.firestore.messages import CommitRequest, Message
from local_cloud.firestore.native_values import set_value
from local_pipeline.run_view import SubscriptionKey
from local_pipeline.sample_users import SampleSubscription, SampleUser

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


async def put_in(
    client: FirestoreAsyncClient, database: str, users: Iterable[SampleUser], *, on_user: Callable[[], None]
) -> Seeded:
    """Write users and what is stored under them.

    Args:
        client: where to.
        database: the database's full name.
        users: the users.
        on_user: called for each of them, for a progress bar.
    """
    seeded = Seeded()
    running: set[asyncio.Task[object]] = set()
    commit = CommitRequest(database=database)
    for user in users:
        seeded.new_users += user.is_new
        for subscription in user.subscriptions:
            seeded.subscriptions[SubscriptionKey(user.id, subscription.id)] = subscription
        for path, fields in _documents(user):
            document = commit.writes.add().update
            document.name = f"{database}/documents/users/{path}"
            for name, value in fields.items():
                set_value(document.fields[name], value)
        on_user()
        if len(commit.writes) >= _WRITES_A_COMMIT:
            running.add(_send(client, commit))
            commit = CommitRequest(database=database)
            if len(running) >= _COMMITS_IN_FLIGHT:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
    running.add(_send(client, commit))
    await asyncio.gather(*running)
    return seeded


def _send(client: FirestoreAsyncClient, commit: Message) -> asyncio.Task[object]:
    return asyncio.create_task(client.commit(request=CommitRequestWrapper.wrap(commit)))


def _documents(user: SampleUser) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The documents of a user, each with its path below the users."""
    yield user.id, user.document
    for subscription in user.subscriptions:
        if subscription.document is not None:
            yield f"{user.id}/report_subscriptions/{subscription.id}", subscription.document
    own = {
        "events": {f"e{number}": event for number, event in enumerate(user.events)},
        "event_figures": user.event_figures,
        "usage_figures": user.usage_figures,
        "quotas": user.quotas,
        "usage": {f"x{number}": usage for number, usage in enumerate(user.usage)},
    }
    for collection, documents in {**user.documents, **own}.items():
        for document_id, fields in documents.items():
            yield f"{user.id}/{collection}/{document_id}", fields
