"""SendGrid's logs prove that it did not accept an email of unknown outcome, or do not, with resend-if-absent."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from functions.shared.queues.retry_policy import DISPATCH_DEADLINE
from functions.shared.settings import OnUnknownOutcome
from local_pipeline.inbox.faults import CutConnection
from proof.faults.disturbances import CarryOut, Disturbance, answer, cut
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.instances import Instance
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of

_SHARE = 0.3
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


async def second_hour(scenario_run: ScenarioRun, *, share: float = _SHARE) -> list[str]:
    """Let an hour pass as usual, so that the logs show emails. Returns a share of the deliveries of the next."""
    await scenario_run.dispatch_and_drain()
    scenario_run.hour = scenario_run.world.next_hour()
    due = [key.delivery(scenario_run.hour) for key in scenario_run.hourly]
    return scenario_run.seeded.some_of(due, max(1, round(share * len(due))), "absent")


def _unknown(
    disturbance: Disturbance, ending: str, before: Callable[[ScenarioRun], Awaitable[None]] | None = None
) -> Script:
    """The outcome of some reports is unknown while runs go on, and they end so."""

    async def script(scenario_run: ScenarioRun) -> None:
        victims = await second_hour(scenario_run)
        scenario_run.may_end(victims, ending)
        scenario_run.disturb(InjectionPoint.SEND, disturbance, of=victims)
        if before:
            await before(scenario_run)
        await scenario_run.dispatch()
        await hours_pass(scenario_run)

    return script


def stands_still(time: timedelta) -> Script:
    """A worker stands still when its request is about to leave.

    Args:
        time: for how long.
    """

    async def script(scenario_run: ScenarioRun) -> None:
        victim, *_ = await second_hour(scenario_run)
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


async def _killed(scenario_run: ScenarioRun) -> None:
    """Workers die before SendGrid has the email."""
    victims = await second_hour(scenario_run)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.kill(carried_out=False), of=victims)
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch()
    await hours_pass(scenario_run)


async def _again(scenario_run: ScenarioRun) -> None:
    """SendGrid does not answer the second email, either: a person decides."""
    victims = await second_hour(scenario_run)
    scenario_run.may_end(victims, UNKNOWN_OUTCOME)
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=False), of=victims, times=2 * len(victims))
    await scenario_run.dispatch()
    await hours_pass(scenario_run)


async def _logs_fail(scenario_run: ScenarioRun) -> None:
    scenario_run.disturb(InjectionPoint.LOOK_UP, answer(503), times=3)


async def _logs_are_late(scenario_run: ScenarioRun) -> None:
    scenario_run.world.inbox.logs_delay.usual = timedelta(minutes=20)


async def _outage(scenario_run: ScenarioRun) -> None:
    """One outage loses answers, and stops the logs in the second of the claims: what they show of it proves nothing."""
    victims = await second_hour(scenario_run)
    scenario_run.may_stay_unknown(victims)
    world = scenario_run.world

    async def begin(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        if world.inbox.logs_delay.stopped_at is None:
            world.pass_time(_MOMENT)
            world.inbox.logs_delay.stopped_at = world.clock.now()
        await carry_out()
        raise CutConnection

    scenario_run.disturb(InjectionPoint.SEND, begin, of=victims)
    await scenario_run.dispatch()
    await hours_pass(scenario_run)


_scenario = scenarios_of("absence", on_unknown_outcome=OnUnknownOutcome.RESEND_IF_ABSENT, at_most=60)
SCENARIOS = [
    _scenario(
        "SendGrid cuts before it accepts, and its logs fail at first", _unknown(cut(accepted=False), "sent", _logs_fail)
    ),
    _scenario("SendGrid accepts and cuts, and its logs are late", _unknown(cut(accepted=True), "sent", _logs_are_late)),
    _scenario("a worker stands still until the settling time is nearly over", stands_still(25 * _MINUTE)),
    _scenario("workers are killed before they send", _killed),
    _scenario("SendGrid cuts twice before it accepts", _again),
    _scenario("an outage loses answers, and stops the logs", _outage),
]
