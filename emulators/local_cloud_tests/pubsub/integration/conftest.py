"""A Pub/Sub on a real port, and Google's own clients to talk to it."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.identity import IdentityProvider
from local_cloud.pubsub.server import PubSubEmulator

PROJECT = "local-project"

_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class PubSub:
    """The emulator, who signs its tokens, and its clients."""

    background: Background
    clock: Clock
    emulator: PubSubEmulator
    identity: IdentityProvider
    publisher: PublisherClient
    subscriber: SubscriberClient

    def topic(self) -> str:
        """A new topic."""
        name = f"projects/{PROJECT}/topics/topic-{next(_numbers)}"
        self.publisher.create_topic(name=name)
        return name

    def subscription(self, topic: str, **settings: object) -> str:
        """A new subscription."""
        name = f"projects/{PROJECT}/subscriptions/subscription-{next(_numbers)}"
        self.subscriber.create_subscription(request={"name": name, "topic": topic, **settings})
        return name

    def publish(self, topic: str, *bodies: str, **attributes: str) -> list[str]:
        """Publish messages, one after the other."""
        return [self.publisher.publish(topic, body.encode(), **attributes).result(60) for body in bodies]

    def advance(self, seconds: float) -> None:
        """Let time pass."""

        async def advance() -> None:
            self.clock.advance(timedelta(seconds=seconds))

        self.background.run(advance())

    def wait_for(self, condition: Callable[[], bool], seconds: float = 120) -> None:
        """Return once the condition holds; fail if it does not in so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    def deliver_everything(self) -> None:
        """Let backoffs end until nothing is left to be delivered."""
        while not self.emulator.idle():
            self.wait_for(lambda: not any(counts.outstanding for counts in self.emulator.counts().values()))
            self.advance(60)


@pytest.fixture(scope="module")
def pubsub(background: Background) -> Iterator[PubSub]:
    clock = Clock(still=True)

    identity = IdentityProvider(host="127.0.0.1", port=0, clock=Clock())
    emulator = PubSubEmulator(host="127.0.0.1", port=0, clock=clock, mint_token=identity.mint)
    for server in (identity, emulator):
        background.run(server.start())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{emulator.port}")
        publisher, subscriber = PublisherClient(), SubscriberClient()
    yield PubSub(
        background=background,
        clock=clock,
        emulator=emulator,
        identity=identity,
        publisher=publisher,
        subscriber=subscriber,
    )
    publisher.stop()
    subscriber.close()
    for server in (emulator, identity):
        background.run(server.stop())
