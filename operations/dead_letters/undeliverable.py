"""Brings back the messages that the DLQ handler did not take: Pub/Sub forwards them to a topic of their own.

https://cloud.google.com/pubsub/docs/dead-letter-topics
"""

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PubsubMessage, ReceivedMessage, SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from functions.shared.clients import emulator_channel
from functions.shared.dead_letter_topic import publisher_client

_PULLED_AT_ONCE = 200
"""Fewer than can be published again before their leases end, a minute later."""

_WAIT_SECONDS = 5.0
"""How long a pull waits before it finds that no message is left."""


class Undeliverable:
    """The subscription of the undeliverable messages.

    Args:
        topic: the id of the topic that the messages come from.
    """

    def __init__(self, *, project: str, subscription: str, topic: str) -> None:
        self.subscription = subscription
        self._path = f"projects/{project}/subscriptions/{subscription}"
        self._topic = f"projects/{project}/topics/{topic}"
        channel = emulator_channel("PUBSUB_EMULATOR_HOST")
        transport = SubscriberGrpcTransport(channel=channel) if channel else None
        self._subscriber = SubscriberClient(transport=transport)

    def pull(self) -> list[ReceivedMessage]:
        """Lease some messages for a minute. None are left if it finds none.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Pub/Sub refuses or does not answer.
        """
        try:
            answer = self._subscriber.pull(subscription=self._path, max_messages=_PULLED_AT_ONCE, timeout=_WAIT_SECONDS)
        except DeadlineExceeded:
            return []
        return list(answer.received_messages)

    def look(self) -> list[PubsubMessage]:
        """All messages that wait. They are leased meanwhile, and released at the end.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Pub/Sub refuses or does not answer.
        """
        found: dict[str, PubsubMessage] = {}
        leased: list[list[str]] = []
        while received := self.pull():
            leased.append([each.ack_id for each in received])
            new = {each.message.message_id: each.message for each in received if each.message.message_id not in found}
            if not new:
                # What comes twice has outlived its lease: nothing is left behind it.
                break
            found |= new
        for ack_ids in leased:
            self._subscriber.modify_ack_deadline(subscription=self._path, ack_ids=ack_ids, ack_deadline_seconds=0)
        return list(found.values())

    def redeliver(self, received: ReceivedMessage) -> PubsubMessage:
        """Publish a message again on the topic that it came from, and then acknowledge it. Returns the message.

        If the process ends in between, the message is published once more by the next call. The handler stores it once.
        Its attributes say when it was published first, so that the handler knows it again.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Pub/Sub refuses or does not answer.
        """
        message = received.message
        again = PubsubMessage(data=message.data, attributes=message.attributes, ordering_key=message.ordering_key)
        publisher_client().publish(topic=self._topic, messages=[again])
        self._subscriber.acknowledge(subscription=self._path, ack_ids=[received.ack_id])
        return message
