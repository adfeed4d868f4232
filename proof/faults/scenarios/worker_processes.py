"""Workers that end, or stand still, at the worst moments."""

import asyncio
import resource
import signal
from datetime import timedelta
from typing import Any

import grpc

from functions.shared.queues.retry_policy import DISPATCH_DEADLINE
from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import OnUnknownOutcome
from local_cloud.tasks.dispatch import Answer, AnswerLost
from proof.faults.disturbances import CarryOut, refuse
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.instances import Instance, Send, until
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of, unheard
from proof.faults.scenarios.while_sending import killed, meets
from proof.faults.world import QUEUE, WORKER_TIMEOUT_SECONDS

_SHARE = 0.1
_MOST_KILLS = 25
"""The most kills: each costs a new process."""

_HANGS = 2
_STEPS = {
    InjectionPoint.READ_DELIVERY,
    InjectionPoint.CLAIM,
    InjectionPoint.SEND,
    InjectionPoint.RELEASE,
    InjectionPoint.SETTLE,
}
_SECONDS_TO_KILL = 2.5
"""gunicorn looks at its processes once a second, and kills one when it looks for the second time."""

_LITTLE_MEMORY = 64 * 1024 * 1024
"""Bytes of address space, far below what the process has already: it keeps that, and gets no more."""


def _killed(point: InjectionPoint, *, carried_out: bool, accepted: bool | None) -> Script:
    disturbance = killed(carried_out=carried_out)
    return meets(disturbance, at=point, share=_SHARE, most=_MOST_KILLS, accepted=accepted, one_by_one=True)


async def _killed_with_resend(scenario_run: ScenarioRun) -> None:
    """Half die after the provider has accepted, half before. Those that its logs do not show are sent again."""
    victims = scenario_run.victims(_SHARE * 2, most=_MOST_KILLS)
    scenario_run.becomes_unknown(victims[::2], accepted=True)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.kill(carried_out=True), of=victims[::2])
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.kill(carried_out=False), of=victims[1::2])
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()


async def killed_at_random(scenario_run: ScenarioRun) -> None:
    """At any call, with others under way in the same process, for two hours."""
    scenario_run.disturbed_may_end(UNKNOWN_OUTCOME)
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
    share = min(0.05, _MOST_KILLS / len(scenario_run.due) / len(_STEPS))
    for carried_out in (True, False):
        chosen = scenario_run.a_share(share, "killed", carried_out)
        scenario_run.disturb(_STEPS, scenario_run.kill(carried_out=carried_out), times=None, chosen=chosen)
    await scenario_run.play_hours(2)


async def _terminated(scenario_run: ScenarioRun) -> None:
    """Told to end in the middle of a report, as Cloud Run does with an instance that it no longer needs."""

    async def terminate(call: InterceptedCall, carry_out: CarryOut) -> Any:
        if (instance := scenario_run.world.front_end.instance_of(call.subject)) is not None:
            instance.send_to_server(signal.SIGTERM)
            await asyncio.sleep(0.2)
        return await carry_out()

    scenario_run.disturb(InjectionPoint.SEND, terminate, of=scenario_run.victims(_SHARE, most=3))
    await scenario_run.dispatch_and_drain()


async def _out_of_memory(scenario_run: ScenarioRun) -> None:
    """The process runs out of memory in the middle of a report, and is killed half a second later.

    Until then it works on other reports. If it had claimed one of them when an allocation failed, the outcome is
    unknown.
    """
    scenario_run.disturbed_may_end(UNKNOWN_OUTCOME)

    kills: list[asyncio.Task[None]] = []

    async def kill_soon(instance: Instance) -> None:
        await asyncio.sleep(0.5)
        instance.kill()

    async def exhaust(call: InterceptedCall, carry_out: CarryOut) -> Any:
        if (instance := scenario_run.world.front_end.instance_of(call.subject)) is not None:
            for child in instance.children():
                resource.prlimit(child, resource.RLIMIT_AS, (_LITTLE_MEMORY, resource.RLIM_INFINITY))
            kills.append(asyncio.create_task(kill_soon(instance)))
        return await carry_out()

    scenario_run.disturb(InjectionPoint.READ_DELIVERY, exhaust, of=scenario_run.victims(0.1, most=_MOST_KILLS))
    await scenario_run.dispatch_and_drain()
    # None is killed in the next scenario.
    await asyncio.gather(*kills)


