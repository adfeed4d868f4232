"""What every compared system is asked for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from google.cloud.tasks_v2 import Queue, RateLimits
from google.protobuf.field_mask_pb2 import FieldMask

from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from functions.shared.settings import MailProviderName
from local_cloud.tasks.settings import MAX_DISPATCHES_PER_SECOND
from proof.faults.instances import until
from proof.faults.subscription_key import SubscriptionKey
from proof.faults.world import QUEUE, World

AT_ONCE = 8
"""The most reports that are under way at once, over all instances of a system."""

PACE = 10
"""Reports a second that come to a system, as the shipped queue sends them: faster, a kill would hit more of them."""

_MOST_TIMES_SLOWER = 10
"""How far a busy machine may stay behind the pace."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """The reports of which a person is told, by a dead letter or a final failure: that they were not sent, or that
    nobody knows."""

    failed: Collection[str] = ()
    unknown: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Order:
    """Reports that are due at an hour, by whose they are, in the order of their numbers. The system has a world of its
    own, with the provider and Google Cloud, and a folder for logs and what it keeps."""

    world: World
    hour: datetime
    keys: Sequence[SubscriptionKey]
    folder: Path

    @classmethod
    def of(cls, reports: int, world: World, folder: Path) -> "Order":
        """So many reports, each of a user of its own, that fall due now."""
        keys = [SubscriptionKey(f"r{number}", DEFAULT_SUBSCRIPTION) for number in range(reports)]
        return cls(world=world, hour=world.next_hour(), keys=keys, folder=folder)

    @property
    def reports(self) -> list[str]:
        """The reports' ids, by which the emails name them."""
        return [key.delivery(self.hour) for key in self.keys]


async def deliver_at_pace(order: Order) -> None:
    """Have the queue deliver the reports at the pace for the first time, and then all that is left."""
    world = order.world
    await _limit(world, PACE)
    await world.resume()
    await until(
        lambda: world.front_end.delivered.keys() >= set(order.reports),
        what="the first delivery of each report",
        seconds=60 + _MOST_TIMES_SLOWER * len(order.reports) / PACE,
    )
    await _limit(world, MAX_DISPATCHES_PER_SECOND)
    await world.drain()


async def _limit(world: World, dispatches_per_second: float) -> None:
    queue = Queue(name=QUEUE, rate_limits=RateLimits(max_dispatches_per_second=dispatches_per_second))
    await world.queues.update_queue(queue=queue, update_mask=FieldMask(paths=["rate_limits.max_dispatches_per_second"]))


class System(Protocol):
    """Sends reports."""

    @property
    def name(self) -> str:
        """In the table."""

    @property
    def provider(self) -> MailProviderName:
        """Through whom it sends."""

    async def send(self, order: Order) -> Told:
        """Send the reports, and return when nothing is under way any more."""

    async def kill(self, order: Order, report: str, request: bytes) -> None:
        """Kill the processes that carry out the tasks of the instance that has just posted a report's request."""


async def kill_instance_of(order: Order, report: str) -> None:
    """Kill the processes of the instance to which the queue gave a report."""
    instance = order.world.front_end.instance_of(report)
    if instance is not None:
        instance.kill()
