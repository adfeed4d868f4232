"""A subscription: its settings as Pub/Sub reads them, its backlog, and the wake-up of those who wait for messages."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

import grpc
from google.iam.v1 import policy_pb2

from local_cloud.clock import Clock
from local_cloud.pubsub.backlog import Backlog, Delivery
from local_cloud.pubsub.backoff import AT_ONCE, DEFAULT_MAXIMUM, DEFAULT_MINIMUM, PUSH_BACKOFF, Backoff
from local_cloud.pubsub.filters import parse_filter
from local_cloud.pubsub.flow_control import FlowControl
from local_cloud.pubsub.messages import Message
from local_cloud.rpc import RpcError

MAX_BATCH_BYTES = 10 * 1024 * 1024
"""One answer with messages is not larger than this, leaving aside its last message."""


class Subscription:
    """One subscription. Its methods are called from the event loop's thread only.

    Args:
        config: the google.pubsub.v1.Subscription as created, a plain protobuf message, valid and with its defaults
            filled in.
        clock: what deadlines and backoffs are counted by.
        on_dead: called with a message that was delivered in vain as often as the dead letter policy allows, and with
            how often that was.
    """

    def __init__(
        self,
        config: Any,
        clock: Clock,
        *,
        on_dead: Callable[["Subscription", Message, int], None],
    ) -> None:
        self.config = config
        self._on_dead = on_dead
        self.backlog = Backlog(ordered=config.enable_message_ordering)
        self.deleted = False
        self.policy = policy_pb2.Policy()
        self._clock = clock
        self._matches = parse_filter(config.filter)
        self._changed = asyncio.Event()

    @property
    def name(self) -> str:
        return str(self.config.name)

    @property
    def push_endpoint(self) -> str:
        """Where messages are pushed; empty: they are pulled."""
        return str(self.config.push_config.push_endpoint)

    @property
    def ack_deadline(self) -> timedelta:
        return timedelta(seconds=self.config.ack_deadline_seconds)

    @property
    def retention(self) -> timedelta:
        retention: timedelta = self.config.message_retention_duration.ToTimedelta()
        return retention

    @property
    def backoff(self) -> Backoff:
        """How long a message waits for its next delivery."""
        if not self.config.HasField("retry_policy"):
            return PUSH_BACKOFF if self.push_endpoint else AT_ONCE
        policy = self.config.retry_policy
        return Backoff(
            minimum=policy.minimum_backoff.ToTimedelta() if policy.HasField("minimum_backoff") else DEFAULT_MINIMUM,
            maximum=policy.maximum_backoff.ToTimedelta() if policy.HasField("maximum_backoff") else DEFAULT_MAXIMUM,
        )

    def check_pullable(self) -> None:
        """Refuse a pull where messages are pushed, or where there is no longer a topic behind.

        Raises:
            RpcError: FAILED_PRECONDITION.
        """
        if self.config.detached:
            raise RpcError(grpc.StatusCode.FAILED_PRECONDITION, "The subscription is detached from its topic.")
        if self.push_endpoint:
            raise RpcError(grpc.StatusCode.FAILED_PRECONDITION, "A push subscription cannot be pulled from.")

    def offer(self, message: Message) -> None:
        """Take a message in if the filter lets it pass."""
        if self._matches(message.attributes) and not self.config.detached:
            self.backlog.add(message)
            self.wake()

    def matches(self, message: Message) -> bool:
        """Whether the filter lets the message pass."""
        return self._matches(message.attributes)

    def take(self, limit: int, *, deadline: timedelta | None = None, flow: FlowControl | None = None) -> list[Delivery]:
        """Lease messages to a subscriber for the time given, the subscription's own ack deadline where none is."""
        self.settle()
        return self.backlog.take(
            limit=limit,
            deadline=self._clock.now() + (deadline or self.ack_deadline),
            max_bytes=MAX_BATCH_BYTES,
            flow=flow,
        )

    def acknowledge(self, ack_ids: Sequence[str]) -> list[str]:
        """Acknowledge messages; returns the ids whose lease had ended.

        Raises:
            InvalidAckId: an id is malformed.
        """
        self.settle()
        retain, late = self.config.retain_acked_messages, not self.config.enable_exactly_once_delivery
        expired = [ack_id for ack_id in ack_ids if not self.backlog.acknowledge(ack_id, retain=retain, late=late)]
        self.wake()
        return expired

    def modify_deadlines(self, ack_ids: Sequence[str], seconds: int) -> list[str]:
        """Let leases end so many seconds from now, 0: refuse the messages.

        Returns:
            The ids whose lease had ended.

        Raises:
            InvalidAckId: an id is malformed.
        """
        self.settle()
        now = self._clock.now()
        if seconds:
            deadline = now + timedelta(seconds=seconds)
            expired = [ack_id for ack_id in ack_ids if not self.backlog.extend(ack_id, deadline)]
        else:
            expired = self.backlog.refuse(
                ack_ids,
                now=now,
                backoff=self.backoff,
                max_attempts=self.config.dead_letter_policy.max_delivery_attempts,
            )
            self._give_up_dead()
        self.wake()
        return expired

    def settle(self) -> None:
        """Apply everything that has become due."""
        ready = self.backlog.settle(
            now=self._clock.now(),
            backoff=self.backoff,
            retention=self.retention,
            max_attempts=self.config.dead_letter_policy.max_delivery_attempts,
        )
        self._give_up_dead()
        if ready:
            self.wake()

    def wake(self) -> None:
        """Wake all that wait for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    def changed(self) -> Coroutine[Any, Any, bool]:
        """Wait until messages may have become available, or limits or settings have changed, since this call."""
        return self._changed.wait()

    async def changed_or_due(self) -> None:
        """Like `changed`, but also return when time alone changes something in the backlog."""
        due = self.backlog.next_change(self.retention)
        if due is None:
            await self.changed()
            return
        waits = [asyncio.ensure_future(self.changed()), asyncio.ensure_future(self._clock.sleep_until(due))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _give_up_dead(self) -> None:
        for message, attempts in self.backlog.take_dead():
            self._on_dead(self, message, attempts)
