"""What a queue does that delivers at least once, in no order, and late."""

import asyncio
from collections import Counter
from datetime import timedelta

from local_cloud.tasks.dispatch import Answer, AnswerLost
from tests.faults.instances import Send
from tests.faults.stage import Scenario, Stage


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
    await stage.world.pass_time(timedelta(minutes=20))
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
        stage.hour = await stage.world.next_hour()
        await stage.run()
    await stage.world.resume()
    await stage.world.drain()


async def _out_of_order(stage: Stage) -> None:
    """Old tasks come again after the next hour's have been worked off, and mixed with those."""
    await stage.run_and_drain()
    stage.hour = await stage.world.next_hour()
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
    Scenario(name="tasks come out of order", group="queue", script=_out_of_order),
    Scenario(name="the worker's answer is lost", group="queue", script=_answer_lost),
]
