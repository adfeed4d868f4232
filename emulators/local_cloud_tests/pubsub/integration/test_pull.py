"""Pull, acknowledgements and redelivery, by google-cloud-pubsub's own clients."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.types import PubsubMessage, PullResponse
from google.pubsub_v1.services.publisher import PublisherClient as PublisherServiceClient

from local_cloud_tests.pubsub.integration.conftest import PubSub

# A test wants to see at once that there is nothing.
pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag:DeprecationWarning")


def pull(pubsub: PubSub, subscription: str, limit: int = 100, *, wait: bool = False) -> PullResponse:
    return pubsub.subscriber.pull(
        request={"subscription": subscription, "max_messages": limit, "return_immediately": not wait}
    )


def bodies(response: PullResponse) -> list[str]:
    return [received.message.data.decode() for received in response.received_messages]


def acknowledge(pubsub: PubSub, subscription: str, response: PullResponse) -> None:
    ack_ids = [received.ack_id for received in response.received_messages]
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)


def test_a_message_is_pulled_as_it_was_published(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    (message_id,) = pubsub.publish(topic, "hello", kind="greeting")

    (received,) = pull(pubsub, subscription).received_messages

    assert received.message.data == b"hello"
    assert dict(received.message.attributes) == {"kind": "greeting"}
    assert received.message.message_id == message_id
    assert received.message.publish_time is not None
    assert received.delivery_attempt == 0


def test_every_subscription_gets_every_message(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscriptions = [pubsub.subscription(topic) for _ in range(2)]
    pubsub.publish(topic, "a", "b")

    assert [bodies(pull(pubsub, subscription)) for subscription in subscriptions] == [["a", "b"], ["a", "b"]]


def test_what_is_acknowledged_does_not_come_again(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, "a", "b")
    acknowledge(pubsub, subscription, pull(pubsub, subscription, 1))

    pubsub.advance(11)

    assert bodies(pull(pubsub, subscription)) == ["b"]


def test_a_message_comes_again_when_its_deadline_has_passed(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, ack_deadline_seconds=20)
    pubsub.publish(topic, "a")
    first = pull(pubsub, subscription)
    assert bodies(first) == ["a"]

    pubsub.advance(15)
    assert bodies(pull(pubsub, subscription)) == []
    ack_id = first.received_messages[0].ack_id
    pubsub.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[ack_id], ack_deadline_seconds=60)
    pubsub.advance(15)
    assert bodies(pull(pubsub, subscription)) == []
    pubsub.advance(50)

    assert bodies(pull(pubsub, subscription)) == ["a"]


def test_a_late_acknowledgement_counts_while_nobody_else_has_the_message(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    first = pull(pubsub, subscription)
    pubsub.advance(11)

    acknowledge(pubsub, subscription, first)

    assert bodies(pull(pubsub, subscription)) == []
    assert pubsub.emulator.counts()[subscription].unacknowledged == 0


def test_a_late_acknowledgement_does_not_take_the_message_from_another(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    first = pull(pubsub, subscription)
    pubsub.advance(11)
    assert bodies(pull(pubsub, subscription)) == ["a"]

    acknowledge(pubsub, subscription, first)

    assert pubsub.emulator.counts()[subscription].outstanding == 1


def test_a_refused_message_comes_again_when_its_backoff_ends(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(
        topic,
        ack_deadline_seconds=600,
        retry_policy={"minimum_backoff": timedelta(seconds=10), "maximum_backoff": timedelta(seconds=25)},
    )
    pubsub.publish(topic, "a")

    for backoff in (10, 20, 25):
        (received,) = pull(pubsub, subscription).received_messages
        pubsub.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[received.ack_id], ack_deadline_seconds=0
        )
        pubsub.advance(backoff - 1)
        assert bodies(pull(pubsub, subscription)) == []
        pubsub.advance(1)

    assert bodies(pull(pubsub, subscription)) == ["a"]


def test_a_pull_waits_for_a_message(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(pull, pubsub, subscription, wait=True)
        pubsub.publish(topic, "soon")

        assert bodies(answer.result(60)) == ["soon"]


def publish_in_order(pubsub: PubSub, topic: str, key: str, *contents: str) -> None:
    messages = [PubsubMessage(data=content.encode(), ordering_key=key) for content in contents]
    PublisherServiceClient.publish(pubsub.publisher, topic=topic, messages=messages)


def test_messages_with_a_key_come_in_order_one_batch_at_a_time(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_message_ordering=True)
    publish_in_order(pubsub, topic, "k", "k1", "k2", "k3")
    publish_in_order(pubsub, topic, "l", "l1")

    first = pull(pubsub, subscription, 2)
    assert bodies(first) == ["k1", "k2"]
    second = pull(pubsub, subscription)
    assert bodies(second) == ["l1"]
    acknowledge(pubsub, subscription, first)

    assert bodies(pull(pubsub, subscription)) == ["k3"]


def test_a_refused_message_holds_back_those_of_its_key(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_message_ordering=True, retry_policy={})
    publish_in_order(pubsub, topic, "k", "k1", "k2", "k3")
    first = pull(pubsub, subscription, 2)

    pubsub.subscriber.modify_ack_deadline(
        subscription=subscription, ack_ids=[first.received_messages[0].ack_id], ack_deadline_seconds=0
    )
    assert bodies(pull(pubsub, subscription)) == []
    pubsub.advance(10)

    assert bodies(pull(pubsub, subscription)) == ["k1", "k2", "k3"]


@pytest.mark.parametrize("is_exactly_once", [True, False])
def test_of_messages_of_a_key_that_are_refused_together_each_counts(pubsub: PubSub, *, is_exactly_once: bool) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(
        topic,
        enable_message_ordering=True,
        enable_exactly_once_delivery=is_exactly_once,
        dead_letter_policy={"dead_letter_topic": pubsub.topic(), "max_delivery_attempts": 5},
    )
    publish_in_order(pubsub, topic, "k", "k1", "k2")
    ack_ids = [received.ack_id for received in pull(pubsub, subscription).received_messages]

    pubsub.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=0)

    again = pull(pubsub, subscription).received_messages
    assert [(each.message.data, each.delivery_attempt) for each in again] == [(b"k1", 2), (b"k2", 2)]


def test_time_that_jumps_past_deadline_and_backoff_brings_a_message_back(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, retry_policy={})
    pubsub.publish(topic, "a")
    pull(pubsub, subscription)

    pubsub.advance(20)

    assert bodies(pull(pubsub, subscription)) == ["a"]


def test_after_too_many_attempts_a_message_goes_to_the_dead_letter_topic(pubsub: PubSub) -> None:
    topic, dead_letters = pubsub.topic(), pubsub.topic()
    subscription = pubsub.subscription(
        topic, dead_letter_policy={"dead_letter_topic": dead_letters, "max_delivery_attempts": 5}
    )
    graveyard = pubsub.subscription(dead_letters)
    pubsub.publish(topic, "a", origin="test")

    attempts = []
    for _ in range(5):
        (received,) = pull(pubsub, subscription).received_messages
        attempts.append(received.delivery_attempt)
        pubsub.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[received.ack_id], ack_deadline_seconds=0
        )

    assert attempts == [1, 2, 3, 4, 5]
    assert bodies(pull(pubsub, subscription)) == []
    (dead,) = pull(pubsub, graveyard).received_messages
    assert dead.message.data == b"a"
    assert dead.message.attributes["origin"] == "test"
    assert dead.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert dead.message.attributes["CloudPubSubDeadLetterSourceSubscription"] == subscription.rsplit("/", 1)[1]


def test_a_filter_lets_only_matching_messages_pass(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, filter='attributes.kind = "report"')
    pubsub.publish(topic, "a", kind="report")
    pubsub.publish(topic, "b", kind="other")
    pubsub.publish(topic, "c")

    assert bodies(pull(pubsub, subscription)) == ["a"]


def test_messages_are_dropped_after_the_retention(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, message_retention_duration=timedelta(minutes=10))
    pubsub.publish(topic, "old")
    pubsub.advance(400)
    pubsub.publish(topic, "new")
    pubsub.advance(300)

    assert bodies(pull(pubsub, subscription)) == ["new"]


def test_a_seek_to_a_time_brings_back_what_was_acknowledged_since(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, retain_acked_messages=True)
    pubsub.publish(topic, "before")
    pubsub.advance(60)
    moment = pubsub.clock.now()
    pubsub.advance(60)
    pubsub.publish(topic, "after")
    acknowledge(pubsub, subscription, pull(pubsub, subscription))

    pubsub.subscriber.seek(request={"subscription": subscription, "time": moment})
    assert bodies(pull(pubsub, subscription)) == ["after"]

    pubsub.subscriber.seek(request={"subscription": subscription, "time": moment - timedelta(hours=1)})
    assert bodies(pull(pubsub, subscription)) == ["before", "after"]


def test_a_seek_to_a_snapshot_brings_back_what_was_unacknowledged_then(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    snapshot = subscription.replace("subscriptions", "snapshots")
    pubsub.publish(topic, "done")
    acknowledge(pubsub, subscription, pull(pubsub, subscription))
    pubsub.publish(topic, "open")
    pubsub.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    pubsub.publish(topic, "later")
    acknowledge(pubsub, subscription, pull(pubsub, subscription))

    pubsub.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})

    assert bodies(pull(pubsub, subscription)) == ["open", "later"]


def test_a_detached_subscription_cannot_be_pulled(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publisher.detach_subscription(request={"subscription": subscription})

    with pytest.raises(exceptions.FailedPrecondition):
        pull(pubsub, subscription)
    assert list(pubsub.publisher.list_topic_subscriptions(request={"topic": topic})) == []


def test_copies_of_a_message_are_delivered_with_the_same_id(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.emulator.deliver_copies(lambda name, message: 2 if message.data == b"twice" else 1)
    try:
        ids = pubsub.publish(topic, "once", "twice")
    finally:
        pubsub.emulator.deliver_copies(lambda name, message: 1)

    received = [received.message.message_id for received in pull(pubsub, subscription).received_messages]
    assert received == [ids[0], ids[1], ids[1]]


@pytest.mark.parametrize("is_pulled_before", [True, False])
def test_with_exactly_once_delivery_a_late_acknowledgement_is_refused(
    pubsub: PubSub, *, is_pulled_before: bool
) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    (published,) = pubsub.publish(topic, "a")
    first = pull(pubsub, subscription)
    pubsub.advance(11)
    if is_pulled_before:
        second = pull(pubsub, subscription)

    with pytest.raises(exceptions.FailedPrecondition) as refused:
        acknowledge(pubsub, subscription, first)
    assert "PERMANENT_FAILURE_INVALID_ACK_ID" in str(refused.value.details)
    if not is_pulled_before:
        second = pull(pubsub, subscription)
    assert [each.message.message_id for each in second.received_messages] == [published]
