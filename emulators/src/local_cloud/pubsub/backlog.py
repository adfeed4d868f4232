"""The messages of a Pub/Sub subscription, with their leases, deadlines and redeliveries.

https://cloud.google.com/pubsub/docs/lease-management
"""

import heapq
import itertools
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local_cloud.pubsub.backoff import Backoff
from local_cloud.pubsub.flow_control import FlowControl
from local_cloud.pubsub.messages import Message


class InvalidAckId(ValueError):
    """Not an acknowledgement id that this subscription ever gave."""


@dataclass(eq=False)
class _Held:
    """A message in a backlog.

    A message is ready, waits for its backoff to end (`available_at`), is leased, or is acknowledged and only retained.
    """

    number: int
    message: Message
    failures: int = 0
    lease: "_Lease | None" = None
    available_at: datetime | None = None
    acknowledged: bool = False

    def __lt__(self, other: "_Held") -> bool:
        return self.number < other.number


@dataclass(eq=False)
class _Lease:
    ack_id: str
    deadline: datetime
    flow: FlowControl | None


@dataclass(eq=False)
class _Key:
    """An ordering key: a message that is out, or waits for redelivery, holds back the rest."""

    busy: int = 0
    held_back: list[_Held] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message as it is handed to a subscriber.

    Attributes:
        attempt: 1 + the times that it was refused or its deadline passed.
    """

    ack_id: str
    message: Message
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many messages of a subscription wait to be delivered, and how many are with a subscriber."""

    waiting: int
    outstanding: int

    @property
    def unacknowledged(self) -> int:
        return self.waiting + self.outstanding


