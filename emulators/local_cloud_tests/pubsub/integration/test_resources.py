"""Topics, subscriptions and snapshots: made, listed, changed and refused, with the service's status codes."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.types import PubsubMessage
from google.pubsub_v1.services.publisher import PublisherClient

from local_cloud_tests.pubsub.integration.conftest import PROJECT, PubSub

LONG = "x" * 253


def test_a_topic_is_made_found_listed_and_deleted(pubsub: PubSub) -> None:
    name = pubsub.topic()

    assert pubsub.publisher.get_topic(topic=name).name == name
    assert name in [topic.name for topic in pubsub.publisher.list_topics(project=f"projects/{PROJECT}")]
    with pytest.raises(exceptions.AlreadyExists, match="Resource already exists in the project"):
        pubsub.publisher.create_topic(name=name)
    pubsub.publisher.delete_topic(topic=name)
    for call in (pubsub.publisher.get_topic, pubsub.publisher.delete_topic):
        with pytest.raises(exceptions.NotFound, match="Resource not found"):
            call(topic=name)
    with pytest.raises(exceptions.NotFound):
        pubsub.publisher.publish(name, b"a").result(60)


def test_lists_come_in_pages(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    names = sorted(pubsub.subscription(topic) for _ in range(5))

    pages = list(pubsub.publisher.list_topic_subscriptions(request={"topic": topic, "page_size": 2}).pages)

    assert [list(page.subscriptions) for page in pages] == [names[:2], names[2:4], names[4:]]
    listed = pubsub.subscriber.list_subscriptions(request={"project": f"projects/{PROJECT}", "page_size": 2})
    assert set(names) <= {subscription.name for subscription in listed}


@pytest.mark.parametrize(
    "name",
    [
        "topic",
        f"projects/{PROJECT}/topics/",
        f"projects/{PROJECT}/topics/ab",
        f"projects/{PROJECT}/topics/1abc",
        f"projects/{PROJECT}/topics/google-topic",
        f"projects/{PROJECT}/topics/a b c",
        f"projects/{PROJECT}/topics/a/b/c",
        f"projects/{PROJECT}/topics/abc{LONG}",
        f"projects/{PROJECT}/subscriptions/abc",
        "projects/a_b/topics/abc",
    ],
)
def test_a_name_against_the_rules_is_refused(pubsub: PubSub, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="Invalid resource name given"):
        pubsub.publisher.create_topic(name=name)


def test_a_subscription_has_its_defaults(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscriber.get_subscription(subscription=pubsub.subscription(topic))

    assert subscription.topic == topic
    assert subscription.ack_deadline_seconds == 10
    assert subscription.message_retention_duration == timedelta(days=7)
    assert subscription.expiration_policy.ttl == timedelta(days=31)


def test_a_subscription_shows_how_long_its_topic_keeps_messages(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    for retention in (timedelta(hours=1), None):
        pubsub.publisher.update_topic(
            request={
                "topic": {"name": topic, "message_retention_duration": retention},
                "update_mask": {"paths": ["message_retention_duration"]},
            }
        )
        for each in (name, pubsub.subscription(topic)):
            shown = pubsub.subscriber.get_subscription(subscription=each)
            assert shown.topic_message_retention_duration == (retention or timedelta(0))


def test_what_has_no_name_gets_one(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscriptions = [pubsub.subscriber.create_subscription(request={"topic": topic}).name for _ in range(2)]
    snapshot = pubsub.subscriber.create_snapshot(request={"subscription": subscriptions[0]}).name

    assert sorted(pubsub.publisher.list_topic_subscriptions(request={"topic": topic})) == sorted(subscriptions)
    assert list(pubsub.publisher.list_topic_snapshots(request={"topic": topic})) == [snapshot]


def test_a_subscription_outlives_its_topic(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    pubsub.publisher.delete_topic(topic=topic)

    assert pubsub.subscriber.get_subscription(subscription=name).topic == "_deleted-topic_"
    assert len(pubsub.subscriber.pull(subscription=name, max_messages=1).received_messages) == 1


def test_a_subscription_is_changed_by_its_mask(pubsub: PubSub) -> None:
    name = pubsub.subscription(pubsub.topic(), labels={"a": "1"})

    updated = pubsub.subscriber.update_subscription(
        request={
            "subscription": {
                "name": name,
                "ack_deadline_seconds": 60,
                "labels": {"b": "2"},
                "retry_policy": {"minimum_backoff": timedelta(seconds=5)},
            },
            "update_mask": {"paths": ["labels", "retry_policy"]},
        }
    )

    assert updated.ack_deadline_seconds == 10
    assert dict(updated.labels) == {"b": "2"}
    assert updated.retry_policy.minimum_backoff == timedelta(seconds=5)
    assert pubsub.subscriber.get_subscription(subscription=name) == updated


@pytest.mark.parametrize("path", ["filter", "topic", "name", "no_such_field", "push_config.no_such_field"])
def test_what_cannot_be_changed_is_refused(pubsub: PubSub, path: str) -> None:
    name = pubsub.subscription(pubsub.topic())
    with pytest.raises(exceptions.InvalidArgument, match=path):
        pubsub.subscriber.update_subscription(
            request={"subscription": {"name": name}, "update_mask": {"paths": [path]}}
        )


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"ack_deadline_seconds": 9}, "ack deadline"),
        ({"ack_deadline_seconds": 601}, "ack deadline"),
        ({"message_retention_duration": timedelta(minutes=9)}, "message_retention_duration"),
        ({"message_retention_duration": timedelta(days=32)}, "message_retention_duration"),
        ({"retry_policy": {"minimum_backoff": timedelta(seconds=601)}}, "minimum_backoff"),
        ({"retry_policy": {"maximum_backoff": timedelta(seconds=601)}}, "maximum_backoff"),
        ({"filter": "attributes.a ="}, "filter"),
        ({"push_config": {"push_endpoint": "not a url"}}, "push endpoint"),
        (
            {"push_config": {"push_endpoint": "https://a.example", "oidc_token": {"audience": "a"}}},
            "service_account_email",
        ),
        ({"labels": {"Key": "a"}}, "label given"),
        ({"labels": {"1": "a"}}, "label given"),
        ({"labels": {"": "a"}}, "label given"),
        ({"labels": {"key": "a b"}}, "label given"),
        ({"labels": {"key": "a" * 64}}, "label given"),
        ({"labels": {f"key-{number}": "a" for number in range(65)}}, "label_count"),
        ({"dead_letter_policy": {"dead_letter_topic": "nope"}}, "name=nope"),
        (
            {
                "dead_letter_policy": {
                    "dead_letter_topic": f"projects/{PROJECT}/topics/dead",
                    "max_delivery_attempts": 4,
                }
            },
            "max_delivery_attempts",
        ),
    ],
)
def test_settings_out_of_range_are_refused(pubsub: PubSub, settings: dict[str, object], names: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=names):
        pubsub.subscription(pubsub.topic(), **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"bigquery_config": {"table": "p.d.t"}},
        {"cloud_storage_config": {"bucket": "b"}},
        {"message_transforms": [{"javascript_udf": {"function_name": "f", "code": "function f(m) { return m; }"}}]},
    ],
)
def test_what_would_change_or_export_messages_is_refused(pubsub: PubSub, settings: dict[str, object]) -> None:
    topic = pubsub.topic()
    with pytest.raises(exceptions.MethodNotImplemented, match=r"The local Pub/Sub"):
        pubsub.subscription(topic, **settings)
    name = pubsub.subscription(topic)
    with pytest.raises(exceptions.MethodNotImplemented, match=r"The local Pub/Sub"):
        pubsub.subscriber.update_subscription(
            request={"subscription": {"name": name, **settings}, "update_mask": {"paths": list(settings)}}
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"ingestion_data_source_settings": {"cloud_storage": {"bucket": "b"}}},
        {"message_transforms": [{"javascript_udf": {"function_name": "f", "code": "function f(m) { return m; }"}}]},
    ],
)
def test_a_topic_whose_messages_would_be_changed_is_refused(pubsub: PubSub, settings: dict[str, object]) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=r"The local Pub/Sub"):
        pubsub.publisher.create_topic(request={"name": f"projects/{PROJECT}/topics/changed", **settings})


def test_labels_of_any_script_are_kept(pubsub: PubSub) -> None:
    labels = {"größe": "s", "地域": "東京-1", "empty": ""}
    name = pubsub.subscription(pubsub.topic(), labels=labels)
    assert dict(pubsub.subscriber.get_subscription(subscription=name).labels) == labels


def test_labels_of_topics_and_snapshots_are_checked(pubsub: PubSub) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    with pytest.raises(exceptions.InvalidArgument, match="label given"):
        pubsub.publisher.create_topic(request={"name": f"projects/{PROJECT}/topics/labelled", "labels": {"A": "b"}})
    with pytest.raises(exceptions.InvalidArgument, match="label given"):
        pubsub.subscriber.create_snapshot(
            request={
                "name": f"projects/{PROJECT}/snapshots/labelled",
                "subscription": subscription,
                "labels": {"A": "b"},
            }
        )


def test_exactly_once_delivery_is_not_for_pushes(pubsub: PubSub) -> None:
    push_config = {"push_endpoint": "https://a.example/"}
    with pytest.raises(exceptions.InvalidArgument, match="enable_exactly_once_delivery"):
        pubsub.subscription(pubsub.topic(), push_config=push_config, enable_exactly_once_delivery=True)
    name = pubsub.subscription(pubsub.topic(), enable_exactly_once_delivery=True)
    with pytest.raises(exceptions.InvalidArgument, match="enable_exactly_once_delivery"):
        pubsub.subscriber.modify_push_config(subscription=name, push_config=push_config)


def test_a_subscription_needs_a_topic(pubsub: PubSub) -> None:
    with pytest.raises(exceptions.NotFound, match="nowhere"):
        pubsub.subscription(f"projects/{PROJECT}/topics/nowhere")


def test_a_subscription_expires_after_a_day_or_later(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    with pytest.raises(exceptions.InvalidArgument, match=r"expiration_policy.ttl"):
        pubsub.subscription(topic, expiration_policy={"ttl": timedelta(hours=23)})
    pubsub.subscription(topic, expiration_policy={"ttl": timedelta(days=1)})
    never = pubsub.subscriber.get_subscription(subscription=pubsub.subscription(topic, expiration_policy={}))
    assert "ttl" not in never.expiration_policy


def test_a_subscription_needs_its_dead_letter_topic(pubsub: PubSub) -> None:
    policy = {"dead_letter_topic": f"projects/{PROJECT}/topics/nowhere"}
    with pytest.raises(exceptions.NotFound, match="nowhere"):
        pubsub.subscription(pubsub.topic(), dead_letter_policy=policy)
    name = pubsub.subscription(pubsub.topic())
    with pytest.raises(exceptions.NotFound, match="nowhere"):
        pubsub.subscriber.update_subscription(
            request={
                "subscription": {"name": name, "dead_letter_policy": policy},
                "update_mask": {"paths": ["dead_letter_policy"]},
            }
        )


@pytest.mark.parametrize(
    ("messages", "names"),
    [
        ([], "message_count"),
        ([{}], "messages in the publish request is empty"),
        ([{"data": b"a"}] * 1001, "message_count"),
        ([{"data": b"a" * 10_000_001}], "request_size"),
        ([{"attributes": {str(number): "" for number in range(101)}}], "attribute_count"),
        ([{"attributes": {"k" * 257: "v"}}], "attribute_key_size"),
        ([{"attributes": {"k": "v" * 1025}}], "attribute_value_size"),
        ([{"attributes": {"google": "v"}}], "attribute key"),
        ([{"data": b"a", "ordering_key": "k" * 1025}], "ordering_key_size"),
        ([{"data": b"a", "ordering_key": "k"}, {"data": b"a"}], "ordering key"),
    ],
)
def test_messages_against_the_rules_are_refused(pubsub: PubSub, messages: list[dict[str, object]], names: str) -> None:
    topic = pubsub.topic()
    with pytest.raises(exceptions.InvalidArgument, match=names):
        PublisherClient.publish(
            pubsub.publisher, topic=topic, messages=[PubsubMessage(message) for message in messages]
        )


def test_acknowledgements_against_the_rules_are_refused(pubsub: PubSub) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    for ack_ids in ([], ["nonsense"], ["1-x"]):
        with pytest.raises(exceptions.InvalidArgument):
            pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)
    for seconds in (-1, 601):
        with pytest.raises(exceptions.InvalidArgument, match=str(seconds)):
            pubsub.subscriber.modify_ack_deadline(
                subscription=subscription, ack_ids=["1-1"], ack_deadline_seconds=seconds
            )
    with pytest.raises(exceptions.InvalidArgument, match="max_messages"):
        pubsub.subscriber.pull(subscription=subscription, max_messages=0)
    with pytest.raises(exceptions.NotFound):
        pubsub.subscriber.pull(subscription=subscription + "-other", max_messages=1)


def test_a_snapshot_is_made_found_listed_and_deleted(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    name = subscription.replace("subscriptions", "snapshots")
    pubsub.subscriber.create_snapshot(name=name, subscription=subscription)

    assert pubsub.subscriber.get_snapshot(snapshot=name).topic == topic
    assert name in [found.name for found in pubsub.subscriber.list_snapshots(project=f"projects/{PROJECT}")]
    assert list(pubsub.publisher.list_topic_snapshots(request={"topic": topic})) == [name]
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.subscriber.create_snapshot(name=name, subscription=subscription)
    pubsub.subscriber.delete_snapshot(snapshot=name)
    with pytest.raises(exceptions.NotFound):
        pubsub.subscriber.get_snapshot(snapshot=name)


def test_a_policy_is_kept_with_its_resource(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    for client, resource in ((pubsub.publisher, topic), (pubsub.subscriber, subscription)):
        policy = client.get_iam_policy(request={"resource": resource})
        policy.bindings.add(role="roles/pubsub.viewer", members=["group:readers@example.com"])
        stored = client.set_iam_policy(request={"resource": resource, "policy": policy})

        assert client.get_iam_policy(request={"resource": resource}) == stored
        assert stored.bindings == policy.bindings
        client.set_iam_policy(request={"resource": resource, "policy": stored})
        with pytest.raises(exceptions.Aborted):
            client.set_iam_policy(request={"resource": resource, "policy": stored})
        permissions = ["pubsub.topics.get"]
        answer = client.test_iam_permissions(request={"resource": resource, "permissions": permissions})
        assert list(answer.permissions) == permissions
    with pytest.raises(exceptions.NotFound):
        pubsub.publisher.get_iam_policy(request={"resource": topic + "-other"})
    tested = pubsub.publisher.test_iam_permissions(request={"resource": topic + "-other", "permissions": ["a"]})
    assert not tested.permissions


@pytest.mark.parametrize("method", ["Publisher/Publish", "Subscriber/StreamingPull"])
def test_a_request_that_is_no_message_is_refused(pubsub: PubSub, method: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{pubsub.emulator.port}") as channel:
        # Without serializers it takes and gives bytes.
        call: Any = channel.stream_stream(f"/google.pubsub.v1.{method}")
        with pytest.raises(grpc.RpcError) as refused:
            list(call(iter([b"\xff"])))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
