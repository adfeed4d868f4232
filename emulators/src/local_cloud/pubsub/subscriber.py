"""google.pubsub.v1.Subscriber."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types
from google.rpc.error_details_pb2 import ErrorInfo

from local_cloud.pubsub.backlog import Delivery, InvalidAckId
from local_cloud.pubsub.broker import Broker
from local_cloud.pubsub.names import check_name, project_of
from local_cloud.pubsub.paging import page_of_project
from local_cloud.pubsub.publisher import already_exists
from local_cloud.pubsub.streaming_pull import StreamingPull
from local_cloud.pubsub.subscriptions import Subscription
from local_cloud.pubsub.validation import (
    check_deadline_modification,
    check_labels,
    check_subscription,
    check_update_mask,
    fill_in_subscription,
    invalid,
    show_topic_retention,
)
from local_cloud.rpc import Method, RpcError

SERVICE = "google.pubsub.v1.Subscriber"

METHODS = (
    Method(name="CreateSubscription", request=types.Subscription.pb(), response=types.Subscription.pb()),
    Method(name="GetSubscription", request=types.GetSubscriptionRequest.pb(), response=types.Subscription.pb()),
    Method(name="UpdateSubscription", request=types.UpdateSubscriptionRequest.pb(), response=types.Subscription.pb()),
    Method(
        name="ListSubscriptions",
        request=types.ListSubscriptionsRequest.pb(),
        response=types.ListSubscriptionsResponse.pb(),
    ),
    Method(name="DeleteSubscription", request=types.DeleteSubscriptionRequest.pb(), response=Empty),
    Method(name="ModifyAckDeadline", request=types.ModifyAckDeadlineRequest.pb(), response=Empty),
    Method(name="Acknowledge", request=types.AcknowledgeRequest.pb(), response=Empty),
    Method(name="Pull", request=types.PullRequest.pb(), response=types.PullResponse.pb()),
    Method(
        name="StreamingPull",
        request=types.StreamingPullRequest.pb(),
        response=types.StreamingPullResponse.pb(),
        client_streaming=True,
        server_streaming=True,
    ),
    Method(name="ModifyPushConfig", request=types.ModifyPushConfigRequest.pb(), response=Empty),
    Method(name="GetSnapshot", request=types.GetSnapshotRequest.pb(), response=types.Snapshot.pb()),
    Method(name="ListSnapshots", request=types.ListSnapshotsRequest.pb(), response=types.ListSnapshotsResponse.pb()),
    Method(name="CreateSnapshot", request=types.CreateSnapshotRequest.pb(), response=types.Snapshot.pb()),
    Method(name="UpdateSnapshot", request=types.UpdateSnapshotRequest.pb(), response=types.Snapshot.pb()),
    Method(name="DeleteSnapshot", request=types.DeleteSnapshotRequest.pb(), response=Empty),
    Method(name="Seek", request=types.SeekRequest.pb(), response=types.SeekResponse.pb()),
)

PULL_WAIT_SECONDS = 20.0
"""A pull that finds nothing waits so long, though not beyond the client's deadline, before it answers with nothing."""