class Backlog:
    """The messages of one subscription. It reads no clock: every method that needs the time is given it.

    With ordering, the messages of a key are delivered in the order in which they were published: one batch of a key is
    out at a time, and a message that is delivered again takes those of its key that are still out with it. (Pub/Sub
    delivers those again too that were acknowledged after it.)

    Args:
        ordered: whether ordering keys are respected.
    """

    def __init__(self, *, ordered: bool = False) -> None:
        self.ordered = ordered
        # Ordered, because the oldest entry is read all the time: a plain dict searches from where its first entry was.
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._ready: list[_Held] = []
        self._delayed: list[tuple[datetime, int, _Held]] = []
        self._deadlines: list[tuple[datetime, int, _Lease, _Held]] = []
        self._order = itertools.count()
        self._dead: list[tuple[Message, int]] = []
        self._leases: dict[str, _Held] = {}
        self._keys: dict[str, _Key] = {}
        self._acknowledged = 0
        self._number = 0
        self._deliveries = 0

    @property
    def counts(self) -> Counts:
        """What is unacknowledged at the moment of the last call."""
        unacknowledged = len(self._held) - self._acknowledged
        return Counts(waiting=unacknowledged - len(self._leases), outstanding=len(self._leases))

    def add(self, message: Message) -> None:
        """Take a message in, ready to be delivered."""
        self._number += 1
        held = _Held(self._number, message)
        self._held[held.number] = held
        heapq.heappush(self._ready, held)

    def take(
        self, *, limit: int, deadline: datetime, max_bytes: int, flow: FlowControl | None = None
    ) -> list[Delivery]:
        """Lease what is ready to a subscriber, oldest first.

        Args:
            limit: how many at most.
            deadline: when the leases end.
            max_bytes: stop once so much is taken.
            flow: the limits of this subscriber, which are kept and counted.
        """
        taken: list[Delivery] = []
        taken_keys: set[str] = set()
        total = 0
        while self._ready and len(taken) < limit and total < max_bytes and (flow is None or flow.is_open):
            held = heapq.heappop(self._ready)
            if held.acknowledged or held.lease or held.available_at or self._held.get(held.number) is not held:
                continue
            key = self._key_of(held)
            if key:
                state = self._keys.setdefault(key, _Key())
                if state.busy and key not in taken_keys:
                    state.held_back.append(held)
                    continue
                taken_keys.add(key)
                state.busy += 1
            taken.append(self._lease(held, deadline, flow))
            total += held.message.size
        return taken

    def acknowledge(self, ack_id: str, *, retain: bool = False, late: bool = True) -> bool:
        """Acknowledge a message.

        Args:
            ack_id: as it was delivered.
            retain: keep it to be found again by a seek.
            late: whether an id whose lease has ended still counts while no other consumer has the message. With
                exactly-once delivery it does not, and the message is delivered again.

        Returns:
            Whether the lease was still live.

        Raises:
            InvalidAckId: the id is malformed.
        """
        held, live = self._find(ack_id)
        if held is None or held.acknowledged or (not live and (held.lease or not late)):
            return False
        self._end_lease(held)
        if held.available_at:
            held.available_at = None
            self._free_key(held)
        if retain:
            held.acknowledged = True
            self._acknowledged += 1
        else:
            del self._held[held.number]
        return live

    def extend(self, ack_id: str, deadline: datetime) -> bool:
        """Move the end of a lease; False if it had ended.

        Raises:
            InvalidAckId: the id is malformed.
        """
        held, live = self._find(ack_id)
        if held is None or held.lease is None or not live:
            return False
        held.lease.deadline = deadline
        heapq.heappush(self._deadlines, (deadline, next(self._order), held.lease, held))
        return True

    def refuse(self, ack_ids: Iterable[str], *, now: datetime, backoff: Backoff, max_attempts: int = 0) -> list[str]:
        """Give messages back, to be delivered again when their backoff ends.

        They fail together: of an ordering key, too, each of them counts.

        Returns:
            The ids whose lease had ended.

        Raises:
            InvalidAckId: an id is malformed; no message is given back.
        """
        found = {ack_id: self._find(ack_id) for ack_id in ack_ids}
        self._fail([held for held, live in found.values() if held and live], now, backoff, max_attempts)
        return [ack_id for ack_id, (_, live) in found.items() if not live]

    def settle(self, *, now: datetime, backoff: Backoff, retention: timedelta, max_attempts: int = 0) -> bool:
        """Apply everything that has become due: passed deadlines, ended backoffs, and expired messages.

        Args:
            now: the present.
            backoff: how long a message waits whose deadline has passed, from then on.
            retention: how old an unacknowledged message may become.
            max_attempts: the failures after which a message is dead; 0 for no limit.

        Returns:
            Whether messages have become ready to be delivered.
        """
        while self._deadlines and (moment := self._deadlines[0][0]) <= now:
            expired = set()  # a lease that was extended to the same moment has two entries
            while self._deadlines and self._deadlines[0][0] == moment:
                entry = heapq.heappop(self._deadlines)
                if self._is_current(*entry):
                    expired.add(entry[3])
            self._fail(expired, moment, backoff, max_attempts)
        ready = False
        while self._delayed and self._delayed[0][0] <= now:
            moment, _, held = heapq.heappop(self._delayed)
            if held.available_at == moment:
                held.available_at = None
                heapq.heappush(self._ready, held)
                self._free_key(held)
                ready = True
        for held in list(self._older_than(now - retention)):
            self._drop(held)
        return ready

    def next_change(self, retention: timedelta) -> datetime | None:
        """When `settle` next has something to do, or None if nothing waits for its time."""
        while self._deadlines and not self._is_current(*self._deadlines[0]):
            heapq.heappop(self._deadlines)
        moments = [heap[0][0] for heap in (self._deadlines, self._delayed) if heap]
        if oldest := next(iter(self._held.values()), None):
            moments.append(oldest.message.published_at + retention)
        return min(moments, default=None)

    def take_dead(self) -> list[tuple[Message, int]]:
        """The messages that failed as often as they may, with how often; they are no longer in the backlog."""
        dead, self._dead = self._dead, []
        return dead

    def seek(self, unacknowledged: Iterable[Message], *, retain: bool = False) -> None:
        """Make these the messages that are unacknowledged; leases end.

        Args:
            unacknowledged: each message once.
            retain: keep the others that are there, as acknowledged.
        """
        wanted = {message.sequence: message for message in unacknowledged}
        others = {message.sequence: message for message in self.retained() if retain}
        self.clear()
        for sequence, message in sorted((others | wanted).items()):
            self.add(message)
            if sequence not in wanted:
                self._held[self._number].acknowledged = True
                self._acknowledged += 1

    def clear(self) -> None:
        """Drop everything."""
        for held in self._held.values():
            self._end_lease(held)
        self._held.clear()
        self._ready.clear()
        self._delayed.clear()
        self._keys.clear()
        self._acknowledged = 0

    def retained(self) -> list[Message]:
        """Every message that is still there, acknowledged or not, oldest first."""
        return [held.message for held in self._held.values()]

    def unacknowledged(self) -> list[Message]:
        """The messages that are not acknowledged, oldest first."""
        return [held.message for held in self._held.values() if not held.acknowledged]

    def _lease(self, held: _Held, deadline: datetime, flow: FlowControl | None) -> Delivery:
        self._deliveries += 1
        lease = _Lease(f"{held.number}-{self._deliveries}", deadline, flow)
        held.lease = lease
        self._leases[lease.ack_id] = held
        heapq.heappush(self._deadlines, (deadline, next(self._order), lease, held))
        if flow:
            flow.hold(held.message.size)
        return Delivery(ack_id=lease.ack_id, message=held.message, attempt=held.failures + 1)

    def _find(self, ack_id: str) -> tuple[_Held | None, bool]:
        number, dash, delivery = ack_id.partition("-")
        if not (dash and number.isdecimal() and delivery.isdecimal()):
            raise InvalidAckId(ack_id)
        held = self._held.get(int(number))
        return held, held is not None and held.lease is not None and held.lease.ack_id == ack_id

    def _fail(self, together: Collection[_Held], now: datetime, backoff: Backoff, max_attempts: int) -> None:
        # First all leases, so that none of these is among those that come again with another.
        for held in together:
            self._end_lease(held, free_key=False)
        first: dict[str, int] = {}
        for held in sorted(together):
            held.failures += 1
            if 0 < max_attempts <= held.failures:
                self._free_key(held)
                self._drop(held)
                self._dead.append((held.message, held.failures))
                continue
            held.available_at = now + backoff.after(held.failures)
            heapq.heappush(self._delayed, (held.available_at, next(self._order), held))
            if key := self._key_of(held):
                first.setdefault(key, held.number)
        for other in [*self._leases.values()] if first else []:
            if other.number > first.get(self._key_of(other), other.number):
                self._end_lease(other)
                heapq.heappush(self._ready, other)

    def _end_lease(self, held: _Held, *, free_key: bool = True) -> None:
        if held.lease is None:
            return
        if held.lease.flow:
            held.lease.flow.release(held.message.size)
        del self._leases[held.lease.ack_id]
        held.lease = None
        if free_key:
            self._free_key(held)

    def _drop(self, held: _Held) -> None:
        self._end_lease(held)
        if held.available_at:
            held.available_at = None
            self._free_key(held)
        if held.acknowledged:
            self._acknowledged -= 1
        del self._held[held.number]

    def _free_key(self, held: _Held) -> None:
        key = self._key_of(held)
        if not key:
            return
        state = self._keys[key]
        state.busy -= 1
        if state.busy == 0:
            for other in state.held_back:
                heapq.heappush(self._ready, other)
            del self._keys[key]

    def _key_of(self, held: _Held) -> str:
        return held.message.ordering_key if self.ordered else ""

    def _older_than(self, moment: datetime) -> Iterator[_Held]:
        for held in self._held.values():
            if held.message.published_at > moment:
                return
            yield held

    @staticmethod
    def _is_current(moment: datetime, _number: int, lease: _Lease, held: _Held) -> bool:
        return held.lease is lease and lease.deadline == moment
