"""The way of a dead letter: Pub/Sub, the DLQ handler and Slack failing, and the operator who replays."""

import asyncio
import os
from datetime import timedelta

import grpc

from functions.shared.records.system_alert import AlertKind
from local_pipeline.dead_letters import MAX_DELIVERY_ATTEMPTS, UNDELIVERABLE
from proof.faults.disturbances import Disturbance, answer, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenario_run import Scenario, ScenarioRun, Script, scenarios_of
from proof.faults.scenarios.while_sending import OfTheRun, for_the_run, no_answer
from proof.faults.world import PROJECT
from tests.forked_python import run_python
from tests.function_process import REPOSITORY

_DYING = 0.3
_UNDELIVERABLE = f"projects/{PROJECT}/subscriptions/{UNDELIVERABLE}"


def _while_some_die(
    points: InjectionPoint | set[InjectionPoint],
    disturbance: Disturbance | OfTheRun,
    *,
    times: int | None = 1,
) -> Script:
    """A fault hits each dead letter on its way."""

    async def script(scenario_run: ScenarioRun) -> None:
        scenario_run.make_die(scenario_run.victims(_DYING))
        scenario_run.disturb(points, for_the_run(disturbance, scenario_run), times=times)
        await scenario_run.dispatch_and_drain()

    return script


def _killed_handler(point: InjectionPoint, *, carried_out: bool) -> Script:
    return _while_some_die(
        point, OfTheRun(lambda run: run.kill_function(run.world.dlq_handler, carried_out=carried_out))
    )


def _killed_worker(*, carried_out: bool) -> Script:
    """The delivery record says what the provider refused, and why: the next attempt publishes the same dead letter."""

    async def script(scenario_run: ScenarioRun) -> None:
        victims = scenario_run.victims(0.1, most=25)
        scenario_run.make_die(victims)
        scenario_run.disturb(InjectionPoint.PUBLISH, scenario_run.kill(carried_out=carried_out), of=victims)
        await scenario_run.world.dispatch_at_most(1)
        await scenario_run.dispatch_and_drain()

    return script


async def _publish_refused(scenario_run: ScenarioRun) -> None:
    """Pub/Sub refuses with an error that the client does not retry at once: the queue retries the task."""
    victims = scenario_run.victims(_DYING)
    scenario_run.make_die(victims)
    scenario_run.disturb(InjectionPoint.PUBLISH, refuse(grpc.StatusCode.PERMISSION_DENIED), of=victims, times=3)
    await scenario_run.dispatch_and_drain()


async def _publish_refused_at_the_last_attempt(scenario_run: ScenarioRun) -> None:
    """The task is gone, and the report given up: the next run finds it, and its dead letter is published."""
    victims = scenario_run.victims(_DYING)
    scenario_run.may_end(victims, "retries-exhausted")
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.not_now, of=victims, times=None)
    scenario_run.disturb(InjectionPoint.PUBLISH, refuse(grpc.StatusCode.PERMISSION_DENIED), of=victims)
    await scenario_run.dispatch_and_drain()


async def _delivered_thrice(scenario_run: ScenarioRun) -> None:
    scenario_run.make_die(scenario_run.victims(_DYING))
    scenario_run.world.pubsub.deliver_copies(lambda subscription, message: 3)
    try:
        await scenario_run.dispatch_and_drain()
    finally:
        scenario_run.world.pubsub.deliver_copies(lambda subscription, message: 1)


async def _token_refused(scenario_run: ScenarioRun) -> None:
    """The handler refuses the first pushes: their tokens are another account's."""
    victims = scenario_run.victims(_DYING)
    refusals = iter(range(2 * len(victims)))
    world = scenario_run.world
    own = world.push_account
    world.push_account = lambda account: account if next(refusals, None) is None else f"other-{account}"
    scenario_run.make_die(victims)
    try:
        await scenario_run.dispatch_and_drain()
    finally:
        world.push_account = own
    if next(refusals, None) is not None:
        raise RuntimeError("too few pushes were refused")


async def _undeliverable(scenario_run: ScenarioRun) -> None:
    """The handler refuses every push until Pub/Sub gives the messages up. When it is mended, an operator brings them
    back."""
    victims = scenario_run.victims(_DYING)
    world = scenario_run.world
    own = world.push_account
    world.push_account = lambda account: f"other-{account}"
    scenario_run.make_die(victims)
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


async def _everybody_dies(scenario_run: ScenarioRun) -> None:
    """A storm: thousands of dead letters of one cause need few alerts, and the alerts cover all of them."""
    scenario_run.make_die(scenario_run.due)
    await scenario_run.dispatch_and_drain()


async def _replayed(scenario_run: ScenarioRun) -> None:
    """All are replayed when the cause is mended, twice at the same time, and once more afterwards."""
    victims = scenario_run.victims(_DYING)
    scenario_run.make_die(victims)
    await scenario_run.dispatch_and_drain()
    scenario_run.may_end(victims, "sent")
    scenario_run.heal()
    await asyncio.gather(replay_all(scenario_run), replay_all(scenario_run))
    await scenario_run.world.drain()
    await replay_all(scenario_run)
    await scenario_run.world.drain()


async def _replayed_later(scenario_run: ScenarioRun) -> None:
    """All are replayed when the next hours' reports have been sent."""
    victims = scenario_run.victims(_DYING)
    scenario_run.make_die(victims)
    await scenario_run.dispatch_and_drain()
    scenario_run.may_end(victims, "sent")
    scenario_run.heal()
    await scenario_run.play_next_hours(2)
    await replay_all(scenario_run)
    await scenario_run.world.drain()


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


def _slack(name: str, disturbance: Disturbance | OfTheRun, *, times: int = 2) -> Scenario:
    return _scenario(f"Slack {name}", _while_some_die(InjectionPoint.TELL, disturbance, times=times))


_scenario = scenarios_of("dead letters")
SCENARIOS = [
    _scenario(
        "publish UNAVAILABLE",
        _while_some_die(InjectionPoint.PUBLISH, refuse(grpc.StatusCode.UNAVAILABLE), times=2),
    ),
    _scenario(
        "published, and the answer lost",
        _while_some_die(InjectionPoint.PUBLISH, lose_answer(grpc.StatusCode.UNAVAILABLE)),
    ),
    _scenario("publish refused", _publish_refused),
    _scenario("publish refused at the last attempt", _publish_refused_at_the_last_attempt),
    _scenario("worker killed before it published", _killed_worker(carried_out=False)),
    _scenario("worker killed after it published", _killed_worker(carried_out=True)),
    _scenario("message delivered three times", _delivered_thrice),
    _scenario("token refused", _token_refused),
    _scenario("token refused for a day, and delivered again", _undeliverable),
    _scenario("handler killed before it stored", _killed_handler(InjectionPoint.STORE, carried_out=False)),
    _scenario("handler killed after it stored", _killed_handler(InjectionPoint.STORE, carried_out=True)),
    _scenario("handler killed after it told Slack", _killed_handler(InjectionPoint.TELL, carried_out=True)),
    _slack("answers 500", answer(500)),
    _slack("answers 429 with Retry-After", answer(429, Retry_After="3")),
    _slack("never answers", no_answer(accepted=True), times=1),
    _scenario("a storm of one cause", _everybody_dies),
    _scenario("replayed hours later", _replayed_later),
    _scenario("replayed twice at once, and again", _replayed),
]
