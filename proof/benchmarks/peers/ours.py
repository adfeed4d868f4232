"""This pipeline: dispatcher, worker and DLQ handler."""

from dataclasses import dataclass
from itertools import islice

from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState
from functions.shared.records.delivery import DeliveryState
from functions.shared.settings import MailProviderName, OnUnknownOutcome
from functions.worker.destinations.email.provider import parts_of
from proof.benchmarks.peers.system import Order, Told, deliver_at_pace, kill_instance_of
from proof.faults.plans import Plan
from proof.faults.subscribers import KnownSubscription, subscription_fields, user_fields
from tests.seeding import subscription_reference, user_reference

_A_BATCH = 200
_MOST_RUNS = 30
"""The last reports are given up a day after they were due."""


@dataclass(frozen=True)
class Ours:
    """This pipeline with an email provider, and what it does about unknown outcomes."""

    provider: MailProviderName
    on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.DEAD_LETTER

    @property
    def name(self) -> str:
        """In the table."""
        is_shipped = self.on_unknown_outcome is OnUnknownOutcome.DEAD_LETTER
        return f"this pipeline, {self.provider}{'' if is_shipped else f', {self.on_unknown_outcome}'}"

    @property
    def _has_events(self) -> bool:
        return parts_of(self.provider).ABILITIES.has_events

    async def send(self, order: Order) -> Told:
        """Have the dispatcher called, and again in the hours that follow until every delivery is final."""
        world = order.world
        await world.worker(self.provider, self.on_unknown_outcome)
        if self._has_events:
            await world.send_mail_events()
        await _put_in(order)
        await world.pause()
        await world.run_with_retries(order.hour)
        await deliver_at_pace(order)
        for _ in range(_MOST_RUNS):
            deliveries = await world.documents("deliveries")
            if all(DeliveryState(each["state"]).is_final for each in deliveries.values()):
                break
            await world.run_with_retries(world.next_hour())
            await world.drain()
        letters = {
            letter: DeadLetterReason(fields["reason"])
            for letter, fields in (await world.documents("dead_letters")).items()
            if fields["state"] == DeadLetterState.OPEN
        }
        unknown = {letter for letter, reason in letters.items() if reason is DeadLetterReason.UNKNOWN_OUTCOME}
        return Told(failed=letters.keys() - unknown, unknown=unknown)

    async def kill(self, order: Order, report: str, request: bytes) -> None:
        """Kill the worker."""
        await kill_instance_of(order, report)


async def _put_in(order: Order) -> None:
    plan = Plan.due_at(order.hour, "monthly", "UTC")
    known = KnownSubscription(plan=plan, user_zone=plan.zone, first_due_at=order.hour)
    database, keys = order.world.database, iter(order.keys)
    while some := list(islice(keys, _A_BATCH)):
        batch = database.batch()
        for key in some:
            batch.set(user_reference(database, key.user_id), user_fields(key.user_id, plan.zone))
            batch.set(subscription_reference(database, *key), subscription_fields(key, known))
        await batch.commit()
