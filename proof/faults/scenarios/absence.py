"""SendGrid's logs prove that it did not accept an email of unknown outcome, or do not, with resend-if-absent."""

import asyncio
import signal
from datetime import timedelta
from typing import Any

from functions.shared.queues.retry_policy import DISPATCH_DEADLINE
from functions.shared.settings import OnUnknownOutcome
from local_pipeline.inbox.faults import CutConnection
from proof.faults.disturbances import CarryOut, answer, cut
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.instances import Instance
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun, Script
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import KILLED_BEFORE, Reports

_MINUTE = timedelta(minutes=1)
_STEP = 5 * _MINUTE
_MOMENT = timedelta(milliseconds=400)
_HOURS = 3
"""For how long runs go on: longer than the worker looks into the logs."""


async def hours_pass(scenario_run: ScenarioRun, hours: int = _HOURS) -> None:
    """Let time pass in small steps, with a run at each hour."""
    world = scenario_run.world
    for _ in range(hours):
        while world.clock.now() + _STEP < scenario_run.hour + timedelta(hours=1):
            await world.quiet()
            world.pass_time(_STEP)
        scenario_run.hour = world.next_hour()
        await scenario_run.dispatch()
    await world.quiet()


def of_second_hour(share: float = 0.3) -> Reports:
    """A share of the reports of an hour that came after one that passed as usual."""

    def of(scenario_run: ScenarioRun) -> list[str]:
        due = [key.delivery(scenario_run.hour) for key in scenario_run.hourly]
        return scenario_run.seeded.some_of(due, max(1, round(share * len(due))), "absent")

    return Reports(of)


_SOME = of_second_hour()
FIRST_HOUR = do.in_turn(do.an_hour, do.next_hour)
"""An hour passes as usual, so that the logs show emails."""


def stands_still(time: timedelta) -> Script:
    """A worker stands still when its request is about to leave.

    Args:
        time: for how long.
    """

    async def script(scenario_run: ScenarioRun) -> None:
        await FIRST_HOUR(scenario_run)
        victim, *_ = _SOME.of(scenario_run)
        world, goes_on = scenario_run.world, asyncio.Event()
        stopped: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()

        async def stand_still(call: InterceptedCall, carry_out: CarryOut) -> Any:
            instance = world.front_end.instance_of(call.subject)
            if instance is None:
                return await carry_out()
            await instance.freeze()
            instance.available = False
            stopped.set_result(instance)
            await goes_on.wait()
            return await carry_out()

        scenario_run.disturb(InjectionPoint.SEND, stand_still, of=[victim])
        await scenario_run.dispatch()
        instance = await stopped
        # The queue gives the attempt up. Everything else goes on in the other instance.
        world.pass_time(DISPATCH_DEADLINE)
        for _ in range((time - DISPATCH_DEADLINE) // _MINUTE):
            await world.quiet()
            world.pass_time(_MINUTE)
        await world.quiet()
        goes_on.set()
        instance.send(signal.SIGCONT)
        instance.available = True
        await instance.answers()
        await hours_pass(scenario_run)

    return script


def _logs_are_late(scenario_run: ScenarioRun) -> None:
    scenario_run.world.inbox.logs_delay.usual = timedelta(minutes=20)


def _cut_and_stop(scenario_run: ScenarioRun) -> None:
    """In the second of the claims."""
    world = scenario_run.world

    async def begin(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        if world.inbox.logs_delay.stopped_at is None:
            world.pass_time(_MOMENT)
            world.inbox.logs_delay.stopped_at = world.clock.now()
        await carry_out()
        raise CutConnection

    scenario_run.disturb(InjectionPoint.SEND, begin, of=_SOME.of(scenario_run))


_sent = (do.dispatch, hours_pass)

_row = do.rows_of("absence", on_unknown_outcome=OnUnknownOutcome.RESEND_IF_ABSENT, at_most=60)
SCENARIOS = [
    _row(
        "SendGrid cuts before it accepts, and its logs fail at first",
        *(FIRST_HOUR, do.expect(_SOME, "sent"), do.disturb(_SOME, cut(accepted=False))),
        *(do.disturb(None, answer(503), at=InjectionPoint.LOOK_UP, times=3), *_sent),
    ),
    _row(
        "SendGrid accepts and cuts, and its logs are late",
        *(FIRST_HOUR, do.expect(_SOME, "sent"), do.disturb(_SOME, cut(accepted=True)), _logs_are_late, *_sent),
    ),
    _row("a worker stands still until the settling time is nearly over", stands_still(25 * _MINUTE)),
    _row("workers are killed before they send", FIRST_HOUR, do.disturb(_SOME, KILLED_BEFORE), do.one_by_one, *_sent),
    # It does not answer the second email, either: a person decides.
    _row(
        "SendGrid cuts twice before it accepts",
        *(FIRST_HOUR, do.expect(_SOME, UNKNOWN_OUTCOME), do.disturb(_SOME, cut(accepted=False), times=2), *_sent),
    ),
    # What they show of it proves nothing.
    _row("an outage loses answers, and stops the logs", FIRST_HOUR, do.leave_unknown(_SOME), _cut_and_stop, *_sent),
]
