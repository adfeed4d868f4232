"""The messages that the DLQ handler did not take, on their way back to it."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from functions.shared.dead_letter_topic import publisher_client
from local_cloud.clock import Clock
from local_cloud.pubsub.server import PubSubEmulator
from local_pipeline.dead_letters import DEAD_LETTERS, UNDELIVERABLE, make_dead_letter_topics
from tests.operations.integration.conftest import Project
from tests.support import pull_now


class Topics:
    """Both topics, in the project; what is published on that of dead letters is there to be seen."""

    def __init__(self, project: Project, publisher: PublisherClient, subscriber: SubscriberClient) -> None:
        self._topics, self._subscriptions = (f"projects/{project.id}/{kind}" for kind in ("topics", "subscriptions"))
        self._publisher, self._subscriber = publisher, subscriber
        subscriber.create_subscription(name=f"{self._subscriptions}/seen", topic=f"{self._topics}/{DEAD_LETTERS}")

    def put_in(self, data: bytes = b"{}", *, count: int = 1, **attributes: str) -> None:
        forwarded = {"CloudPubSubDeadLetterSourceDeliveryCount": "100", **attributes}
        topic = f"{self._topics}/{UNDELIVERABLE}"
        for future in [self._publisher.publish(topic, data, **forwarded) for _ in range(count)]:
            future.result(60)

    def published(self) -> list[tuple[bytes, dict[str, str]]]:
        """What has come on the topic of dead letters."""
        return [(each.message.data, dict(each.message.attributes)) for each in self._in("seen")]

    def waiting(self) -> int:
        """How many messages are undeliverable, a hundred at most."""
        return len(self._in(UNDELIVERABLE))

    def _in(self, subscription: str) -> list[Any]:
        return pull_now(self._subscriber, f"{self._subscriptions}/{subscription}")


@pytest.fixture
def topics(project: Project) -> Iterator[Topics]:
    pubsub = PubSubEmulator(host="127.0.0.1", port=0, clock=Clock())
    project.background.run(pubsub.start())
    host = f"127.0.0.1:{pubsub.port}"
    project.variables |= {"PUBSUB_EMULATOR_HOST": host, "DEAD_LETTER_TOPIC": DEAD_LETTERS}
    nowhere = "http://127.0.0.1:1"
    project.background.run(make_dead_letter_topics(host, project=project.id, handler_url=nowhere, invoker="e@p.iam"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBSUB_EMULATOR_HOST", host)
        publisher, subscriber = PublisherClient(), SubscriberClient()
        # Here a message is there as soon as it is published.
        environment.setattr("operations.dead_letters.undeliverable._WAIT_SECONDS", 1.0)
        publisher_client.cache_clear()
        yield Topics(project, publisher, subscriber)
    publisher_client.cache_clear()
    publisher.stop()
    subscriber.close()
    project.background.run(pubsub.stop())


def test_what_waits_is_published_again_as_it_was(project: Project, topics: Topics) -> None:
    topics.put_in(b'{"a": 1}', reason="lost", CloudTasksTaskName="abc")
    topics.put_in(b"\xff", alert="no-run")

    answer = project.reports("dead-letters", "redeliver", "--yes")

    assert (answer.status, answer.err) == (0, "")
    assert answer.out.split() == ["1", "delivered", "again:", "lost", "1", "delivered", "again:", "no-run"]
    forwarded = {"CloudPubSubDeadLetterSourceDeliveryCount": "100"}
    assert sorted(topics.published(), key=lambda each: each[0]) == [
        (b'{"a": 1}', {"reason": "lost", "CloudTasksTaskName": "abc", **forwarded}),
        (b"\xff", {"alert": "no-run", **forwarded}),
    ]
    assert topics.waiting() == 0


def test_a_dry_run_counts_and_leaves_everything_as_it_is(project: Project, topics: Topics) -> None:
    """More than one pull finds."""
    topics.put_in(count=250, reason="lost")
    topics.put_in()

    answer = project.reports("dead-letters", "redeliver", "--dry-run", "--json")

    assert answer.status == 0
    assert answer.json == {"dry_run": True, "interrupted": False, "messages": {"lost": 250, "other": 1}}
    assert topics.published() == []
    assert project.reports("dead-letters", "redeliver", "--yes", "--json").json["messages"] == {"lost": 250, "other": 1}
    assert len(topics.published()) == 100
    assert "no messages in report-undeliverable" in project.reports("dead-letters", "redeliver", "--dry-run").out


def test_nothing_is_done_without_a_yes(project: Project, topics: Topics) -> None:
    topics.put_in(reason="lost")

    answer = project.reports("dead-letters", "redeliver")

    assert answer.status == 1
    assert "pass --yes to deliver again what report-undeliverable holds" in answer.err
    assert topics.waiting() == 1


def test_beside_emulators_it_never_works_on_googles_pubsub(project: Project) -> None:
    answer = project.reports("dead-letters", "redeliver", "--dry-run", PUBSUB_EMULATOR_HOST=None)

    assert answer.status == 3
    assert "PUBSUB_EMULATOR_HOST is not set" in answer.err