def _hangs(point: InjectionPoint, *, carried_out: bool, accepted: bool | None) -> Script:
    """A worker stands still until the queue has given its attempt up and another has had the task, and then goes on."""

    async def script(scenario_run: ScenarioRun) -> None:
        await scenario_run.world.dispatch_at_most(1)
        for number in range(_HANGS):
            if number:
                scenario_run.hour = scenario_run.world.next_hour()
            victim = scenario_run.seeded.one_of(scenario_run.hourly, "hangs", number).delivery(scenario_run.hour)
            if accepted is not None:
                scenario_run.becomes_unknown([victim], accepted=accepted)
            await _hang(scenario_run, point, victim, carried_out=carried_out)
            await scenario_run.world.drain()

    return script


async def _hang(scenario_run: ScenarioRun, point: InjectionPoint, victim: str, *, carried_out: bool) -> None:
    world = scenario_run.world
    frozen: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
    scenario_run.disturb(point, scenario_run.freeze(frozen, carried_out=carried_out), of=[victim])
    await scenario_run.dispatch()
    instance = await frozen
    world.pass_time(DISPATCH_DEADLINE + timedelta(seconds=1))
    # Everything else is worked off by the other instance.
    await world.drain()
    instance.send(signal.SIGCONT)
    instance.available = True
    await instance.answers()


async def _asleep(scenario_run: ScenarioRun) -> None:
    """An instance gets no CPU for longer than its server's timeout, and wakes with a report under way. That its server
    has CPU meanwhile makes no difference but that it does not matter which of the two wakes first."""

    async def sleep(call: InterceptedCall, carry_out: CarryOut) -> Any:
        instance = scenario_run.world.front_end.instance_of(call.subject)
        if instance is None:
            return await carry_out()
        asleep = instance.children()
        await instance.freeze()
        # Real seconds: the server's clock is the machine's.
        await asyncio.sleep(WORKER_TIMEOUT_SECONDS + _SECONDS_TO_KILL)
        instance.send(signal.SIGCONT)
        if instance.children() != asleep:
            raise unheard(call)
        return await carry_out()

    [victim] = scenario_run.victims(0, least=1)
    scenario_run.disturb(InjectionPoint.SEND, sleep, of=[victim])
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()


async def _all_away(scenario_run: ScenarioRun) -> None:
    """There is no instance for longer than the queue tries: the queue deletes every task without a trace."""
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
    scenario_run.world.no_worker()
    await scenario_run.dispatch_and_drain()
    if not scenario_run.world.tasks.dropped(QUEUE):
        raise RuntimeError("the queue has given up nothing")


async def _all_away_for_a_day(scenario_run: ScenarioRun) -> None:
    """No worker tries the reports for a whole day after a run noticed them: they are lost, and people get an alert.

    Some had been tried in vain before, and some workers had died with the email sent, or not. No worker is there that
    could ask what became of those mails: the events of those that were sent close their dead letters.
    """
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
    tried, accepted, not_accepted = (scenario_run.due[start::4] for start in (1, 2, 3))
    scenario_run.may_end(scenario_run.due, "lost")
    scenario_run.may_end(not_accepted, UNKNOWN_OUTCOME)
    has_events = scenario_run.scenario.has_mail_events
    scenario_run.may_end(accepted, "sent" if has_events else UNKNOWN_OUTCOME)
    keys = [str(key) for key in scenario_run.subscriptions if scenario_run.delivery(key) in tried]
    scenario_run.disturb(InjectionPoint.READ_SUBSCRIPTION, refuse(grpc.StatusCode.PERMISSION_DENIED), of=keys)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.kill(carried_out=True), of=accepted)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.kill(carried_out=False), of=not_accepted)

    async def once(delivery: str, send: Send) -> Answer:
        attempts = len(scenario_run.world.front_end.delivered[delivery])
        if attempts == 1 and delivery in {*tried, *accepted, *not_accepted}:
            return await send()
        raise AnswerLost("by the harness")

    scenario_run.world.front_end.before = once
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()
    await scenario_run.pass_hours(26, scenario_run.dispatch_and_drain)
    await scenario_run.world.drain()


