"""A scheduler that fires at least once, and a dispatcher that dies during a run."""

import asyncio
from datetime import timedelta
from functools import partial

import grpc

from functions.shared.records.ids import run_id
from functions.shared.records.system_alert import AlertKind
from proof.faults.disturbances import CarryOut, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import Reports, killed

_BATCHES = 110
"""Subscriptions whose tasks are made in two batches."""


async def _late(scenario_run: ScenarioRun) -> None:
    """The run of an hour comes with the next hour's, and after it."""
    missed = scenario_run.hour
    scenario_run.hour = scenario_run.world.next_hour()
    await scenario_run.dispatch()
    await scenario_run.world.run(missed)
    await scenario_run.world.drain()


async def _overlaps(scenario_run: ScenarioRun) -> None:
    """The next hour's run begins while this one's still makes tasks."""
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


async def _call_once(scenario_run: ScenarioRun) -> None:
    execution = await scenario_run.world.run(scenario_run.hour)
    if execution.succeeded:
        raise RuntimeError("the dispatcher was to be killed")


_BEFORE, _AFTER = (killed(lambda world: world.dispatcher, carried_out=each) for each in (False, True))
_disturb_enqueueing = partial(do.disturb, None, at=InjectionPoint.ENQUEUE)
_disturb_record = partial(do.disturb, None, at=InjectionPoint.RUN_RECORD)
_THIS_RUN = Reports(lambda scenario_run: [run_id(scenario_run.hour)])

_row = do.rows_of("scheduler")
SCENARIOS = [
    # Every task is there already when the second call comes, and gone when the third does.
    _row("fires twice, and again", do.pause, do.dispatch, do.dispatch, do.resume, do.drain, do.dispatch),
    _row("fires twice at once", lambda run: asyncio.gather(run.dispatch(), run.dispatch()), do.drain),
    _row("fires late", _late),
    _row("misses three hours", *[do.next_hour] * 3, ScenarioRun.catches_up, do.an_hour, at_least=16),
    # By its own time the first run takes an hour: its reports have no tasks yet that the second could know of.
    _row("fires while a run is going", do.expect_alerts(AlertKind.OVERDUE_REPORTS), _overlaps, at_least=_BATCHES),
    # The scheduler calls again, and what was enqueued stays so.
    _row("dispatcher killed before a batch", _disturb_enqueueing(_BEFORE), do.an_hour, at_least=_BATCHES),
    _row("dispatcher killed after a batch", _disturb_enqueueing(_AFTER), do.an_hour, at_least=_BATCHES),
    _row("dispatcher killed as it begins", _disturb_record(_AFTER), do.an_hour),
    _row("dispatcher killed as it ends", _disturb_record(_BEFORE, skip=1), do.an_hour),
    # The next hour's run does what this one has left undone.
    _row(
        "dispatcher killed, not called again",
        do.disturb(_THIS_RUN, _AFTER, at=InjectionPoint.ENQUEUE),
        *(_call_once, do.drain, do.next_hours()),
        at_least=_BATCHES,
    ),
    _row("queue UNAVAILABLE", _disturb_enqueueing(refuse(grpc.StatusCode.UNAVAILABLE), times=2), do.an_hour),
    _row(
        "enqueued, and the answer lost",
        _disturb_enqueueing(lose_answer(grpc.StatusCode.DEADLINE_EXCEEDED), times=2),
        do.an_hour,
    ),
]
