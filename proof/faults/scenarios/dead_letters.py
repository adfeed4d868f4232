"""The way of a dead letter: Pub/Sub, the DLQ handler and Slack failing, and the operator who replays."""

import asyncio
import os
from datetime import timedelta

import grpc

from functions.shared.records.system_alert import AlertKind
from local_pipeline.dead_letters import MAX_DELIVERY_ATTEMPTS, UNDELIVERABLE
from proof.faults.disturbances import answer, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import FIRST, KILLED_AFTER, KILLED_BEFORE, NOT_NOW, SOME, killed, no_answer, some
from proof.faults.world import PROJECT
from tests.forked_python import run_python
from tests.function_process import REPOSITORY

_UNDELIVERABLE = f"projects/{PROJECT}/subscriptions/{UNDELIVERABLE}"


async def _delivered_thrice(scenario_run: ScenarioRun) -> None:
    scenario_run.world.pubsub.deliver_copies(lambda subscription, message: 3)
    try:
        await scenario_run.dispatch_and_drain()
    finally:
        scenario_run.world.pubsub.deliver_copies(lambda subscription, message: 1)


async def _token_refused(scenario_run: ScenarioRun) -> None:
    """The handler refuses the first pushes: their tokens are another account's."""
    victims = SOME.of(scenario_run)
    refusals = iter(range(2 * len(victims)))
    world = scenario_run.world
    own = world.push_account
    world.push_account = lambda account: account if next(refusals, None) is None else f"other-{account}"
    try:
        await scenario_run.dispatch_and_drain()
    finally:
        world.push_account = own
    if next(refusals, None) is not None:
        raise RuntimeError("too few pushes were refused")


async def _undeliverable(scenario_run: ScenarioRun) -> None:
    """The handler refuses every push until Pub/Sub gives the messages up. When it is mended, an operator brings them
    back."""
    victims = SOME.of(scenario_run)
    world = scenario_run.world
    own = world.push_account
    world.push_account = lambda account: f"other-{account}"
    try:
        await scenario_run.dispatch()
        for _ in range(2 * MAX_DELIVERY_ATTEMPTS):
            await world.quiet()
            if world.pubsub.counts()[_UNDELIVERABLE].waiting == len(victims):
                break
            world.pass_time(timedelta(minutes=10))
        else:
            raise RuntimeError(f"not all messages are undeliverable: {world.pubsub.counts()}")
    finally:
        world.push_account = own
    await operate(scenario_run, "dead-letters", "redeliver", "--yes")
    await world.drain()


async def replay_all(scenario_run: ScenarioRun) -> None:
    """Do what an operator does when the cause is mended."""
    await operate(scenario_run, "dead-letters", "replay", "--all", "--yes", "--json")


async def operate(scenario_run: ScenarioRun, *arguments: str) -> None:
    """Run the operator's command.

    Raises:
        RuntimeError: it did not come to its end.
    """
    done = await asyncio.to_thread(
        run_python,
        *("-m", "local_pipeline.shared_time", "operations", *arguments),
        directory=REPOSITORY,
        environment={**os.environ, **scenario_run.world.variables},
    )
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr[-500:]}")


async def _replay_twice_at_once(scenario_run: ScenarioRun) -> None:
    await asyncio.gather(replay_all(scenario_run), replay_all(scenario_run))


def _on_their_way(fault: do.Fault, at: InjectionPoint, times: int = 1) -> do.Step:
    """Some reports die, and a fault hits each dead letter on its way."""
    return do.in_turn(do.make_die(SOME), do.disturb(None, fault, at=at, times=times), do.an_hour)


_PUBLISH, _STORE, _TELL = InjectionPoint.PUBLISH, InjectionPoint.STORE, InjectionPoint.TELL
_FEW = some(0.1, most=25)
_REFUSED = refuse(grpc.StatusCode.PERMISSION_DENIED)
"""Which the client does not try again at once: the queue retries the task."""
_HANDLER_BEFORE, _HANDLER_AFTER = (killed(lambda world: world.dlq_handler, carried_out=each) for each in (False, True))
DIE_AND_ARE_MENDED = do.in_turn(do.make_die(SOME), do.an_hour, do.expect(SOME, "sent"), do.heal)
"""Some reports die, and the cause is mended."""

_row = do.rows_of("dead letters")
SCENARIOS = [
    _row("publish UNAVAILABLE", _on_their_way(refuse(grpc.StatusCode.UNAVAILABLE), _PUBLISH, times=2)),
    _row("published, and the answer lost", _on_their_way(lose_answer(grpc.StatusCode.UNAVAILABLE), _PUBLISH)),
    _row("publish refused", do.make_die(SOME), do.disturb(SOME, _REFUSED, at=_PUBLISH, times=3), do.an_hour),
    # The task is gone, and the report given up: the next run finds it, and its dead letter is published.
    _row(
        "publish refused at the last attempt",
        do.expect_alerts(AlertKind.OVERDUE_REPORTS),
        do.expect(SOME, "retries-exhausted"),
        do.disturb(SOME, NOT_NOW, times=None),
        do.disturb(SOME, _REFUSED, at=_PUBLISH),
        do.an_hour,
    ),
    # The delivery record says what the provider refused, and why: the next attempt publishes the same dead letter.
    *(
        _row(
            f"worker killed {when} it published",
            *(do.make_die(_FEW), do.disturb(_FEW, kill, at=_PUBLISH), do.one_by_one, do.an_hour),
        )
        for when, kill in (("before", KILLED_BEFORE), ("after", KILLED_AFTER))
    ),
    _row("message delivered three times", do.make_die(SOME), _delivered_thrice),
    _row("token refused", do.make_die(SOME), _token_refused),
    _row("token refused for a day, and delivered again", do.make_die(SOME), _undeliverable),
    _row("handler killed before it stored", _on_their_way(_HANDLER_BEFORE, _STORE)),
    _row("handler killed after it stored", _on_their_way(_HANDLER_AFTER, _STORE)),
    _row("handler killed after it told Slack", _on_their_way(_HANDLER_AFTER, _TELL)),
    _row("Slack answers 500", _on_their_way(answer(500), _TELL, times=2)),
    _row("Slack answers 429 with Retry-After", _on_their_way(answer(429, Retry_After="3"), _TELL, times=2)),
    _row("Slack never answers", _on_their_way(no_answer(accepted=True), _TELL)),
    _row("a storm of one cause", do.make_die(FIRST), do.an_hour),
    _row("replayed hours later", DIE_AND_ARE_MENDED, do.next_hours(2), replay_all, do.drain),
    _row(
        "replayed twice at once, and again", DIE_AND_ARE_MENDED, _replay_twice_at_once, do.drain, replay_all, do.drain
    ),
]
