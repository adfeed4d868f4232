"""Workers that end, or stand still, at the worst moments."""

import asyncio
import resource
import signal
from datetime import timedelta
from typing import Any

from functions.shared.ids import delivery_id
from functions.shared.retry_policy import DISPATCH_DEADLINE
from functions.shared.settings import OnUnknownOutcome
from functions.shared.system_alert import AlertKind
from local_cloud.tasks.dispatch import Answer, AnswerLost
from tests.faults.crossings import Crossing, Point
from tests.faults.disturbances import CarryOut, answer
from tests.faults.instances import Instance, Send, until
from tests.faults.invariants import UNKNOWN_OUTCOME
from tests.faults.stage import Scenario, Script, Stage
from tests.faults.world import QUEUE

_SHARE = 0.1
_MOST_KILLS = 25
"""Each costs a new process."""

_HANGS = 2
_STEPS = {Point.READ_DELIVERY, Point.CLAIM, Point.SEND, Point.RELEASE, Point.SETTLE}
_LITTLE_MEMORY = 64 * 1024 * 1024
"""Bytes of address space, far below what the process has already: it keeps that, and gets no more."""


async def _killed(stage: Stage, point: Point, *, carried_out: bool, ending: str) -> None:
    """One after the other, so that a worker that is killed takes no other report with it."""
    victims = stage.victims(_SHARE, most=_MOST_KILLS)
    stage.may_end(victims, ending)
    stage.disturb(point, stage.kill(carried_out=carried_out), of=victims)
    await stage.world.dispatch_at_most(1)
    await stage.run_and_drain()


async def _before_the_claim(stage: Stage) -> None:
    await _killed(stage, Point.CLAIM, carried_out=False, ending="sent")


async def _after_the_claim(stage: Stage) -> None:
    await _killed(stage, Point.CLAIM, carried_out=True, ending=UNKNOWN_OUTCOME)


async def _after_the_request(stage: Stage) -> None:
    await _killed(stage, Point.SEND, carried_out=False, ending=UNKNOWN_OUTCOME)


async def _after_sendgrid_accepted(stage: Stage) -> None:
    await _killed(stage, Point.SEND, carried_out=True, ending=UNKNOWN_OUTCOME)


async def _before_the_ledger_was_written(stage: Stage) -> None:
    await _killed(stage, Point.SETTLE, carried_out=False, ending=UNKNOWN_OUTCOME)


async def _after_the_ledger_was_written(stage: Stage) -> None:
    await _killed(stage, Point.SETTLE, carried_out=True, ending="sent")


async def _killed_with_resend(stage: Stage) -> None:
    """Half of them after SendGrid has accepted, half before: both are sent again, since nobody can tell them apart."""
    victims = stage.victims(_SHARE * 2, most=_MOST_KILLS)
    stage.disturb(Point.SEND, stage.kill(carried_out=True), of=victims[::2])
    stage.disturb(Point.SEND, stage.kill(carried_out=False), of=victims[1::2])
    await stage.world.dispatch_at_most(1)
    await stage.run_and_drain()


async def _killed_at_random(stage: Stage) -> None:
    """At any call, with others under way in the same process, for two hours."""
    stage.disturbed_may_end(UNKNOWN_OUTCOME)
    stage.may_tell(AlertKind.OVERDUE_REPORTS)
    share = min(0.05, _MOST_KILLS / len(stage.due) / len(_STEPS))
    for carried_out in (True, False):
        chosen = stage.a_share(share, "killed", carried_out)
        stage.disturb(_STEPS, stage.kill(carried_out=carried_out), times=None, chosen=chosen)
    await stage.run_and_drain()
    stage.hour = stage.world.next_hour()
    await stage.run_and_drain()


async def _terminated(stage: Stage) -> None:
    """Told to end in the middle of a report, as Cloud Run does with an instance that it no longer needs."""

    async def terminate(crossing: Crossing, carry_out: CarryOut) -> Any:
        if (instance := stage.world.front_end.instance_of(crossing.subject)) is not None:
            instance.send_to_server(signal.SIGTERM)
            await asyncio.sleep(0.2)
        return await carry_out()

    stage.disturb(Point.SEND, terminate, of=stage.victims(_SHARE, most=3))
    await stage.run_and_drain()


