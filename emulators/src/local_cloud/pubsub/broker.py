"""All topics, subscriptions, snapshots and schemas. Passes messages from topics to subscriptions."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import grpc
from google.iam.v1 import policy_pb2
from google.pubsub_v1 import types

from local_cloud.clock import Clock
from local_cloud.pubsub.messages import Message
from local_cloud.pubsub.names import DELETED_SCHEMA, DELETED_TOPIC, project_of, short_name
from local_cloud.pubsub.schema_store import SchemaStore
from local_cloud.pubsub.subscriptions import Subscription
from local_cloud.rpc import RpcError

SNAPSHOT_LIFETIME = timedelta(days=7)

Push = Callable[[Subscription], Coroutine[Any, Any, None]]

Resource = TypeVar("Resource")

Copies = Callable[[str, Message], int]
"""How often a message is put into the subscription of that name."""


@dataclass(eq=False)
class Topic:
    """A topic, and the messages that it retains for a seek."""

    config: Any
    retained: deque[Message] = field(default_factory=deque)
    policy: policy_pb2.Policy = field(default_factory=policy_pb2.Policy)


@dataclass(eq=False)
class Snapshot:
    """The messages that were unacknowledged when it was made, and those published since."""

    config: Any
    messages: list[Message]
    policy: policy_pb2.Policy = field(default_factory=policy_pb2.Policy)


class Broker:
    """The state that the gRPC services read and change.

    Args:
        clock: the local cloud's time.
        push: runs for as long as a subscription lives, and pushes its messages while it has an endpoint.

    Attributes:
        copies: how often each message is delivered to each subscription: 1, until a test of duplicate deliveries
            puts another function here.
    """

    def __init__(self, clock: Clock, push: Push) -> None:
        self.clock = clock
        self._push = push
        self.topics: dict[str, Topic] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.schemas = SchemaStore(clock)
        self.copies: Copies = lambda subscription, message: 1
        # Ids go on rising over restarts, as a consumer that remembers them expects.
        self._sequence = int(clock.now().timestamp() * 1000) * 1000
        self._background: dict[str, list[asyncio.Task[None]]] = {}

    def topic(self, name: str) -> Topic:
        """Find a topic.

        Raises:
            RpcError: NOT_FOUND.
        """
        return _found(self.topics, name)

    def subscription(self, name: str) -> Subscription:
        """Find a subscription.

        Raises:
            RpcError: NOT_FOUND.
        """
        return _found(self.subscriptions, name)

    def snapshot(self, name: str) -> Snapshot:
        """Find a snapshot that has not expired.

        Raises:
            RpcError: NOT_FOUND.
        """
        snapshot = _found(self.snapshots, name)
        if snapshot.config.expire_time.ToDatetime(tzinfo=self.clock.now().tzinfo) <= self.clock.now():
            del self.snapshots[name]
        return _found(self.snapshots, name)

    def publish(self, topic: Topic, messages: Iterable[Any]) -> list[str]:
        """Give messages to the topic's subscriptions; returns their ids."""
        now = self.clock.now()
        subscriptions = self.subscriptions_of(str(topic.config.name))
        ids = []
        for proto in messages:
            self._sequence += 1
            message = Message(
                sequence=self._sequence,
                data=proto.data,
                attributes=dict(proto.attributes),
                ordering_key=proto.ordering_key,
                message_id=str(self._sequence),
                published_at=now,
                size=proto.ByteSize(),
            )
            ids.append(message.message_id)
            self._retain(topic, message, now)
            for subscription in subscriptions:
                for _ in range(self.copies(subscription.name, message)):
                    subscription.offer(message)
        return ids

    def subscriptions_of(self, topic: str) -> list[Subscription]:
        """The subscriptions that are attached to the topic."""
        return [
            subscription
            for subscription in self.subscriptions.values()
            if subscription.config.topic == topic and not subscription.config.detached
        ]

    def delete_topic(self, name: str) -> None:
        """Delete a topic; its subscriptions stay, with what they hold."""
        self.topic(name)
        for subscription in self.subscriptions.values():
            if subscription.config.topic == name:
                subscription.config.topic = DELETED_TOPIC
        del self.topics[name]

    def delete_schema(self, name: str) -> None:
        """Delete a schema; its topics take no messages until they have another, or none.

        Raises:
            RpcError: NOT_FOUND.
        """
        _found(self.schemas.schemas, name)
        for topic in self.topics.values():
            if topic.config.schema_settings.schema == name:
                topic.config.schema_settings.schema = DELETED_SCHEMA
        del self.schemas.schemas[name]

    def add_subscription(self, subscription: Subscription) -> None:
        """Attach a subscription to its topic."""
        self.subscriptions[subscription.name] = subscription
        self._background[subscription.name] = [
            asyncio.create_task(self._keep_time(subscription)),
            asyncio.create_task(self._push(subscription)),
        ]

    def delete_subscription(self, name: str) -> None:
        """Delete a subscription and what it holds."""
        subscription = self.subscription(name)
        del self.subscriptions[name]
        for task in self._background.pop(name):
            task.cancel()
        subscription.deleted = True
        subscription.backlog.clear()
        subscription.wake()

    def detach(self, subscription: Subscription) -> None:
        """Detach a subscription from its topic and drop its messages."""
        subscription.config.detached = True
        subscription.backlog.clear()
        subscription.wake()

    def add_snapshot(self, name: str, subscription: Subscription, labels: dict[str, str]) -> Snapshot:
        """Keep what is unacknowledged in a subscription, and what is published from now on."""
        messages = subscription.backlog.unacknowledged()
        oldest = min((message.published_at for message in messages), default=self.clock.now())
        expires_at = oldest + SNAPSHOT_LIFETIME
        if expires_at - self.clock.now() < timedelta(hours=1):
            raise RpcError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "The oldest unacknowledged message is so old that the snapshot would expire within an hour.",
            )
        config = types.Snapshot.pb()(name=name, topic=subscription.config.topic, labels=labels)
        config.expire_time.FromDatetime(expires_at)
        self.snapshots[name] = Snapshot(config, messages)
        return self.snapshots[name]

    def seek_to_time(self, subscription: Subscription, moment: datetime) -> None:
        """Acknowledge what was published before the moment, and nothing that was published since."""
        known = {message.sequence: message for message in subscription.backlog.retained()}
        if topic := self.topics.get(subscription.config.topic):
            self._drop_old(topic, self.clock.now())
            known |= {message.sequence: message for message in topic.retained if subscription.matches(message)}
        self._seek(subscription, [message for message in known.values() if message.published_at >= moment])

    def seek_to_snapshot(self, subscription: Subscription, snapshot: Snapshot) -> None:
        """Bring a subscription's acknowledgements to where they were when the snapshot was made.

        Raises:
            RpcError: FAILED_PRECONDITION: the snapshot is another topic's.
        """
        if snapshot.config.topic != subscription.config.topic:
            raise RpcError(grpc.StatusCode.FAILED_PRECONDITION, "The snapshot is of another topic.")
        self._seek(subscription, [message for message in snapshot.messages if subscription.matches(message)])

    def forward_dead_letter(self, subscription: Subscription, message: Message, attempts: int) -> None:
        """Publish a message that was delivered in vain to the dead letter topic.

        Where that topic is gone the message stays in the subscription, and its attempts begin again.
        https://cloud.google.com/pubsub/docs/dead-letter-topics
        """
        topic = self.topics.get(subscription.config.dead_letter_policy.dead_letter_topic)
        if topic is None:
            subscription.backlog.add(message)
            return
        letter = message.to_proto()
        letter.attributes.update(
            {
                "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
                "CloudPubSubDeadLetterSourceSubscription": short_name(subscription.name),
                "CloudPubSubDeadLetterSourceSubscriptionProject": short_name(project_of(subscription.name)),
                "CloudPubSubDeadLetterSourceTopicPublishTime": message.published_at.isoformat(),
            }
        )
        self.publish(topic, [letter])

    async def stop(self) -> None:
        """End the background work."""
        tasks = [task for tasks in self._background.values() for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._background.clear()

    def _seek(self, subscription: Subscription, unacknowledged: list[Message]) -> None:
        subscription.backlog.seek(unacknowledged, retain=subscription.config.retain_acked_messages)
        subscription.wake()

    def _retain(self, topic: Topic, message: Message, now: datetime) -> None:
        if topic.config.HasField("message_retention_duration"):
            topic.retained.append(message)
            self._drop_old(topic, now)
        for snapshot in self.snapshots.values():
            if snapshot.config.topic == topic.config.name:
                snapshot.messages.append(message)

    @staticmethod
    def _drop_old(topic: Topic, now: datetime) -> None:
        horizon = now - topic.config.message_retention_duration.ToTimedelta()
        while topic.retained and topic.retained[0].published_at < horizon:
            topic.retained.popleft()

    async def _keep_time(self, subscription: Subscription) -> None:
        while True:
            await subscription.changed_or_due()
            subscription.settle()


def _found(resources: dict[str, Resource], name: str) -> Resource:
    if name not in resources:
        raise RpcError(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={short_name(name)}).")
    return resources[name]
