"""A queue that delivers at least once, in no order, and late."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, timedelta

from functions.shared.queues.ramp import Ramp
from functions.shared.records.system_alert import AlertKind
from local_cloud.tasks.dispatch import Answer, AnswerLost
from local_cloud.tasks.settings import burst_size
from proof.faults.injection_points import InjectionPoint
from proof.faults.instances import Send
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of
from proof.faults.scenarios.dead_letters import replay_all
from proof.faults.world import CONCURRENCY, QUEUE, World

_PAUSED_HOURS = 26
_BEHIND_HOURS = 3
_RAMPED_DAYS = 3


async def _twice(scenario_run: ScenarioRun) -> None:
    async def deliver(_delivery: str, send: Send) -> Answer:
        await send()
        return await send()

    scenario_run.world.front_end.before = deliver
    await scenario_run.dispatch_and_drain()


async def _twice_at_once(scenario_run: ScenarioRun) -> None:
    async def deliver(_delivery: str, send: Send) -> Answer:
        answers = await asyncio.gather(send(), send(), send())
        return scenario_run.seeded.one_of(answers, "which answer counts", _delivery)

    scenario_run.world.front_end.before = deliver
    await scenario_run.dispatch_and_drain()


async def _after_success(scenario_run: ScenarioRun) -> None:
    await scenario_run.dispatch_and_drain()
    scenario_run.world.pass_time(timedelta(minutes=20))
    await redeliver_all(scenario_run)


async def redeliver_all(scenario_run: ScenarioRun) -> None:
    """Deliver every task of this scenario once more, regardless of its result."""
    delivered = scenario_run.world.front_end.delivered.values()
    tasks = {delivery.task_name for deliveries in delivered for delivery in deliveries}
    for task in sorted(tasks):
        await scenario_run.world.tasks.redeliver(task)


async def _hours_late(scenario_run: ScenarioRun) -> None:
    """The queue stands still for two hours, while the scheduler goes on, and then delivers everything."""
    await scenario_run.world.pause()
    await scenario_run.dispatch()
    for _ in range(2):
        scenario_run.hour = scenario_run.world.next_hour()
        await scenario_run.dispatch()
    await scenario_run.world.resume()
    await scenario_run.world.drain()


async def _behind_for_hours(scenario_run: ScenarioRun) -> None:
    """The queue calls the worker with one task at a time, and the worker does not answer. The other tasks wait longer
    than a task is tried, and none of them is dead."""
    world, answers = scenario_run.world, asyncio.Event()

    async def wait(_delivery: str, send: Send) -> Answer:
        await answers.wait()
        return await send()

    world.front_end.before = wait
    await world.dispatch_at_most(1)
    await scenario_run.dispatch()
    for _ in range(_BEHIND_HOURS):
        scenario_run.hour = world.next_hour()
        await scenario_run.dispatch()
    answers.set()
    await world.dispatch_at_most(CONCURRENCY)
    await world.drain()


async def _ramped_up(scenario_run: ScenarioRun) -> None:
    """A new domain is ramped up for days, and has more reports than a day allows. Each of them waits in the queue by
    one task, each is sent in its turn, and no day has more than it allows."""
    world = scenario_run.world
    ramp = Ramp(start=world.clock.now().date(), first_day=6, growth=1.7, full_rate=10)
    sent: list[tuple[date, list[str]]] = []

    async def run() -> None:
        before = len(world.inbox.mails)
        await scenario_run.dispatch()
        await world.quiet()
        sent.append((world.clock.now().date(), _accepted_since(world, before)))
        if world.tasks.counts(QUEUE).depth > len(scenario_run.known):
            raise RuntimeError("a subscription has two tasks")

    async with world.ramped(ramp):
        await scenario_run.pass_hours(_RAMPED_DAYS * 24, run)
    _check_ramp(ramp, sent, scenario_run.due)


def _accepted_since(world: World, mail: int) -> list[str]:
    """The deliveries whose emails the provider has accepted since an email, each once."""
    return list({envelope.custom_args["delivery_id"]: None for envelope in world.inbox.mails[mail:]})


def _check_ramp(
    ramp: Ramp,
    sent: Sequence[tuple[date, Sequence[str]]],
    first: Collection[str],
) -> None:
    """Raise RuntimeError unless a ramp was kept. The order is not looked at: a queue promises none.

    Args:
        ramp: which.
        sent: the deliveries that were sent in each step, in the order of the steps, and the day.
        first: the first delivery of each subscription.
    """
    burst = burst_size(ramp.rate(ramp.start))
    for day in sorted({day for day, _ in sent}):
        count = sum(len(ids) for each, ids in sent if each == day)
        if count > ramp.allowance(ramp.day(day)) + burst:
            raise RuntimeError(f"day {ramp.day(day)} had {count} reports")
    everything = [each for _, ids in sent for each in ids]
    if waiting := set(first) - set(everything):
        raise RuntimeError(f"after {_RAMPED_DAYS} days {len(waiting)} first reports still wait")


def _paused_for_a_day(*, tried: bool) -> Script:
    """The queue stands still for more than a day, with tasks in it that were tried once, or not at all."""

    async def script(scenario_run: ScenarioRun) -> None:
        if tried:
            scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.not_now, of=scenario_run.due)
        else:
            await scenario_run.world.pause()
        await scenario_run.dispatch()
        await scenario_run.world.quiet()
        await stand_still_for_a_day(scenario_run)

    return script


async def _paused_and_dropped(scenario_run: ScenarioRun) -> None:
    """The tasks die soon after a pause of more than a day: there is time left to try the reports again."""
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.not_now, of=scenario_run.due)
    await scenario_run.dispatch()
    await scenario_run.world.quiet()
    await stand_still_for_a_day(scenario_run, is_dropped=True)
    if not scenario_run.world.tasks.dropped(QUEUE):
        raise RuntimeError("the queue has given up nothing")


async def stand_still_for_a_day(scenario_run: ScenarioRun, *, is_dropped: bool = False) -> None:
    """The scheduler goes on meanwhile, and its first run afterwards comes before the queue has delivered anything.

    Args:
        scenario_run: the scenario's.
        is_dropped: whether none of what waits is delivered.
    """
    looked = asyncio.Event()

    async def wait(_delivery: str, send: Send) -> Answer:
        await looked.wait()
        if is_dropped:
            raise AnswerLost("by the harness")
        return await send()

    await scenario_run.world.pause()
    await scenario_run.pass_hours(_PAUSED_HOURS, scenario_run.dispatch)
    scenario_run.world.front_end.before = wait
    await scenario_run.world.resume()
    scenario_run.hour = scenario_run.world.next_hour()
    await scenario_run.dispatch()
    looked.set()
    await scenario_run.world.drain()
    scenario_run.world.front_end.before = None


async def _replayed_into_a_pause(scenario_run: ScenarioRun) -> None:
    """Dead letters are replayed while the queue stands still, longer than a task is tried."""
    victims = scenario_run.victims(0.3)
    scenario_run.make_die(victims)
    await scenario_run.dispatch_and_drain()
    scenario_run.may_end(victims, "sent")
    scenario_run.heal()
    await scenario_run.world.pause()
    await replay_all(scenario_run)
    await stand_still_for_a_day(scenario_run)


async def _out_of_order(scenario_run: ScenarioRun) -> None:
    """Old tasks come again after the next hour's have been worked off, and mixed with those."""
    await scenario_run.dispatch_and_drain()
    scenario_run.hour = scenario_run.world.next_hour()
    await asyncio.gather(redeliver_all(scenario_run), scenario_run.dispatch())
    await scenario_run.world.drain()
    await redeliver_all(scenario_run)