def _claimed_while_given_up(point: InjectionPoint) -> Script:
    """A worker that comes a day late is sending what a run gives up just then: no letter says that it is lost.

    Args:
        point: when it comes: before the run looks at the delivery record, or when it has looked.
    """

    async def script(scenario_run: ScenarioRun) -> None:
        world, sending, go_on = scenario_run.world, asyncio.Event(), asyncio.Event()
        [victim] = scenario_run.victims(0, least=1)
        scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
        scenario_run.may_end(scenario_run.due, "lost")
        scenario_run.may_end([victim], "sent", *(["lost"] if point is InjectionPoint.PUBLISH else []))
        scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.not_now, of=[victim])

        async def never(delivery: str, send: Send) -> Answer:
            if delivery == victim and (late or len(world.front_end.delivered[delivery]) == 1):
                return await send()
            raise AnswerLost("by the harness")

        async def hold(_call: InterceptedCall, carry_out: CarryOut) -> Any:
            sending.set()
            await go_on.wait()
            return await carry_out()

        async def come_late(_call: InterceptedCall, carry_out: CarryOut) -> Any:
            await come()
            return await carry_out()

        async def come() -> None:
            ended = world.front_end.ended[victim]
            late.append(asyncio.create_task(world.tasks.redeliver(world.front_end.delivered[victim][0].task_name)))
            await until(lambda: sending.is_set() or world.front_end.ended[victim] > ended, what="a worker to come late")

        late: list[asyncio.Task[Any]] = []
        world.front_end.before = never
        await scenario_run.dispatch_and_drain()
        await scenario_run.pass_hours(24, scenario_run.dispatch_and_drain)
        scenario_run.hour = world.next_hour()
        scenario_run.disturb(InjectionPoint.SEND, hold, of=[victim], must_happen=point is not InjectionPoint.PUBLISH)
        if point is InjectionPoint.PUBLISH:
            scenario_run.disturb(InjectionPoint.PUBLISH, come_late, of=[victim])
        else:
            await come()
        await scenario_run.dispatch()
        go_on.set()
        await asyncio.gather(*late)
        await world.drain()

    return script


_scenario = scenarios_of("worker")
SCENARIOS = [
    _scenario("killed before the claim", _killed(InjectionPoint.CLAIM, carried_out=False, accepted=None)),
    _scenario("killed after the claim", _killed(InjectionPoint.CLAIM, carried_out=True, accepted=False)),
    _scenario("killed after the request was written", _killed(InjectionPoint.SEND, carried_out=False, accepted=False)),
    _scenario("killed after the provider accepted", _killed(InjectionPoint.SEND, carried_out=True, accepted=True)),
    _scenario("killed before the record is written", _killed(InjectionPoint.SETTLE, carried_out=False, accepted=True)),
    _scenario("killed after the record was written", _killed(InjectionPoint.SETTLE, carried_out=True, accepted=None)),
    _scenario("killed while sending, with resend", _killed_with_resend, on_unknown_outcome=OnUnknownOutcome.RESEND),
    _scenario("killed at random", killed_at_random, at_least=16),
    _scenario(
        "killed at random, with resend", killed_at_random, at_least=16, on_unknown_outcome=OnUnknownOutcome.RESEND
    ),
    _scenario("told to end in the middle", _terminated),
    _scenario("hangs before the claim", _hangs(InjectionPoint.READ_DELIVERY, carried_out=True, accepted=None)),
    _scenario("hangs after the claim", _hangs(InjectionPoint.CLAIM, carried_out=True, accepted=False)),
    _scenario("hangs after the provider accepted", _hangs(InjectionPoint.SEND, carried_out=True, accepted=True)),
    _scenario("asleep with a report under way", _asleep),
    _scenario("all away for longer than the retries", _all_away),
    _scenario("sends what is being given up", _claimed_while_given_up(InjectionPoint.READ_DELIVERY), at_most=8),
    _scenario("claims what is being given up", _claimed_while_given_up(InjectionPoint.PUBLISH), at_most=8),
    _scenario("all away for more than a day", _all_away_for_a_day, has_mail_events=True, at_least=8, at_most=24),
]

if hasattr(resource, "prlimit"):
    # Only Linux lets one process set another's limits.
    SCENARIOS.append(_scenario("out of memory", _out_of_memory))
