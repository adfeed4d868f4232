"""What an email provider does to requests, whichever it is."""

from collections.abc import Callable
from dataclasses import dataclass

from functions.shared.records.system_alert import AlertKind
from proof.faults.disturbances import Disturbance, answer, never_answer
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenario_run import ScenarioRun, Script

SOME = 0.3
"""How many of the reports meet it."""


@dataclass(frozen=True)
class OfTheRun:
    """A disturbance that takes something of the scenario's run."""

    make: Callable[[ScenarioRun], Disturbance]


def for_the_run(disturbance: Disturbance | OfTheRun, scenario_run: ScenarioRun) -> Disturbance:
    """Return what disturbs calls in this run."""
    return disturbance.make(scenario_run) if isinstance(disturbance, OfTheRun) else disturbance


def killed(*, carried_out: bool) -> OfTheRun:
    """The worker is killed, before the service carries its call out or after."""
    return OfTheRun(lambda scenario_run: scenario_run.kill(carried_out=carried_out))


def no_answer(*, accepted: bool) -> OfTheRun:
    """No answer comes until the scenario ends."""
    return OfTheRun(lambda scenario_run: never_answer(scenario_run.healed, accepted=accepted))


def meets(
    *disturbances: Disturbance | OfTheRun,
    at: InjectionPoint = InjectionPoint.SEND,
    share: float = SOME,
    most: int = 1_000_000,
    times: int | None = 1,
    ending: str = "",
    accepted: bool | None = None,
    one_by_one: bool = False,
) -> Script:
    """Some of the reports meet disturbances, one after the other.

    Args:
        at: at which call.
        share: of the reports.
        most: how many reports at most.
        times: how often they meet each; None for every attempt.
        ending: how they end instead of being sent; empty if they are sent.
        accepted: whether the destination has accepted a report of which no worker learns the outcome; None if one does.
        one_by_one: whether one report is under way at a time, so that a worker that is killed takes no other with it.
    """

    async def script(scenario_run: ScenarioRun) -> None:
        victims = scenario_run.victims(share, most=most)
        if accepted is not None:
            scenario_run.becomes_unknown(victims, accepted=accepted)
        if ending:
            scenario_run.may_end(victims, ending)
        for each in disturbances:
            scenario_run.disturb(at, for_the_run(each, scenario_run), of=victims, times=times)
        if one_by_one:
            await scenario_run.world.dispatch_at_most(1)
        await scenario_run.dispatch_and_drain()

    return script


async def refuses_connections(scenario_run: ScenarioRun) -> None:
    """No server listens at first."""
    await scenario_run.world.mail_gate.shut()
    await scenario_run.dispatch()
    await scenario_run.world.quiet()
    await scenario_run.world.mail_gate.open()
    await scenario_run.world.drain()


async def refuses_the_key(scenario_run: ScenarioRun) -> None:
    """The key is wrong for all reports, and corrected before the queue gives up."""
    scenario_run.may_tell(AlertKind.KEY_REFUSED)
    scenario_run.disturb(InjectionPoint.SEND, answer(401), times=3)
    await scenario_run.dispatch_and_drain()
