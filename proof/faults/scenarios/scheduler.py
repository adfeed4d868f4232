"""A scheduler that fires at least once, and a dispatcher that dies during a run."""

import asyncio
from datetime import timedelta

import grpc

from functions.shared.records.ids import run_id
from functions.shared.records.system_alert import AlertKind
from proof.faults.disturbances import CarryOut, Disturbance, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of
from proof.faults.world import World

_BATCHES = 110
"""Subscriptions whose tasks are made in two batches."""


async def _twice(scenario_run: ScenarioRun) -> None:
    """Every task is there already when the second call comes, and gone when the third does."""
    await scenario_run.world.pause()
    await scenario_run.dispatch()
    await scenario_run.dispatch()
    await scenario_run.world.resume()
    await scenario_run.world.drain()
    await scenario_run.dispatch()


async def _twice_at_once(scenario_run: ScenarioRun) -> None:
    await asyncio.gather(scenario_run.dispatch(), scenario_run.dispatch())
    await scenario_run.world.drain()


async def _late(scenario_run: ScenarioRun) -> None:
    """The run of an hour comes with the next hour's, and after it."""
    missed = scenario_run.hour
    scenario_run.hour = scenario_run.world.next_hour()
    await scenario_run.dispatch()
    await scenario_run.world.run(missed)
    await scenario_run.world.drain()


async def _misses_three_hours(scenario_run: ScenarioRun) -> None:
    """One report covers them all."""
    for _ in range(3):
        scenario_run.hour = scenario_run.world.next_hour()
    scenario_run.catches_up()
    await scenario_run.dispatch_and_drain()


async def _overlaps(scenario_run: ScenarioRun) -> None:
    """The next hour's run begins while this one's still makes tasks."""
    # By its own time the first run takes an hour: its reports have no tasks yet that the second could know of.
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_call: InterceptedCall, carry_out: CarryOut) -> object:
        begun.set()
        await go_on.wait()
        return await carry_out()

    scenario_run.disturb(InjectionPoint.ENQUEUE, hold)
    first = asyncio.create_task(scenario_run.world.run(scenario_run.hour))
    await begun.wait()
    # Not by next_hour(): to the first run that would be an hour without an answer, and the call is cut then.
    scenario_run.hour += timedelta(hours=1)
    second = asyncio.create_task(scenario_run.world.run(scenario_run.hour))
    await asyncio.wait({second}, timeout=0.5)
    go_on.set()
    await asyncio.gather(first, second)
    await scenario_run.world.drain()
    scenario_run.world.next_hour()


def _killed(point: InjectionPoint, *, carried_out: bool, skip: int = 0) -> Script:
    """The scheduler calls again, and what was enqueued stays so."""

    async def script(scenario_run: ScenarioRun) -> None:
        disturbance = scenario_run.kill_function(scenario_run.world.dispatcher, carried_out=carried_out)
        scenario_run.disturb(point, disturbance, skip=skip)
        await scenario_run.dispatch_and_drain()

    return script


def _queue_fails(disturbance: Disturbance) -> Script:
    async def script(scenario_run: ScenarioRun) -> None:
        scenario_run.disturb(InjectionPoint.ENQUEUE, disturbance, times=2)
        await scenario_run.dispatch_and_drain()

    return script


async def _killed_and_never_called_again(scenario_run: ScenarioRun) -> None:
    """The next hour's run does what this one has left undone."""
    this_run = [run_id(scenario_run.hour)]
    scenario_run.disturb(
        InjectionPoint.ENQUEUE,
        scenario_run.kill_function(scenario_run.world.dispatcher, carried_out=True),
        of=this_run,
    )
    await _call_once(scenario_run.world, scenario_run)
    await scenario_run.world.drain()
    await scenario_run.play_next_hours()


async def _call_once(world: World, scenario_run: ScenarioRun) -> None:
    execution = await world.run(scenario_run.hour)
    if execution.succeeded:
        raise RuntimeError("the dispatcher was to be killed")


_scenario = scenarios_of("scheduler")
SCENARIOS = [
    _scenario("fires twice, and again", _twice),
    _scenario("fires twice at once", _twice_at_once),
    _scenario("fires late", _late),
    _scenario("misses three hours", _misses_three_hours, at_least=16),
    _scenario("fires while a run is going", _overlaps, at_least=_BATCHES),
    _scenario(
        "dispatcher killed before a batch", _killed(InjectionPoint.ENQUEUE, carried_out=False), at_least=_BATCHES
    ),
    _scenario("dispatcher killed after a batch", _killed(InjectionPoint.ENQUEUE, carried_out=True), at_least=_BATCHES),
    _scenario("dispatcher killed as it begins", _killed(InjectionPoint.RUN_RECORD, carried_out=True)),
    _scenario("dispatcher killed as it ends", _killed(InjectionPoint.RUN_RECORD, carried_out=False, skip=1)),
    _scenario("dispatcher killed, not called again", _killed_and_never_called_again, at_least=_BATCHES),
    _scenario("queue UNAVAILABLE", _queue_fails(refuse(grpc.StatusCode.UNAVAILABLE))),
    _scenario("enqueued, and the answer lost", _queue_fails(lose_answer(grpc.StatusCode.DEADLINE_EXCEEDED))),
]
