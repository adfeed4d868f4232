"""What the team's application hears: a subscriber that keeps each event, and how often it came."""

import warnings
from collections import Counter
from dataclasses import dataclass

from google.pubsub_v1 import SubscriberAsyncClient

from local_pipeline import clients
from local_pipeline.outcomes import make_outcomes_topic
from proof.faults.invariants import ToldOutcome

TOPIC = "report-outcomes"
_MOST = 1_000


@dataclass
class Application:
    """Pulls the events.

    Attributes:
        heard: each event, and how often it came.
    """

    heard: Counter[ToldOutcome]
    _subscriber: SubscriberAsyncClient
    _subscription: str

    @classmethod
    async def make(cls, host: str, project: str) -> "Application":
        """Make the topic, and listen to it."""
        await make_outcomes_topic(host, project=project, topic=TOPIC)
        return cls(Counter(), clients.subscriber(host), f"projects/{project}/subscriptions/{TOPIC}")

    async def listen(self) -> None:
        """Take all that has come."""
        while True:
            with warnings.catch_warnings():
                # Deprecated for the real service, where it may miss messages; here it finds all of them.
                warnings.simplefilter("ignore", DeprecationWarning)
                answer = await self._subscriber.pull(
                    subscription=self._subscription, max_messages=_MOST, return_immediately=True, timeout=60
                )
            if not answer.received_messages:
                return
            for each in answer.received_messages:
                told = each.message.attributes
                self.heard[
                    ToldOutcome(told["ce-id"], told["ce-type"], told["ce-subject"], each.message.data.decode())
                ] += 1
            ids = [each.ack_id for each in answer.received_messages]
            await self._subscriber.acknowledge(subscription=self._subscription, ack_ids=ids)
