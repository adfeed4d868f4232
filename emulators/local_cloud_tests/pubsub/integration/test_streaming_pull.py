"""The client library's `subscribe()` over StreamingPull."""

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.types import FlowControl, PublisherOptions

from local_cloud_tests.pubsub.integration.conftest import PubSub


@contextmanager
def subscribed(pubsub: PubSub, subscription: str, **settings: object) -> "Iterator[queue.Queue[Message]]":
    messages: queue.Queue[Message] = queue.Queue()
    future = pubsub.subscriber.subscribe(subscription, callback=messages.put, **settings)
    try:
        yield messages
    finally:
        future.cancel()
        future.result(60)


def test_messages_come_as_they_are_published(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)

    with subscribed(pubsub, subscription) as messages:
        for number in range(3):
            pubsub.publish(topic, str(number))
            message = messages.get(timeout=60)
            assert message.data == str(number).encode()
            message.ack()
        wait_until_acknowledged(pubsub, subscription)


def test_a_refused_message_comes_again(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, "a")

    with subscribed(pubsub, subscription) as messages:
        messages.get(timeout=60).nack()
        messages.get(timeout=60).ack()
        wait_until_acknowledged(pubsub, subscription)


def test_the_limits_of_flow_control_are_kept(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, *(str(number) for number in range(20)))

    with subscribed(pubsub, subscription, flow_control=FlowControl(max_messages=3)) as messages:
        for _ in range(20):
            message = messages.get(timeout=60)
            assert pubsub.emulator.counts()[subscription].outstanding <= 3
            message.ack()
        wait_until_acknowledged(pubsub, subscription)


def test_two_streams_share_a_subscription(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)

    with subscribed(pubsub, subscription) as one, subscribed(pubsub, subscription) as other:
        ids = pubsub.publish(topic, *(str(number) for number in range(10)))
        received: list[str] = []
        while len(received) < 10:
            for messages in (one, other):
                try:
                    message = messages.get(timeout=0.1)
                except queue.Empty:
                    continue
                received.append(message.message_id)
                message.ack()
        wait_until_acknowledged(pubsub, subscription)
    assert sorted(received) == sorted(ids)


def test_messages_with_a_key_come_in_order(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_message_ordering=True)
    received: list[str] = []
    complete = threading.Event()

    def take(message: Message) -> None:
        received.append(message.data.decode())
        message.ack()
        if len(received) == 50:
            complete.set()

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{pubsub.emulator.port}")
        publisher = PublisherClient(publisher_options=PublisherOptions(enable_message_ordering=True))
    for number in range(50):
        publisher.publish(topic, str(number).encode(), ordering_key="k")
    future = pubsub.subscriber.subscribe(subscription, callback=take)
    assert complete.wait(120)
    future.cancel()
    future.result(60)
    publisher.stop()

    assert received == [str(number) for number in range(50)]


def test_with_exactly_once_delivery_acknowledgements_are_confirmed(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    pubsub.publish(topic, "a")

    with subscribed(pubsub, subscription) as messages:
        messages.get(timeout=60).ack_with_response().result(60)
        wait_until_acknowledged(pubsub, subscription)


def test_the_stream_of_a_deleted_subscription_ends(pubsub: PubSub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    future = pubsub.subscriber.subscribe(subscription, callback=lambda message: None)
    with pytest.raises(FutureTimeout):
        future.result(0.2)

    pubsub.subscriber.delete_subscription(subscription=subscription)

    with pytest.raises(exceptions.NotFound):
        future.result(60)


def wait_until_acknowledged(pubsub: PubSub, subscription: str) -> None:
    pubsub.wait_for(lambda: pubsub.emulator.counts()[subscription].unacknowledged == 0)
