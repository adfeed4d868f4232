"""A queue that delivers at least once, in no order, and late."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date, timedelta
from functools import partial

from functions.shared.queues.ramp import Ramp
from functions.shared.records.system_alert import AlertKind
from local_cloud.tasks.dispatch import Answer, AnswerLost
from local_cloud.tasks.settings import burst_size
from proof.faults.instances import Send
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.dead_letters import DIE_AND_ARE_MENDED, replay_all
from proof.faults.scenarios.steps import FIRST, NOT_NOW
from proof.faults.world import CONCURRENCY, QUEUE, World

_PAUSED_HOURS = 26
_BEHIND_HOURS = 3
_RAMPED_DAYS = 3


def delivers(deliver: Callable[[ScenarioRun, str, Send], Awaitable[Answer]]) -> do.Step:
    """The queue delivers each task so."""

    def step(scenario_run: ScenarioRun) -> None:
        scenario_run.world.front_end.before = partial(deliver, scenario_run)

    return step


async def _twice(_scenario_run: ScenarioRun, _delivery: str, send: Send) -> Answer:
    await send()
    return await send()


async def thrice_at_once(scenario_run: ScenarioRun, delivery: str, send: Send) -> Answer:
    """Deliver a task three times at once."""
    answers = await asyncio.gather(send(), send(), send())
    return scenario_run.seeded.one_of(answers, "which answer counts", delivery)


async def redeliver_all(scenario_run: ScenarioRun) -> None:
    """Deliver every task of this scenario once more, regardless of its result."""
    delivered = scenario_run.world.front_end.delivered.values()
    tasks = {delivery.task_name for deliveries in delivered for delivery in deliveries}
    for task in sorted(tasks):
        await scenario_run.world.tasks.redeliver(task)


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


async def _answer_lost(scenario_run: ScenarioRun, delivery: str, send: Send) -> Answer:
    attempts = len(scenario_run.world.front_end.delivered[delivery])
    answer = await send()
    if attempts <= 1 + scenario_run.seeded.share("answers lost", delivery) * 3:
        raise AnswerLost("by the harness")
    return answer


_refused_once = do.in_turn(do.disturb(FIRST, NOT_NOW), do.dispatch, do.quiet)

_row = do.rows_of("queue")
SCENARIOS = [
    _row("a task is delivered twice", delivers(_twice), do.an_hour, at_least=16),
    _row("a task is delivered three times at once", delivers(thrice_at_once), do.an_hour),
    _row("a task is delivered again after success", do.an_hour, do.wait(timedelta(minutes=20)), redeliver_all),
    # The queue stands still for two hours, while the scheduler goes on, and then delivers everything.
    _row(
        "tasks come hours late",
        *(do.pause, do.dispatch, do.next_hour, do.dispatch, do.next_hour, do.dispatch, do.resume, do.drain),
        at_least=16,
    ),
    _row("is behind for hours", _behind_for_hours),
    _row("is ramped up for days", _ramped_up, at_least=12, at_most=12),
    _row("is paused for more than a day", do.pause, do.dispatch, do.quiet, stand_still_for_a_day),
    _row("is paused for more than a day, tried", _refused_once, stand_still_for_a_day),
    # There is time left to try the reports again.
    _row(
        "drops its tasks after a day's pause",
        *(do.expect_alerts(AlertKind.OVERDUE_REPORTS), _refused_once),
        *(partial(stand_still_for_a_day, is_dropped=True), do.queue_gave_up),
    ),
    # Longer than a task is tried.
    _row("replayed while it is paused", DIE_AND_ARE_MENDED, do.pause, replay_all, stand_still_for_a_day),
    # Old ones come again after the next hour's have been worked off, and mixed with those.
    _row(
        "tasks come out of order",
        *(do.an_hour, do.next_hour, lambda run: asyncio.gather(redeliver_all(run), run.dispatch())),
        *(do.drain, redeliver_all),
    ),
    _row("the worker's answer is lost", delivers(_answer_lost), do.an_hour),
]
