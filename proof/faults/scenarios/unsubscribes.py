"""Recipients unsubscribe by the link of an email, at each step of the next one: they get at most the email that a
worker has claimed already."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc

from proof.faults.disturbances import CarryOut, Disturbance, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.invariants import SENT, SKIPPED
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of
from proof.faults.subscription_key import SubscriptionKey

Click = Callable[[], Awaitable[None]]
"""Unsubscribes a recipient."""


async def _first_hour(scenario_run: ScenarioRun) -> Mapping[SubscriptionKey, Click]:
    """Send the reports of an hour, and let the next one begin. Returns how a recipient of each unsubscribes who gets
    the next one, too: the user, one of several, or who gets a copy, in turn."""
    await scenario_run.dispatch_and_drain()
    mails = scenario_run.first_mails()
    scenario_run.hour = scenario_run.world.next_hour()

    def click(key: SubscriptionKey, number: int) -> Click:
        mail = mails[key][number % len(mails[key])]
        return lambda: scenario_run.unsubscribe(key, mail)

    return {key: click(key, number) for number, key in enumerate(scenario_run.hourly)}


def _second(scenario_run: ScenarioRun, clicks: Mapping[SubscriptionKey, Click]) -> dict[str, Click]:
    """The clicks, by the delivery that is due now."""
    return {key.delivery(scenario_run.hour): click for key, click in clicks.items()}


async def _end(scenario_run: ScenarioRun, clicks: Mapping[SubscriptionKey, Click]) -> None:
    """Nothing goes out in the hour that follows, and a second click changes nothing."""
    await scenario_run.world.drain()
    await scenario_run.play_next_hours()

    async def again() -> None:
        await asyncio.gather(*(click() for click in clicks.values() for _ in range(2)))

    await scenario_run.repeat(again)


async def _before_the_run(scenario_run: ScenarioRun) -> None:
    """The page's calls to Firestore fail now and then: the mailbox provider tries again. Some clicks come twice."""
    clicks = await _first_hour(scenario_run)
    points = {InjectionPoint.READ_SUBSCRIPTION, InjectionPoint.READ_USER, InjectionPoint.STOP}
    for disturbance in (refuse(grpc.StatusCode.PERMISSION_DENIED), lose_answer(grpc.StatusCode.UNAVAILABLE)):
        scenario_run.disturb(points, disturbance)
    await asyncio.gather(*(click() for click in clicks.values() for _ in range(2)))
    scenario_run.world.disturbances.rules.clear()
    await scenario_run.dispatch()
    await _end(scenario_run, clicks)


async def _before_the_task(scenario_run: ScenarioRun) -> None:
    """The task is in the queue already, and no worker has it."""
    clicks = await _first_hour(scenario_run)
    await scenario_run.world.pause()
    await scenario_run.dispatch()
    for click in clicks.values():
        await click()
    await scenario_run.world.resume()
    await _end(scenario_run, clicks)


def _at(point: InjectionPoint, *, carried_out: bool) -> Script:
    """Before a step of the worker takes effect, or after."""

    async def script(scenario_run: ScenarioRun) -> None:
        clicks = await _first_hour(scenario_run)
        theirs = _second(scenario_run, clicks)
        scenario_run.may_end(theirs, SENT, SKIPPED)
        scenario_run.disturb(point, _click(theirs, carried_out=carried_out), of=theirs)
        await scenario_run.dispatch()
        await _end(scenario_run, clicks)

    return script


def _click(clicks: Mapping[str, Click], *, carried_out: bool) -> Disturbance:
    async def disturb(call: InterceptedCall, carry_out: CarryOut) -> Any:
        answered = await carry_out() if carried_out else None
        await clicks[call.subject]()
        return answered if carried_out else await carry_out()

    return disturb


async def _between_retries(scenario_run: ScenarioRun) -> None:
    """The provider takes nothing at first, and recipients unsubscribe before the worker tries again."""
    clicks = await _first_hour(scenario_run)
    theirs = _second(scenario_run, clicks)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.not_now, of=theirs)
    scenario_run.disturb(InjectionPoint.RELEASE, _click(theirs, carried_out=True), of=theirs)
    await scenario_run.dispatch()
    await _end(scenario_run, clicks)


def _worker_killed(point: InjectionPoint, *, carried_out: bool, accepted: bool | None) -> Script:
    """A worker is killed, and recipients unsubscribe before another has the task. Where the email can be sent again
    with its idempotency key, those get none who had none; the record says that the first attempt may have sent it.

    One after the other, so that a worker that is killed takes no other report with it.
    """

    async def script(scenario_run: ScenarioRun) -> None:
        clicks = await _first_hour(scenario_run)
        theirs = _second(scenario_run, clicks)
        if accepted is not None:
            scenario_run.becomes_unknown(theirs, accepted=accepted)
            if scenario_run.has_keys:
                scenario_run.may_end(theirs, SENT, SKIPPED)
        kill = scenario_run.kill(carried_out=carried_out)

        async def click_and_kill(call: InterceptedCall, carry_out: CarryOut) -> Any:
            await theirs[call.subject]()
            return await kill(call, carry_out)

        scenario_run.disturb(point, click_and_kill, of=theirs)
        await scenario_run.world.dispatch_at_most(1)
        await scenario_run.dispatch()
        await _end(scenario_run, clicks)

    return script


def _page_killed(*, carried_out: bool) -> Script:
    """The page's process is killed as it writes, and the mailbox provider tries again."""

    async def script(scenario_run: ScenarioRun) -> None:
        clicks = await _first_hour(scenario_run)
        kill = scenario_run.kill_function(scenario_run.world.preferences, carried_out=carried_out)
        scenario_run.disturb(InjectionPoint.STOP, kill, of=list(map(str, clicks))[:2])
        for click in clicks.values():
            await click()
        await scenario_run.dispatch()
        await _end(scenario_run, clicks)

    return script


_scenario = scenarios_of("unsubscribes", has_pages=True, at_most=24)
SCENARIOS = [
    _scenario("before the run", _before_the_run),
    _scenario("before the task", _before_the_task),
    _scenario("after the reads, before the claim", _at(InjectionPoint.CLAIM, carried_out=False)),
    _scenario("after the claim", _at(InjectionPoint.CLAIM, carried_out=True)),
    _scenario("while the provider has the request", _at(InjectionPoint.SEND, carried_out=False)),
    _scenario("before the record is written", _at(InjectionPoint.SETTLE, carried_out=False)),
    _scenario("after the record was written", _at(InjectionPoint.SETTLE, carried_out=True)),
    _scenario("between two attempts", _between_retries),
    _scenario(
        "while a worker is killed before the claim",
        _worker_killed(InjectionPoint.CLAIM, carried_out=False, accepted=None),
    ),
    _scenario(
        "while a worker is killed after the claim",
        _worker_killed(InjectionPoint.CLAIM, carried_out=True, accepted=False),
    ),
    _scenario(
        "while a worker is killed after the provider accepted",
        _worker_killed(InjectionPoint.SEND, carried_out=True, accepted=True),
    ),
    _scenario("and the page is killed before it writes", _page_killed(carried_out=False)),
    _scenario("and the page is killed after it wrote", _page_killed(carried_out=True)),
]
