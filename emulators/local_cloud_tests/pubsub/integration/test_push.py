"""Pushes to a real HTTP endpoint."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import jwt
import pytest
from aiohttp import web
from google.cloud.pubsub_v1.types import PubsubMessage
from google.pubsub_v1.services.publisher import PublisherClient

from local_cloud.background import Background
from local_cloud.http import HttpServer
from local_cloud_tests.pubsub.integration.conftest import PubSub


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


@pytest.mark.parametrize("audience", ["https://handler.example.com", ""])
def test_a_push_carries_the_token_that_its_subscription_asks_for(
    pubsub: PubSub, endpoint: Endpoint, audience: str
) -> None:
    topic = pubsub.topic()
    account = "events@local-project.iam.gserviceaccount.com"
    oidc_token = {"service_account_email": account, "audience": audience}
    pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url, "oidc_token": oidc_token})
    pubsub.publish(topic, "a")
    pubsub.wait_for(pubsub.emulator.idle)

    ((headers, _),) = endpoint.requests
    scheme, token = headers["Authorization"].split(" ")
    claims = jwt.decode(
        token,
        jwt.PyJWKClient(pubsub.identity.certs_url).get_signing_key_from_jwt(token),
        algorithms=["RS256"],
        audience=audience or endpoint.url,
        issuer=pubsub.identity.issuer,
    )
    assert (scheme, claims["email"], claims["email_verified"]) == ("Bearer", account, True)


def test_a_push_says_which_attempt_it_is_and_the_last_one_is_a_dead_letter(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic, undeliverable = pubsub.topic(), pubsub.topic()
    graveyard = pubsub.subscription(undeliverable)
    subscription = pubsub.subscription(
        topic,
        push_config={"push_endpoint": endpoint.url},
        retry_policy={"minimum_backoff": timedelta(seconds=10), "maximum_backoff": timedelta(seconds=20)},
        dead_letter_policy={"dead_letter_topic": undeliverable, "max_delivery_attempts": 5},
    )
    endpoint.statuses = [500] * 5
    pubsub.publish(topic, "a", kind="greeting")
    pubsub.deliver_everything()

    assert [json.loads(body)["deliveryAttempt"] for _, body in endpoint.requests] == [1, 2, 3, 4, 5]
    (received,) = pubsub.subscriber.pull(subscription=graveyard, max_messages=100, timeout=60).received_messages
    assert (received.message.data, received.message.attributes["kind"]) == (b"a", "greeting")
    assert received.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert received.message.attributes["CloudPubSubDeadLetterSourceSubscription"] == subscription.rpartition("/")[2]


def test_nothing_is_pushed_that_was_deleted(pubsub: PubSub, endpoint: Endpoint) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url})
    pubsub.subscriber.delete_subscription(subscription=subscription)
    pubsub.publish(topic, "a")
    other = pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url})
    pubsub.publish(topic, "b")

    pubsub.wait_for(lambda: pubsub.emulator.counts()[other].unacknowledged == 0)

    assert endpoint.bodies == ["b"]