class SubscriberService:
    """The methods of the Subscriber service. Requests and responses are plain protobuf messages."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def create_subscription(self, request: Any, _context: Any) -> Any:
        check_name(request.topic, "topics")
        config = types.Subscription.pb()()
        config.CopyFrom(request)
        config.name = request.name or _random_name(request.topic, "subscriptions")
        check_name(config.name, "subscriptions")
        show_topic_retention(config, self._broker.topic(request.topic).config)
        self._check(config)
        if config.name in self._broker.subscriptions:
            raise already_exists(config.name)
        self._broker.add_subscription(
            Subscription(config, self._broker.clock, on_dead=self._broker.forward_dead_letter)
        )
        return config

    def _check(self, config: Any) -> None:
        """Fill in the defaults of a subscription's settings, and refuse those that the service refuses.

        It refuses a dead letter topic that does not exist, though the topic may be deleted later:
        https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#deadletterpolicy
        """
        fill_in_subscription(config)
        check_subscription(config)
        if config.HasField("dead_letter_policy"):
            self._broker.topic(config.dead_letter_policy.dead_letter_topic)

    async def get_subscription(self, request: Any, _context: Any) -> Any:
        check_name(request.subscription, "subscriptions")
        return self._broker.subscription(request.subscription).config

    async def update_subscription(self, request: Any, _context: Any) -> Any:
        subscription = self._broker.subscription(request.subscription.name)
        check_update_mask(request.update_mask, subscription.config)
        updated = types.Subscription.pb()()
        updated.CopyFrom(subscription.config)
        request.update_mask.MergeMessage(request.subscription, updated, True, True)
        self._check(updated)
        subscription.config = updated
        subscription.wake()
        return updated

    async def list_subscriptions(self, request: Any, _context: Any) -> Any:
        names, token = page_of_project(self._broker.subscriptions, request)
        return types.ListSubscriptionsResponse.pb()(
            subscriptions=[self._broker.subscriptions[name].config for name in names], next_page_token=token
        )

    async def delete_subscription(self, request: Any, _context: Any) -> Any:
        self._broker.delete_subscription(request.subscription)
        return Empty()

    async def modify_ack_deadline(self, request: Any, _context: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        check_deadline_modification(request.ack_deadline_seconds)
        _check_ack_ids(request.ack_ids)
        try:
            expired = subscription.modify_deadlines(request.ack_ids, request.ack_deadline_seconds)
        except InvalidAckId:
            _refuse_ack_ids()
        _check_expired(subscription, expired)
        return Empty()

    async def acknowledge(self, request: Any, _context: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        _check_ack_ids(request.ack_ids)
        try:
            expired = subscription.acknowledge(request.ack_ids)
        except InvalidAckId:
            _refuse_ack_ids()
        _check_expired(subscription, expired)
        return Empty()

    async def pull(self, request: Any, context: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        if request.max_messages < 1:
            invalid(f"Invalid max_messages given ({request.max_messages}): it must be greater than 0.")
        subscription.check_pullable()
        deliveries = subscription.take(request.max_messages)
        if not deliveries and not request.return_immediately:
            remaining = context.time_remaining()
            wait = PULL_WAIT_SECONDS if remaining is None else min(PULL_WAIT_SECONDS, remaining - 0.5)
            deliveries = await _wait_for_messages(subscription, request.max_messages, max(wait, 0))
        return types.PullResponse.pb()(received_messages=[received(subscription, delivery) for delivery in deliveries])

    async def streaming_pull(self, requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
        stream = await StreamingPull.open(requests, self._broker)
        try:
            async for deliveries in stream.deliveries():
                response = types.StreamingPullResponse.pb()(
                    received_messages=[received(stream.subscription, delivery) for delivery in deliveries]
                )
                config = stream.subscription.config
                response.subscription_properties.exactly_once_delivery_enabled = config.enable_exactly_once_delivery
                response.subscription_properties.message_ordering_enabled = config.enable_message_ordering
                yield response
        finally:
            stream.close()

    async def modify_push_config(self, request: Any, _context: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        updated = types.Subscription.pb()()
        updated.CopyFrom(subscription.config)
        updated.push_config.CopyFrom(request.push_config)
        check_subscription(updated)
        subscription.config = updated
        subscription.wake()
        return Empty()

    async def get_snapshot(self, request: Any, _context: Any) -> Any:
        return self._broker.snapshot(request.snapshot).config

    async def list_snapshots(self, request: Any, _context: Any) -> Any:
        names, token = page_of_project(self._broker.snapshots, request)
        return types.ListSnapshotsResponse.pb()(
            snapshots=[self._broker.snapshots[name].config for name in names], next_page_token=token
        )

    async def create_snapshot(self, request: Any, _context: Any) -> Any:
        name = request.name or _random_name(request.subscription, "snapshots")
        check_name(name, "snapshots")
        check_labels(request.labels)
        subscription = self._broker.subscription(request.subscription)
        if name in self._broker.snapshots:
            raise already_exists(name)
        return self._broker.add_snapshot(name, subscription, dict(request.labels)).config

    async def update_snapshot(self, request: Any, _context: Any) -> Any:
        snapshot = self._broker.snapshot(request.snapshot.name)
        check_update_mask(request.update_mask, snapshot.config)
        check_labels(request.snapshot.labels)
        request.update_mask.MergeMessage(request.snapshot, snapshot.config, True, True)
        return snapshot.config

    async def delete_snapshot(self, request: Any, _context: Any) -> Any:
        self._broker.snapshot(request.snapshot)
        del self._broker.snapshots[request.snapshot]
        return Empty()

    async def seek(self, request: Any, _context: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        if request.WhichOneof("target") == "snapshot":
            self._broker.seek_to_snapshot(subscription, self._broker.snapshot(request.snapshot))
        elif request.WhichOneof("target") == "time":
            self._broker.seek_to_time(subscription, request.time.ToDatetime(tzinfo=self._broker.clock.now().tzinfo))
        else:
            invalid("Seek needs a time or a snapshot.")
        return types.SeekResponse.pb()()


def received(subscription: Subscription, delivery: Delivery) -> Any:
    """A message as a pull answers it. The attempt is told only where there is a dead letter policy."""
    return types.ReceivedMessage.pb()(
        ack_id=delivery.ack_id,
        message=delivery.message.to_proto(),
        delivery_attempt=delivery.attempt if subscription.config.HasField("dead_letter_policy") else 0,
    )


async def _wait_for_messages(subscription: Subscription, limit: int, seconds: float) -> list[Delivery]:
    try:
        async with asyncio.timeout(seconds):
            while not subscription.deleted and not subscription.config.detached:
                await subscription.changed()
                if deliveries := subscription.take(limit):
                    return deliveries
    except TimeoutError:
        pass
    return []


def _random_name(beside: str, collection: str) -> str:
    """The name of what a request does not name: "the server will assign a random name" in the same project."""
    return f"{project_of(beside)}/{collection}/{collection}-{uuid.uuid4().hex}"


def _check_ack_ids(ack_ids: Sequence[str]) -> None:
    if not ack_ids:
        invalid("The request has no ack_ids.")


def _refuse_ack_ids() -> None:
    invalid(
        "Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have "
        "expired or the acknowledgement ids were malformed."
    )


def _check_expired(subscription: Subscription, expired: Sequence[str]) -> None:
    """With exactly-once delivery, tell the client which leases had ended.

    https://cloud.google.com/pubsub/docs/exactly-once-delivery
    """
    if expired and subscription.config.enable_exactly_once_delivery:
        info = ErrorInfo(reason="EXACTLY_ONCE_ACKID_FAILURE", domain="pubsub.googleapis.com")
        for ack_id in expired:
            info.metadata[ack_id] = "PERMANENT_FAILURE_INVALID_ACK_ID"
        raise RpcError(
            grpc.StatusCode.FAILED_PRECONDITION,
            "Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have "
            "expired or the acknowledgement ids were malformed.",
            [info],
        )
