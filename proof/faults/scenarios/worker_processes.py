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
from proof.faults.scenario_run import ScenarioRun, Script, unheard
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import KILLED_AFTER, KILLED_BEFORE, Fault, an_hour_with, some
from proof.faults.world import WORKER_TIMEOUT_SECONDS, World

_MOST_KILLS = 25
"""The most kills: each costs a new process."""
_FEW, _ONE = some(0.1, most=_MOST_KILLS), some(0, least=1)

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

    scenario_run.disturb(InjectionPoint.SEND, terminate, of=scenario_run.victims(0.1, most=3))
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

    scenario_run.disturb(InjectionPoint.READ_DELIVERY, exhaust, of=_FEW.of(scenario_run))
    await scenario_run.dispatch_and_drain()
    # None is killed in the next scenario.
    await asyncio.gather(*kills)


def _hangs(point: InjectionPoint, *, accepted: bool | None = None) -> Script:
    """A worker stands still until the queue has given its attempt up and another has had the task, and then goes on."""

    async def script(scenario_run: ScenarioRun) -> None:
        world = scenario_run.world
        await world.dispatch_at_most(1)
        for number in range(_HANGS):
            if number:
                scenario_run.hour = world.next_hour()
            victim = scenario_run.seeded.one_of(scenario_run.hourly, "hangs", number).delivery(scenario_run.hour)
            if accepted is not None:
                scenario_run.becomes_unknown([victim], accepted=accepted)
            frozen: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
            scenario_run.disturb(point, scenario_run.freeze(frozen), of=[victim])
            await scenario_run.dispatch()
            instance = await frozen
            world.pass_time(DISPATCH_DEADLINE + timedelta(seconds=1))
            # Everything else is worked off by the other instance.
            await world.drain()
            instance.send(signal.SIGCONT)
            instance.available = True
            await instance.answers()
            await world.drain()

    return script


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

    scenario_run.disturb(InjectionPoint.SEND, sleep, of=_ONE.of(scenario_run))
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()


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
        [victim] = _ONE.of(scenario_run)
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


def _killed(fault: Fault, at: InjectionPoint, *, accepted: bool | None = None) -> do.Step:
    return an_hour_with(fault, of=_FEW, at=at, accepted=accepted, kills=True)


_TWICE_AS_MANY = some(0.2, most=_MOST_KILLS)

_row = do.rows_of("worker")
SCENARIOS = [
    _row("killed before the claim", _killed(KILLED_BEFORE, InjectionPoint.CLAIM)),
    _row("killed after the claim", _killed(KILLED_AFTER, InjectionPoint.CLAIM, accepted=False)),
    _row("killed after the request was written", _killed(KILLED_BEFORE, InjectionPoint.SEND, accepted=False)),
    _row("killed after the provider accepted", _killed(KILLED_AFTER, InjectionPoint.SEND, accepted=True)),
    _row("killed before the record is written", _killed(KILLED_BEFORE, InjectionPoint.SETTLE, accepted=True)),
    _row("killed after the record was written", _killed(KILLED_AFTER, InjectionPoint.SETTLE)),
    # Half die after the provider has accepted, half before. Those that its logs do not show are sent again.
    _row(
        "killed while sending, with resend",
        do.expect_unknown(_TWICE_AS_MANY[::2], accepted=True),
        do.disturb_halves(_TWICE_AS_MANY, KILLED_AFTER, KILLED_BEFORE),
        *(do.one_by_one, do.an_hour),
        on_unknown_outcome=OnUnknownOutcome.RESEND,
    ),
    _row("killed at random", killed_at_random, at_least=16),
    _row("killed at random, with resend", killed_at_random, at_least=16, on_unknown_outcome=OnUnknownOutcome.RESEND),
    _row("told to end in the middle", _terminated),
    _row("hangs before the claim", _hangs(InjectionPoint.READ_DELIVERY)),
    _row("hangs after the claim", _hangs(InjectionPoint.CLAIM, accepted=False)),
    _row("hangs after the provider accepted", _hangs(InjectionPoint.SEND, accepted=True)),
    _row("asleep with a report under way", _asleep),
    # The queue deletes every task without a trace.
    _row(
        "all away for longer than the retries",
        *(do.expect_alerts(AlertKind.OVERDUE_REPORTS), do.in_the_world(World.no_worker), do.an_hour, do.queue_gave_up),
    ),
    _row("sends what is being given up", _claimed_while_given_up(InjectionPoint.READ_DELIVERY), at_most=8),
    _row("claims what is being given up", _claimed_while_given_up(InjectionPoint.PUBLISH), at_most=8),
    _row("all away for more than a day", _all_away_for_a_day, has_mail_events=True, at_least=8, at_most=24),
]

if hasattr(resource, "prlimit"):
    # Only Linux lets one process set another's limits.
    SCENARIOS.append(_row("out of memory", _out_of_memory))
