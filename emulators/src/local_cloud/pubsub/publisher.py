"""google.pubsub.v1.Publisher."""

from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from local_cloud.pubsub.broker import Broker, Topic
from local_cloud.pubsub.names import check_name, short_name
from local_cloud.pubsub.paging import page_of, page_of_project
from local_cloud.pubsub.validation import check_publish, check_topic, check_update_mask, show_topic_retention
from local_cloud.rpc import Method, RpcError

SERVICE = "google.pubsub.v1.Publisher"

METHODS = (
    Method(name="CreateTopic", request=types.Topic.pb(), response=types.Topic.pb()),
    Method(name="UpdateTopic", request=types.UpdateTopicRequest.pb(), response=types.Topic.pb()),
    Method(name="Publish", request=types.PublishRequest.pb(), response=types.PublishResponse.pb()),
    Method(name="GetTopic", request=types.GetTopicRequest.pb(), response=types.Topic.pb()),
    Method(name="ListTopics", request=types.ListTopicsRequest.pb(), response=types.ListTopicsResponse.pb()),
    Method(
        name="ListTopicSubscriptions",
        request=types.ListTopicSubscriptionsRequest.pb(),
        response=types.ListTopicSubscriptionsResponse.pb(),
    ),
    Method(
        name="ListTopicSnapshots",
        request=types.ListTopicSnapshotsRequest.pb(),
        response=types.ListTopicSnapshotsResponse.pb(),
    ),
    Method(name="DeleteTopic", request=types.DeleteTopicRequest.pb(), response=Empty),
    Method(
        name="DetachSubscription",
        request=types.DetachSubscriptionRequest.pb(),
        response=types.DetachSubscriptionResponse.pb(),
    ),
)


class PublisherService:
    """The methods of the Publisher service. Requests and responses are plain protobuf messages."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def create_topic(self, request: Any, _context: Any) -> Any:
        check_name(request.name, "topics")
        self._check(request)
        if request.name in self._broker.topics:
            raise already_exists(request.name)
        config = types.Topic.pb()()
        config.CopyFrom(request)
        config.state = types.Topic.State.ACTIVE
        self._broker.topics[request.name] = Topic(config)
        return config

    def _check(self, config: Any) -> None:
        check_topic(config)
        if config.HasField("schema_settings"):
            self._broker.schemas.check_settings(config.schema_settings)

    async def update_topic(self, request: Any, _context: Any) -> Any:
        topic = self._broker.topic(request.topic.name)
        check_update_mask(request.update_mask, topic.config)
        updated = types.Topic.pb()()
        updated.CopyFrom(topic.config)
        request.update_mask.MergeMessage(request.topic, updated, True, True)
        self._check(updated)
        topic.config = updated
        for subscription in self._broker.subscriptions_of(request.topic.name):
            show_topic_retention(subscription.config, updated)
        return updated

    async def publish(self, request: Any, _context: Any) -> Any:
        check_name(request.topic, "topics")
        topic = self._broker.topic(request.topic)
        check_publish(request)
        if topic.config.HasField("schema_settings"):
            for message in request.messages:
                message.attributes.update(self._broker.schemas.attributes(topic.config.schema_settings, message.data))
        return types.PublishResponse.pb()(message_ids=self._broker.publish(topic, request.messages))

    async def get_topic(self, request: Any, _context: Any) -> Any:
        check_name(request.topic, "topics")
        return self._broker.topic(request.topic).config

    async def list_topics(self, request: Any, _context: Any) -> Any:
        names, token = page_of_project(self._broker.topics, request)
        return types.ListTopicsResponse.pb()(
            topics=[self._broker.topics[name].config for name in names], next_page_token=token
        )

    async def list_topic_subscriptions(self, request: Any, _context: Any) -> Any:
        self._broker.topic(request.topic)
        names, token = page_of(
            (subscription.name for subscription in self._broker.subscriptions_of(request.topic)), request
        )
        return types.ListTopicSubscriptionsResponse.pb()(subscriptions=names, next_page_token=token)

    async def list_topic_snapshots(self, request: Any, _context: Any) -> Any:
        self._broker.topic(request.topic)
        names, token = page_of(
            (name for name, snapshot in self._broker.snapshots.items() if snapshot.config.topic == request.topic),
            request,
        )
        return types.ListTopicSnapshotsResponse.pb()(snapshots=names, next_page_token=token)

    async def delete_topic(self, request: Any, _context: Any) -> Any:
        self._broker.delete_topic(request.topic)
        return Empty()

    async def detach_subscription(self, request: Any, _context: Any) -> Any:
        self._broker.detach(self._broker.subscription(request.subscription))
        return types.DetachSubscriptionResponse.pb()()


def already_exists(name: str) -> RpcError:
    """The refusal of a name that is taken."""
    return RpcError(
        grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists in the project (resource={short_name(name)})."
    )
