"""What a scheduler does that fires at least once, and a dispatcher that dies on its way."""

import asyncio
from datetime import timedelta

import grpc

from functions.shared.ids import run_id
from functions.shared.system_alert import AlertKind
from tests.faults.crossings import Crossing, Point
from tests.faults.disturbances import CarryOut, Disturbance, lose_answer, refuse
from tests.faults.stage import Scenario, Script, Stage
from tests.faults.world import World

_BATCHES = 230
"""Users whose tasks are made in three batches."""


async def _twice(stage: Stage) -> None:
    """Every task is there already when the second call comes, and gone when the third does."""
    await stage.world.pause()
    await stage.run()
    await stage.run()
    await stage.world.resume()
    await stage.world.drain()
    await stage.run()


async def _twice_at_once(stage: Stage) -> None:
    await asyncio.gather(stage.run(), stage.run())
    await stage.world.drain()


async def _late(stage: Stage) -> None:
    """The run of an hour comes with the next hour's, and after it."""
    missed = stage.hour
    stage.hour = stage.world.next_hour()
    await stage.run()
    await stage.world.run(missed)
    await stage.world.drain()


async def _misses_three_hours(stage: Stage) -> None:
    """One report covers them all."""
    for _ in range(3):
        stage.hour = stage.world.next_hour()
    stage.catches_up()
    await stage.run_and_drain()


async def _overlaps(stage: Stage) -> None:
    """The next hour's run begins while this one's still makes tasks."""
    # By its own time the first run takes an hour: its reports have no tasks yet that the second could know of.
    stage.may_tell(AlertKind.OVERDUE_REPORTS)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_crossing: Crossing, carry_out: CarryOut) -> object:
        begun.set()
        await go_on.wait()
        return await carry_out()

    stage.disturb(Point.ENQUEUE, hold)
    first = asyncio.create_task(stage.world.run(stage.hour))
    await begun.wait()
    # Not by next_hour(): to the first run that would be an hour without an answer, and the call is cut then.
    stage.hour += timedelta(hours=1)
    second = asyncio.create_task(stage.world.run(stage.hour))
    await asyncio.wait({second}, timeout=0.5)
    go_on.set()
    await asyncio.gather(first, second)
    await stage.world.drain()
    stage.world.next_hour()


def _killed(point: Point, *, carried_out: bool, skip: int = 0) -> Script:
    """The scheduler calls again, and what was enqueued stays so."""

    async def script(stage: Stage) -> None:
        disturbance = stage.kill_function(stage.world.dispatcher, carried_out=carried_out)
        stage.disturb(point, disturbance, skip=skip)
        await stage.run_and_drain()

    return script


def _queue_fails(disturbance: Disturbance) -> Script:
    async def script(stage: Stage) -> None:
        stage.disturb(Point.ENQUEUE, disturbance, times=2)
        await stage.run_and_drain()

    return script


async def _killed_and_never_called_again(stage: Stage) -> None:
    """The next hour's run does what this one has left undone."""
    this_run = [run_id(stage.hour)]
    stage.disturb(Point.ENQUEUE, stage.kill_function(stage.world.dispatcher, carried_out=True), of=this_run, skip=1)
    await _call_once(stage.world, stage)
    await stage.world.drain()
    stage.hour = stage.world.next_hour()
    await stage.run_and_drain()


async def _call_once(world: World, stage: Stage) -> None:
    execution = await world.run(stage.hour)
    if execution.succeeded:
        raise RuntimeError("the dispatcher was to be killed")


SCENARIOS = [
    Scenario(name="fires twice, and again", group="scheduler", script=_twice),
    Scenario(name="fires twice at once", group="scheduler", script=_twice_at_once),
    Scenario(name="fires late", group="scheduler", script=_late),
    Scenario(name="misses three hours", group="scheduler", script=_misses_three_hours),
    Scenario(name="fires while a run is going", group="scheduler", script=_overlaps, at_least=_BATCHES),
    Scenario(
        name="dispatcher killed before a batch",
        group="scheduler",
        script=_killed(Point.ENQUEUE, carried_out=False),
        at_least=_BATCHES,
    ),
    Scenario(
        name="dispatcher killed after a batch",
        group="scheduler",
        script=_killed(Point.ENQUEUE, carried_out=True, skip=1),
        at_least=_BATCHES,
    ),
    Scenario(
        name="dispatcher killed as it begins", group="scheduler", script=_killed(Point.RUN_RECORD, carried_out=True)
    ),
    Scenario(
        name="dispatcher killed as it ends",
        group="scheduler",
        script=_killed(Point.RUN_RECORD, carried_out=False, skip=1),
    ),
    Scenario(
        name="dispatcher killed, not called again",
        group="scheduler",
        script=_killed_and_never_called_again,
        at_least=_BATCHES,
    ),
    Scenario(name="queue UNAVAILABLE", group="scheduler", script=_queue_fails(refuse(grpc.StatusCode.UNAVAILABLE))),
    Scenario(
        name="enqueued, and the answer lost",
        group="scheduler",
        script=_queue_fails(lose_answer(grpc.StatusCode.DEADLINE_EXCEEDED)),
    ),
]
