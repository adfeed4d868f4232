"""The whole way of a dead letter: published, pushed by Pub/Sub, and again until people were told."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from google.cloud.pubsub_v1 import PublisherClient

from local_cloud.clock import Clock
from local_cloud.pubsub.server import PubSubEmulator
from local_pipeline.dead_letters import make_dead_letter_topics
from local_pipeline.inbox.faults import Answer
from tests.functions.dlq_handler.integration.conftest import INVOKER, PROJECT, TOPIC, URL, Cloud, letter
from tests.support import PATIENCE_SECONDS

STORM = "SendGrid answered 500: it is on fire"
LETTERS = 60


@dataclass(frozen=True, kw_only=True)
class Topic:
    """The dead letter topic, whose messages are pushed to the handler."""

    emulator: PubSubEmulator
    publisher: PublisherClient
    clock: Clock
    around: Cloud

    def publish(self, error: str, count: int) -> None:
        letters = [letter(f"user-{number}", error=error) for number in range(count)]
        for future in [self.publisher.publish(TOPIC, dead.to_json()) for dead in letters]:
            future.result(PATIENCE_SECONDS)

    def deliver_everything(self) -> int:
        """Let minutes pass until nothing is left; returns how many passed, also by themselves on a slow machine."""
        began = time.monotonic()
        for minutes in range(30):
            # What failed waits for its backoff to end; what is left over when nothing else moves is the leader.
            while any(counts.outstanding for counts in self.emulator.counts().values()):
                assert time.monotonic() - began < 600, "delivered in vain"
                time.sleep(0.01)
            if self.emulator.idle():
                return minutes + int(time.monotonic() - began) // 60
            self.around.let_a_minute_pass()
            self.around.background.run(self.advance())
            time.sleep(0.02)
        raise AssertionError(f"still not delivered: {self.emulator.counts()}")

    async def advance(self) -> None:
        self.clock.advance(timedelta(minutes=10))


@pytest.fixture
def topic(around: Cloud) -> Iterator[Topic]:
    handler, clock = around.handler(), Clock()

    emulator = PubSubEmulator(host="127.0.0.1", port=0, clock=clock, mint_token=around.identity.mint)
    around.background.run(emulator.start())
    around.background.run(
        make_dead_letter_topics(
            f"127.0.0.1:{emulator.port}", project=PROJECT, handler_url=handler.root, invoker=INVOKER, audience=URL
        )
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{emulator.port}")
        publisher = PublisherClient()
    yield Topic(emulator=emulator, publisher=publisher, clock=clock, around=around)
    publisher.stop()
    around.background.run(emulator.stop())


def test_a_storm_delivered_twice_is_told_whole_and_in_few_messages(around: Cloud, topic: Topic) -> None:
    topic.emulator.deliver_copies(lambda _subscription, _message: 2)

    topic.publish(STORM, LETTERS)
    minutes = topic.deliver_everything()

    records = around.records()
    assert len(records) == LETTERS
    assert all(stored["alerted_at"] for stored in records.values())
    assert len(around.slack) <= minutes + 1


def test_while_slack_is_away_nothing_is_lost(around: Cloud, topic: Topic) -> None:
    around.inbox.answer_next("slack", Answer(status=503), times=5)

    topic.publish(STORM, LETTERS)
    topic.deliver_everything()

    records = around.records()
    assert len(records) == LETTERS
    assert all(stored["alerted_at"] for stored in records.values())
