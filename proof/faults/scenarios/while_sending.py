"""What an email provider does to requests, whichever it is."""

from functions.shared.records.system_alert import AlertKind
from proof.faults.disturbances import Disturbance, answer
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenario_run import ScenarioRun, Script

SOME = 0.3
"""How many of the reports meet it."""


def for_a_while(disturbance: Disturbance, *, times: int = 2) -> Script:
    """Some reports meet it twice, and are sent by the third attempt."""

    async def script(scenario_run: ScenarioRun) -> None:
        scenario_run.disturb(InjectionPoint.SEND, disturbance, of=scenario_run.victims(SOME), times=times)
        await scenario_run.dispatch_and_drain()

    return script


def for_some(disturbance: Disturbance, ending: str, *, times: int | None = None) -> Script:
    """Some reports meet it, at every attempt unless `times` says how often, and end so."""

    async def script(scenario_run: ScenarioRun) -> None:
        victims = scenario_run.victims(SOME)
        scenario_run.may_end(victims, ending)
        scenario_run.disturb(InjectionPoint.SEND, disturbance, of=victims, times=times)
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
