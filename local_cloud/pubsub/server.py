"""The local Pub/Sub: google.pubsub.v1 over gRPC, pushes over HTTP, and events as Eventarc delivers them."""

from collections.abc import Sequence
from datetime import timedelta

from google.pubsub_v1 import types

from local_cloud.clock import Clock
from local_cloud.pubsub import iam, publisher, subscriber
from local_cloud.pubsub.backlog import Counts
from local_cloud.pubsub.backoff import DEFAULT_MAXIMUM, DEFAULT_MINIMUM
from local_cloud.pubsub.broker import Broker, Copies, Topic
from local_cloud.pubsub.names import check_name, project_of, short_name
from local_cloud.pubsub.push import Pusher
from local_cloud.pubsub.subscriptions import Subscription
from local_cloud.pubsub.validation import check_subscription, fill_in_subscription
from local_cloud.rpc import Middleware, RpcServer

EVENTARC_RETENTION = timedelta(hours=24)
EVENTARC_ACK_DEADLINE = timedelta(seconds=10)
"""The settings of a trigger's subscription, even if a function needs longer.
https://github.com/hashicorp/terraform-provider-google/issues/17701"""


class PubSubEmulator:
    """A Pub/Sub service on one port, all in memory. Client libraries find it by PUBSUB_EMULATOR_HOST.

    Args:
        host: the address to bind.
        port: the port, 0 for any free one.
        clock: what all deadlines, backoffs and retention are counted by.
        middleware: wrapped around every gRPC call, the first outermost.

    Attributes:
        port: the bound port, once started.
    """

    def __init__(self, *, host: str, port: int, clock: Clock, middleware: Sequence[Middleware] = ()) -> None:
        self._pusher = Pusher(clock)
        self._broker = Broker(clock, self._pusher.run)
        self._server = RpcServer("Pub/Sub", host, port, middleware)
        self._server.add_service(publisher.SERVICE, publisher.METHODS, publisher.PublisherService(self._broker))
        self._server.add_service(subscriber.SERVICE, subscriber.METHODS, subscriber.SubscriberService(self._broker))
        self._server.add_service(iam.SERVICE, iam.METHODS, iam.IamService(self._broker))

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        """Bind and begin to serve.

        Raises:
            PortInUse: another process has the port.
        """
        await self._server.start()

    async def stop(self) -> None:
        """Stop serving and pushing. Unacknowledged messages are lost."""
        await self._broker.stop()
        await self._server.stop()
        await self._pusher.stop()

    def add_eventarc_trigger(
        self,
        *,
        topic: str,
        destination: str,
        trigger: str = "trigger",
        location: str = "us-central1",
        ack_deadline: timedelta = EVENTARC_ACK_DEADLINE,
        min_backoff: timedelta = DEFAULT_MINIMUM,
        max_backoff: timedelta = DEFAULT_MAXIMUM,
    ) -> str:
        """Deliver what is published to a topic as CloudEvents, as the Eventarc trigger of a function does.

        https://cloud.google.com/eventarc/docs/retry-events

        Args:
            topic: the topic's full name; it is made if there is none.
            destination: the URL that the events are POSTed to.
            trigger: the trigger's name, part of the subscription's.
            location: the trigger's region, likewise.
            ack_deadline: how long the destination has to answer, 10 to 600 s.
            min_backoff: the wait after the first delivery that failed, doubled by each further one.
            max_backoff: the longest wait.

        Returns:
            The full name of the subscription that delivers.

        Raises:
            RpcError: a name, the deadline or a backoff is not valid.
        """
        check_name(topic, "topics")
        if topic not in self._broker.topics:
            self._broker.topics[topic] = Topic(types.Topic.pb()(name=topic, state=types.Topic.State.ACTIVE))
        prefix = f"{project_of(topic)}/subscriptions/eventarc-{location}-{trigger}-sub"
        number = sum(name.startswith(prefix) for name in self._broker.subscriptions)
        config = types.Subscription.pb()(
            name=f"{prefix}-{number:03}", topic=topic, ack_deadline_seconds=int(ack_deadline.total_seconds())
        )
        check_name(config.name, "subscriptions")
        config.push_config.push_endpoint = destination
        config.message_retention_duration.FromTimedelta(EVENTARC_RETENTION)
        config.retry_policy.minimum_backoff.FromTimedelta(min_backoff)
        config.retry_policy.maximum_backoff.FromTimedelta(max_backoff)
        fill_in_subscription(config)
        check_subscription(config)
        self._broker.add_subscription(
            Subscription(config, self._broker.clock, on_dead=self._broker.forward_dead_letter, eventarc_topic=topic)
        )
        return str(config.name)

    def counts(self) -> dict[str, Counts]:
        """What each subscription, by its full name, holds that is not acknowledged."""
        return {name: subscription.backlog.counts for name, subscription in self._broker.subscriptions.items()}

    def idle(self) -> bool:
        """Whether every pushed message has been acknowledged."""
        return not any(
            subscription.push_endpoint and subscription.backlog.counts.unacknowledged
            for subscription in self._broker.subscriptions.values()
        )

    def deliver_copies(self, copies: Copies) -> None:
        """Let messages that are published from now on be delivered several times, as at-least-once allows.

        Args:
            copies: given the subscription's short name and the message, how often it is delivered; all copies have
                the same message id.
        """
        self._broker.copies = lambda subscription, message: copies(short_name(subscription), message)