async def _answer_lost(scenario_run: ScenarioRun) -> None:
    attempts: Counter[str] = Counter()

    async def deliver(delivery: str, send: Send) -> Answer:
        attempts[delivery] += 1
        answer = await send()
        if attempts[delivery] <= 1 + scenario_run.seeded.share("answers lost", delivery) * 3:
            raise AnswerLost("by the harness")
        return answer

    scenario_run.world.front_end.before = deliver
    await scenario_run.dispatch_and_drain()


_scenario = scenarios_of("queue")
SCENARIOS = [
    _scenario("a task is delivered twice", _twice, at_least=16),
    _scenario("a task is delivered three times at once", _twice_at_once),
    _scenario("a task is delivered again after success", _after_success),
    _scenario("tasks come hours late", _hours_late, at_least=16),
    _scenario("is behind for hours", _behind_for_hours),
    _scenario("is ramped up for days", _ramped_up, at_least=12, at_most=12),
    _scenario("is paused for more than a day", _paused_for_a_day(tried=False)),
    _scenario("is paused for more than a day, tried", _paused_for_a_day(tried=True)),
    _scenario("drops its tasks after a day's pause", _paused_and_dropped),
    _scenario("replayed while it is paused", _replayed_into_a_pause),
    _scenario("tasks come out of order", _out_of_order),
    _scenario("the worker's answer is lost", _answer_lost),
]
