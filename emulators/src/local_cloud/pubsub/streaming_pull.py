"""A stream that sends messages as they come, and takes acknowledgements.

https://cloud.google.com/pubsub/docs/pull#streamingpull_api
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc

from local_cloud.pubsub.backlog import Delivery, InvalidAckId
from local_cloud.pubsub.broker import Broker
from local_cloud.pubsub.flow_control import FlowControl
from local_cloud.pubsub.names import check_name, short_name
from local_cloud.pubsub.subscriptions import Subscription
from local_cloud.pubsub.validation import check_ack_deadline, check_deadline_modification, invalid
from local_cloud.rpc import RpcError

MAX_MESSAGES_IN_RESPONSE = 100
"""Small enough that several streams share a backlog."""


class StreamingPull:
    """One open stream. Make it with `open`, close it when its client is gone.

    Args:
        subscription: what is pulled from.
        first: the request that opened the stream.
        requests: those that follow: acknowledgements, changes of deadlines, and empty ones that only keep the
            connection alive.
    """

    def __init__(self, subscription: Subscription, first: Any, requests: AsyncIterator[Any]) -> None:
        self.subscription = subscription
        self._requests = requests
        self._flow = FlowControl(max_messages=first.max_outstanding_messages, max_bytes=first.max_outstanding_bytes)
        self._deadline = timedelta(seconds=first.stream_ack_deadline_seconds)
        self._carry_out(first)
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, requests: AsyncIterator[Any], broker: Broker) -> "StreamingPull":
        """Read the first request.

        Raises:
            RpcError: INVALID_ARGUMENT, NOT_FOUND or FAILED_PRECONDITION, as for a pull.
        """
        first = await anext(requests, None)
        if first is None:
            invalid("The stream ended without a request.")
        check_name(first.subscription, "subscriptions")
        check_ack_deadline(first.stream_ack_deadline_seconds)
        subscription = broker.subscription(first.subscription)
        subscription.check_pullable()
        return cls(subscription, first, requests)

    async def deliveries(self) -> AsyncIterator[list[Delivery]]:
        """Messages as they come, until the client closes its side.

        Raises:
            RpcError: the client sent what it must not, or the subscription was deleted, detached or made to push.
        """
        while not self._reader.done():
            if self.subscription.deleted:
                name = short_name(self.subscription.name)
                raise RpcError(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name}).")
            self.subscription.check_pullable()
            if taken := self.subscription.take(MAX_MESSAGES_IN_RESPONSE, deadline=self._deadline, flow=self._flow):
                yield taken
            else:
                await self._change()
        self._reader.result()

    def close(self) -> None:
        """Stop reading. Delivered messages stay leased until their deadline, since the client may still acknowledge
        them."""
        self._reader.cancel()

    async def _change(self) -> None:
        changed = asyncio.ensure_future(self.subscription.changed())
        try:
            await asyncio.wait([changed, self._reader], return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()

    async def _read(self) -> None:
        async for request in self._requests:
            if request.subscription or request.max_outstanding_messages or request.max_outstanding_bytes:
                invalid("subscription and the limits of flow control are set in the first request of a stream only.")
            self._carry_out(request)

    def _carry_out(self, request: Any) -> None:
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            invalid("modify_deadline_ack_ids and modify_deadline_seconds differ in length.")
        if request.stream_ack_deadline_seconds:
            check_ack_deadline(request.stream_ack_deadline_seconds)
            self._deadline = timedelta(seconds=request.stream_ack_deadline_seconds)
        by_seconds: dict[int, list[str]] = {}
        for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
            check_deadline_modification(seconds)
            by_seconds.setdefault(seconds, []).append(ack_id)
        try:
            if request.ack_ids:
                self.subscription.acknowledge(request.ack_ids)
            for seconds, ack_ids in by_seconds.items():
                self.subscription.modify_deadlines(ack_ids, seconds)
        except InvalidAckId as error:
            invalid(f"Malformed acknowledgement id: {error}.")