async def _out_of_memory(stage: Stage) -> None:
    """Nothing more can be allocated in the middle of a report, and half a second later the process is killed for it.

    Until then it goes on with others, and whichever of them it had claimed when an allocation failed is unknown.
    """
    stage.may_end(stage.due, "sent", UNKNOWN_OUTCOME)

    async def exhaust(crossing: Crossing, carry_out: CarryOut) -> Any:
        if (instance := stage.world.front_end.instance_of(crossing.subject)) is not None:
            for child in instance.children():
                resource.prlimit(child, resource.RLIMIT_AS, (_LITTLE_MEMORY, resource.RLIM_INFINITY))
            asyncio.get_running_loop().call_later(0.5, instance.kill)
        return await carry_out()

    stage.disturb(Point.READ_DELIVERY, exhaust, of=stage.victims(0.1, most=_MOST_KILLS))
    await stage.run_and_drain()


def _hangs(point: Point, *, carried_out: bool, ending: str) -> Script:
    """A worker stands still until the queue has given its attempt up and another has had the task, and then goes on."""

    async def script(stage: Stage) -> None:
        await stage.world.dispatch_at_most(1)
        for number in range(_HANGS):
            if number:
                stage.hour = stage.world.next_hour()
            victim = delivery_id(stage.dice.one_of(stage.hourly, "hangs", number), stage.hour)
            stage.may_end([victim], ending)
            await _hang(stage, point, victim, carried_out=carried_out)
            await stage.world.drain()

    return script


async def _hang(stage: Stage, point: Point, victim: str, *, carried_out: bool) -> None:
    world = stage.world
    frozen: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
    stage.disturb(point, stage.freeze(frozen, carried_out=carried_out), of=[victim])
    await stage.run()
    instance = await frozen
    world.pass_time(DISPATCH_DEADLINE + timedelta(seconds=1))
    # Everything else is worked off by the other instance.
    await world.drain()
    instance.send(signal.SIGCONT)
    instance.available = True
    await instance.answers()


async def _all_away(stage: Stage) -> None:
    """There is no instance for longer than the queue tries: every task is deleted, and nobody says so."""
    stage.may_tell(AlertKind.OVERDUE_REPORTS)
    stage.world.no_worker()
    await stage.run_and_drain()
    if not stage.world.tasks.dropped(QUEUE):
        raise RuntimeError("the queue has given up nothing")


async def _all_away_for_a_day(stage: Stage) -> None:
    """Nobody has tried the reports for a whole day after they were noticed: they are lost, and a person is told.

    Some had been tried in vain before, and some workers had died with the mail sent, or not.
    """
    stage.may_tell(AlertKind.OVERDUE_REPORTS)
    tried, accepted, not_accepted = (stage.due[start::4] for start in (1, 2, 3))
    stage.may_end(stage.due, "lost")
    stage.may_end([*accepted, *not_accepted], UNKNOWN_OUTCOME)
    stage.disturb(Point.SEND, answer(503), of=tried)
    stage.disturb(Point.SEND, stage.kill(carried_out=True), of=accepted)
    stage.disturb(Point.SEND, stage.kill(carried_out=False), of=not_accepted)

    async def once(delivery: str, send: Send) -> Answer:
        attempts = len(stage.world.front_end.delivered[delivery])
        if attempts == 1 and delivery in {*tried, *accepted, *not_accepted}:
            return await send()
        raise AnswerLost("by the harness")

    stage.world.front_end.before = once
    await stage.world.dispatch_at_most(1)
    await stage.run_and_drain()
    for _ in range(26):
        stage.hour = stage.world.next_hour()
        await stage.run_and_drain()
    await stage.world.drain()


