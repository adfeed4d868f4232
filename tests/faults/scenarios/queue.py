"""What a queue does that delivers at least once, in no order, and late."""

import asyncio
from collections import Counter
from datetime import timedelta

from functions.shared.system_alert import AlertKind
from local_cloud.tasks.dispatch import Answer, AnswerLost
from tests.faults.crossings import Point
from tests.faults.disturbances import answer
from tests.faults.instances import Send
from tests.faults.scenarios.dead_letters import replay_all
from tests.faults.stage import Scenario, Script, Stage
from tests.faults.world import QUEUE

_PAUSED_HOURS = 26


async def _twice(stage: Stage) -> None:
    async def deliver(_delivery: str, send: Send) -> Answer:
        await send()
        return await send()

    stage.world.front_end.before = deliver
    await stage.run_and_drain()


async def _twice_at_once(stage: Stage) -> None:
    async def deliver(_delivery: str, send: Send) -> Answer:
        answers = await asyncio.gather(send(), send(), send())
        return stage.dice.one_of(answers, "which answer counts", _delivery)

    stage.world.front_end.before = deliver
    await stage.run_and_drain()


async def _after_success(stage: Stage) -> None:
    await stage.run_and_drain()
    stage.world.pass_time(timedelta(minutes=20))
    await redeliver_all(stage)


async def redeliver_all(stage: Stage) -> None:
    """Deliver every task of this scenario once more, whatever became of it."""
    delivered = stage.world.front_end.delivered.values()
    tasks = {delivery.task_name for deliveries in delivered for delivery in deliveries}
    for task in sorted(tasks):
        await stage.world.tasks.redeliver(task)


async def _hours_late(stage: Stage) -> None:
    """The queue stands still for two hours, while the scheduler goes on, and then delivers everything."""
    await stage.world.pause()
    await stage.run()
    for _ in range(2):
        stage.hour = stage.world.next_hour()
        await stage.run()
    await stage.world.resume()
    await stage.world.drain()


def _paused_for_a_day(*, tried: bool) -> Script:
    """The queue stands still for more than a day, with tasks in it that were tried once, or not at all."""

    async def script(stage: Stage) -> None:
        if tried:
            stage.disturb(Point.SEND, answer(503), of=stage.due)
        else:
            await stage.world.pause()
        await stage.run()
        await stage.world.quiet()
        await _stand_still_for_a_day(stage)

    return script


async def _paused_and_dropped(stage: Stage) -> None:
    """The tasks die soon after a pause of more than a day: there is time left to try the reports again."""
    stage.may_tell(AlertKind.OVERDUE_REPORTS)
    stage.disturb(Point.SEND, answer(503), of=stage.due)
    await stage.run()
    await stage.world.quiet()
    await _stand_still_for_a_day(stage, is_dropped=True)
    if not stage.world.tasks.dropped(QUEUE):
        raise RuntimeError("the queue has given up nothing")


async def _stand_still_for_a_day(stage: Stage, *, is_dropped: bool = False) -> None:
    """The scheduler goes on meanwhile, and its first run afterwards comes before the queue has delivered anything.

    Args:
        stage: the scenario's.
        is_dropped: whether none of what waits is delivered.
    """
    looked = asyncio.Event()

    async def wait(_delivery: str, send: Send) -> Answer:
        await looked.wait()
        if is_dropped:
            raise AnswerLost("by the harness")
        return await send()

    await stage.world.pause()
    for _ in range(_PAUSED_HOURS):
        stage.hour = stage.world.next_hour()
        await stage.run()
    stage.world.front_end.before = wait
    await stage.world.resume()
    stage.hour = stage.world.next_hour()
    await stage.run()
    looked.set()
    await stage.world.drain()
    stage.world.front_end.before = None


async def _replayed_into_a_pause(stage: Stage) -> None:
    """Dead letters are replayed while the queue stands still, longer than a task is tried."""
    victims = stage.victims(0.3)
    stage.make_die(victims)
    await stage.run_and_drain()
    stage.may_end(victims, "sent")
    stage.heal()
    await stage.world.pause()
    await replay_all(stage)
    await _stand_still_for_a_day(stage)


async def _out_of_order(stage: Stage) -> None:
    """Old tasks come again after the next hour's have been worked off, and mixed with those."""
    await stage.run_and_drain()
    stage.hour = stage.world.next_hour()
    await asyncio.gather(redeliver_all(stage), stage.run())
    await stage.world.drain()
    await redeliver_all(stage)


async def _answer_lost(stage: Stage) -> None:
    attempts: Counter[str] = Counter()

    async def deliver(delivery: str, send: Send) -> Answer:
        attempts[delivery] += 1
        answer = await send()
        if attempts[delivery] <= 1 + stage.dice.share("answers lost", delivery) * 3:
            raise AnswerLost("by the harness")
        return answer

    stage.world.front_end.before = deliver
    await stage.run_and_drain()


SCENARIOS = [
    Scenario(name="a task is delivered twice", group="queue", script=_twice),
    Scenario(name="a task is delivered three times at once", group="queue", script=_twice_at_once),
    Scenario(name="a task is delivered again after success", group="queue", script=_after_success),
    Scenario(name="tasks come hours late", group="queue", script=_hours_late),
    Scenario(name="is paused for more than a day", group="queue", script=_paused_for_a_day(tried=False)),
    Scenario(name="is paused for more than a day, tried", group="queue", script=_paused_for_a_day(tried=True)),
    Scenario(name="drops its tasks after a day's pause", group="queue", script=_paused_and_dropped),
    Scenario(name="replayed while it is paused", group="queue", script=_replayed_into_a_pause),
    Scenario(name="tasks come out of order", group="queue", script=_out_of_order),
    Scenario(name="the worker's answer is lost", group="queue", script=_answer_lost),
]
