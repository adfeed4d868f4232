"""The local Pub/Sub: google.pubsub.v1 over gRPC, and pushes over HTTP."""

from collections.abc import Sequence

from local_cloud.clock import Clock
from local_cloud.errors import PortInUse
from local_cloud.identity import MintToken
from local_cloud.one_port import OnePort, without_rest
from local_cloud.pubsub import iam, publisher, schemas, subscriber
from local_cloud.pubsub.backlog import Counts
from local_cloud.pubsub.broker import Broker, Copies
from local_cloud.pubsub.names import short_name
from local_cloud.pubsub.push import Pusher
from local_cloud.rpc import Middleware, RpcServer


class PubSubEmulator:
    """A Pub/Sub service on one port, all in memory. Client libraries find it by PUBSUB_EMULATOR_HOST.

    Args:
        host: the address to bind.
        port: the port, 0 for any free one.
        clock: what all deadlines, backoffs and retention are counted by.
        middleware: wrapped around every gRPC call, the first outermost.
        answers_http: whether the port also answers HTTP/1: `GET /` as Google's emulator does, and anything else with a
            refusal that names gRPC. It costs a third more CPU.
        mint_token: signs the tokens of push subscriptions that ask for them; None: pushes carry none.

    Attributes:
        port: the bound port, once started.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        answers_http: bool = False,
        clock: Clock,
        middleware: Sequence[Middleware] = (),
        mint_token: MintToken | None = None,
    ) -> None:
        self._pusher = Pusher(clock, mint_token)
        self._broker = Broker(clock, self._pusher.run)
        self._server = RpcServer("Pub/Sub", host, 0 if answers_http else port, middleware)
        self._front = (
            OnePort("Pub/Sub", host, port, without_rest("Pub/Sub"), lambda: self._server.port) if answers_http else None
        )
        self._server.add_service(publisher.SERVICE, publisher.METHODS, publisher.PublisherService(self._broker))
        self._server.add_service(subscriber.SERVICE, subscriber.METHODS, subscriber.SubscriberService(self._broker))
        self._server.add_service(schemas.SERVICE, schemas.METHODS, schemas.SchemaService(self._broker))
        self._server.add_service(iam.SERVICE, iam.METHODS, iam.IamService(self._broker))

    @property
    def port(self) -> int:
        return self._server.port if self._front is None else self._front.port

    async def start(self) -> None:
        """Bind and begin to serve.

        Raises:
            PortInUse: another process has the port.
        """
        await self._server.start()
        if self._front is not None:
            try:
                await self._front.start()
            except PortInUse:
                await self._server.stop()
                raise

    async def stop(self) -> None:
        """Stop serving and pushing. Unacknowledged messages are lost."""
        await self._broker.stop()
        if self._front is not None:
            await self._front.stop()
        await self._server.stop()
        await self._pusher.stop()

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
