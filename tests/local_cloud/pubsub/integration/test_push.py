"""Pushes to a real HTTP endpoint, plain and as Eventarc sends them."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp import web
from cloudevents.http import from_http
from google.cloud.pubsub_v1.types import PubsubMessage
from google.pubsub_v1.services.publisher import PublisherClient

from local_cloud.http import HttpServer
from tests.local_cloud.pubsub.integration.conftest import PubSub
from tests.support import Background


@dataclass
class Endpoint:
    """Takes pushes, and answers each with the next status of a list, 204 when that is used up."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    hang: bool = False
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        if self.hang:
            await asyncio.Event().wait()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    @property
    def bodies(self) -> list[str]:
        return [base64.b64decode(json.loads(body)["message"]["data"]).decode() for _, body in self.requests]


@pytest.fixture
def endpoint(background: Background) -> Iterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application(client_max_size=20_000_000)
    app.router.add_post("/", endpoint.take)
    server = HttpServer("endpoint", app, "127.0.0.1", 0)
    background.run(server.start())
    endpoint.url = f"http://127.0.0.1:{server.port}/"
    yield endpoint
    background.run(server.stop())


def test_a_message_is_pushed_wrapped_in_json(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url})
    (message_id,) = pubsub.publish(topic, "hello", kind="greeting")

    pubsub.wait_for(lambda: pubsub.emulator.counts()[subscription].unacknowledged == 0)

    ((headers, body),) = endpoint.requests
    assert headers["Content-Type"] == "application/json"
    content = json.loads(body)
    assert content["subscription"] == subscription
    assert content["message"]["data"] == base64.b64encode(b"hello").decode()
    assert content["message"]["attributes"] == {"kind": "greeting"}
    assert content["message"]["messageId"] == content["message"]["message_id"] == message_id
    assert content["message"]["publishTime"].endswith("Z")
    assert pubsub.emulator.idle()


@pytest.mark.parametrize("refusal", [301, 400, 404, 429, 500, 503])
def test_any_other_answer_has_the_message_pushed_again(pubsub: PubSub, endpoint: Endpoint, refusal: int) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(
        topic, push_config={"push_endpoint": endpoint.url}, retry_policy={"minimum_backoff": timedelta(seconds=30)}
    )
    endpoint.statuses = [refusal]
    pubsub.publish(topic, "a")
    pubsub.wait_for(lambda: pubsub.emulator.counts()[subscription].waiting == 1 and len(endpoint.requests) == 1)
    assert not pubsub.emulator.idle()

    pubsub.advance(30)

    pubsub.wait_for(pubsub.emulator.idle)
    assert endpoint.bodies == ["a", "a"]


def test_an_endpoint_that_is_away_gets_the_message_when_it_is_back(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, push_config={"push_endpoint": "http://127.0.0.1:1/"})
    pubsub.publish(topic, "a")

    pubsub.subscriber.modify_push_config(
        request={"subscription": subscription, "push_config": {"push_endpoint": endpoint.url}}
    )
    pubsub.advance(60)

    pubsub.wait_for(pubsub.emulator.idle)
    assert endpoint.bodies == ["a"]


def test_an_endpoint_that_does_not_answer_in_time_is_asked_again(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url}, ack_deadline_seconds=10)
    endpoint.hang = True
    pubsub.publish(topic, "a")
    pubsub.wait_for(lambda: len(endpoint.requests) == 1)

    endpoint.hang = False
    pubsub.advance(10)
    pubsub.wait_for(lambda: pubsub.emulator.counts()[subscription].waiting == 1)
    pubsub.advance(60)

    pubsub.wait_for(pubsub.emulator.idle)
    assert endpoint.bodies == ["a", "a"]


def test_messages_with_a_key_are_pushed_in_order(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    messages = [PubsubMessage(data=str(number).encode(), ordering_key="k") for number in range(20)]
    endpoint.statuses = [204, 500, 204, 500]
    pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url}, enable_message_ordering=True)
    PublisherClient.publish(pubsub.publisher, topic=topic, messages=messages)
    pubsub.deliver_everything()

    delivered = list(dict.fromkeys(endpoint.bodies))
    assert delivered == [str(number) for number in range(20)]


def test_a_payload_can_be_pushed_without_wrapping(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url, "no_wrapper": {"write_metadata": True}})
    (message_id,) = pubsub.publish(topic, "raw", kind="greeting")
    pubsub.wait_for(pubsub.emulator.idle)

    ((headers, body),) = endpoint.requests
    assert body == b"raw"
    assert headers["x-goog-pubsub-message-id"] == message_id
    assert headers["kind"] == "greeting"


def test_eventarc_delivers_a_cloud_event(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()

    async def add() -> str:
        return pubsub.emulator.add_eventarc_trigger(topic=topic, destination=endpoint.url, trigger="dlq-handler")

    subscription = pubsub.background.run(add())
    (message_id,) = pubsub.publish(topic, '{"reason": "lost"}', reason="lost")
    pubsub.wait_for(pubsub.emulator.idle)

    ((headers, body),) = endpoint.requests
    event = from_http(headers, body)
    assert event["id"] == message_id
    assert event["type"] == "google.cloud.pubsub.topic.v1.messagePublished"
    assert event["source"] == f"//pubsub.googleapis.com/{topic}"
    assert event["specversion"] == "1.0"
    assert event["time"].endswith("Z")
    assert event.data["subscription"] == subscription
    assert subscription.rsplit("/", 1)[1].startswith("eventarc-us-central1-dlq-handler-sub-")
    assert base64.b64decode(event.data["message"]["data"]) == b'{"reason": "lost"}'
    assert event.data["message"]["attributes"] == {"reason": "lost"}


def test_an_event_that_fails_comes_again_after_eventarcs_backoff(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()

    async def add() -> str:
        return pubsub.emulator.add_eventarc_trigger(
            topic=topic, destination=endpoint.url, min_backoff=timedelta(seconds=1), max_backoff=timedelta(seconds=2)
        )

    subscription = pubsub.background.run(add())
    endpoint.statuses = [500, 503, 500]
    pubsub.publish(topic, "a")
    for failures in (1, 2, 3):

        def failed(failures: int = failures) -> bool:
            return len(endpoint.requests) == failures and pubsub.emulator.counts()[subscription].waiting == 1

        pubsub.wait_for(failed)
        pubsub.advance(2)
    pubsub.wait_for(pubsub.emulator.idle)

    assert endpoint.bodies == ["a"] * 4


def test_nothing_is_pushed_that_was_deleted(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url})
    pubsub.subscriber.delete_subscription(subscription=subscription)
    pubsub.publish(topic, "a")
    other = pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url})
    pubsub.publish(topic, "b")

    pubsub.wait_for(lambda: pubsub.emulator.counts()[other].unacknowledged == 0)

    assert endpoint.bodies == ["b"]