def _claimed_while_given_up(point: Point) -> Script:
    """A worker that comes a day late is sending what a run gives up just then: no letter says that it is lost.

    Args:
        point: when it comes: before the run looks at the ledger, or when it has looked.
    """

    async def script(stage: Stage) -> None:
        world, sending, go_on = stage.world, asyncio.Event(), asyncio.Event()
        [victim] = stage.victims(0, least=1)
        stage.may_tell(AlertKind.OVERDUE_REPORTS)
        stage.may_end(stage.due, "lost")
        stage.may_end([victim], "sent", *(["lost"] if point is Point.PUBLISH else []))
        stage.disturb(Point.SEND, answer(503), of=[victim])

        async def never(delivery: str, send: Send) -> Answer:
            if delivery == victim and (late or len(world.front_end.delivered[delivery]) == 1):
                return await send()
            raise AnswerLost("by the harness")

        async def hold(_crossing: Crossing, carry_out: CarryOut) -> Any:
            sending.set()
            await go_on.wait()
            return await carry_out()

        async def come_late(_crossing: Crossing, carry_out: CarryOut) -> Any:
            await come()
            return await carry_out()

        async def come() -> None:
            ended = world.front_end.ended[victim]
            late.append(asyncio.create_task(world.tasks.redeliver(world.front_end.delivered[victim][0].task_name)))
            await until(lambda: sending.is_set() or world.front_end.ended[victim] > ended, what="a worker to come late")

        late: list[asyncio.Task[Any]] = []
        world.front_end.before = never
        await stage.run_and_drain()
        for _ in range(24):
            stage.hour = world.next_hour()
            await stage.run_and_drain()
        stage.hour = world.next_hour()
        stage.disturb(Point.SEND, hold, of=[victim], must_happen=point is not Point.PUBLISH)
        if point is Point.PUBLISH:
            stage.disturb(Point.PUBLISH, come_late, of=[victim])
        else:
            await come()
        await stage.run()
        go_on.set()
        await asyncio.gather(*late)
        await world.drain()

    return script


SCENARIOS = [
    Scenario(name="killed before the claim", group="worker", script=_before_the_claim),
    Scenario(name="killed after the claim", group="worker", script=_after_the_claim),
    Scenario(name="killed after the request was written", group="worker", script=_after_the_request),
    Scenario(name="killed after SendGrid accepted", group="worker", script=_after_sendgrid_accepted),
    Scenario(name="killed before the ledger is written", group="worker", script=_before_the_ledger_was_written),
    Scenario(name="killed after the ledger was written", group="worker", script=_after_the_ledger_was_written),
    Scenario(
        name="killed while sending, with resend",
        group="worker",
        script=_killed_with_resend,
        on_unknown_outcome=OnUnknownOutcome.RESEND,
    ),
    Scenario(name="killed at random", group="worker", script=_killed_at_random),
    Scenario(
        name="killed at random, with resend",
        group="worker",
        script=_killed_at_random,
        on_unknown_outcome=OnUnknownOutcome.RESEND,
    ),
    Scenario(name="told to end in the middle", group="worker", script=_terminated),
    Scenario(
        name="hangs before the claim",
        group="worker",
        script=_hangs(Point.READ_DELIVERY, carried_out=True, ending="sent"),
    ),
    Scenario(
        name="hangs after the claim",
        group="worker",
        script=_hangs(Point.CLAIM, carried_out=True, ending=UNKNOWN_OUTCOME),
    ),
    Scenario(
        name="hangs after SendGrid accepted",
        group="worker",
        script=_hangs(Point.SEND, carried_out=True, ending=UNKNOWN_OUTCOME),
    ),
    Scenario(name="all away for longer than the retries", group="worker", script=_all_away),
    Scenario(
        name="sends what is being given up",
        group="worker",
        script=_claimed_while_given_up(Point.READ_DELIVERY),
        at_most=8,
    ),
    Scenario(
        name="claims what is being given up", group="worker", script=_claimed_while_given_up(Point.PUBLISH), at_most=8
    ),
    Scenario(name="all away for more than a day", group="worker", script=_all_away_for_a_day, at_least=8, at_most=24),
]

if hasattr(resource, "prlimit"):
    # Only Linux lets one process set another's limits.
    SCENARIOS.append(Scenario(name="out of memory", group="worker", script=_out_of_memory))
