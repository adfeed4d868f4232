"""What Firestore does under load: calls that fail, and commits that were applied although they seem to have failed."""

import grpc

from functions.shared.records.system_alert import AlertKind
from proof.faults.disturbances import Disturbance, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.instances import until
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of
from proof.faults.world import CONCURRENCY

POINTS = {
    InjectionPoint.READ_DELIVERY,
    InjectionPoint.READ_SUBSCRIPTION,
    InjectionPoint.CLAIM,
    InjectionPoint.RELEASE,
    InjectionPoint.SETTLE,
    InjectionPoint.STORE,
    InjectionPoint.ALERT_RECORD,
    InjectionPoint.RUN_RECORD,
    InjectionPoint.QUERY,
}
"""Every call to Firestore, of any function."""

_SHARE = 0.15


def _any_call(disturbance: Disturbance) -> Script:
    """A share of all calls fails, for two hours. Some reports die on their way, so that dead letters meet it too."""

    async def script(scenario_run: ScenarioRun) -> None:
        scenario_run.may_tell(AlertKind.RUN_ERRORS, AlertKind.OVERDUE_REPORTS)
        scenario_run.make_die(scenario_run.victims(0.1))
        scenario_run.disturb(POINTS, disturbance, times=None, chosen=scenario_run.a_share(_SHARE, "fails"))
        await scenario_run.play_hours(2)

    return script


async def _cannot_be_told(scenario_run: ScenarioRun) -> None:
    """The provider has the email, and Firestore refuses to store that for as long as the worker tries."""
    victims = scenario_run.victims(0.2, most=10)
    scenario_run.becomes_unknown(victims, accepted=True)
    scenario_run.disturb(InjectionPoint.SETTLE, refuse(grpc.StatusCode.UNAVAILABLE), of=victims, times=None)
    await scenario_run.dispatch()
    await scenario_run.world.quiet()
    scenario_run.heal()
    await scenario_run.world.drain()


async def _is_away(scenario_run: ScenarioRun) -> None:
    """Nothing can be read or written until each report has been tried once."""
    await scenario_run.world.pause()
    await scenario_run.dispatch()
    scenario_run.disturb(POINTS, refuse(grpc.StatusCode.UNAVAILABLE), times=None)
    await scenario_run.world.resume()
    await until(
        lambda: all(scenario_run.world.front_end.ended[delivery] for delivery in scenario_run.due),
        what="attempts to fail",
    )
    scenario_run.heal()
    await scenario_run.world.drain()


_scenario = scenarios_of("Firestore")
SCENARIOS = [
    _scenario("any call ABORTED", _any_call(refuse(grpc.StatusCode.ABORTED))),
    _scenario("any call UNAVAILABLE", _any_call(refuse(grpc.StatusCode.UNAVAILABLE))),
    _scenario("any call DEADLINE_EXCEEDED", _any_call(refuse(grpc.StatusCode.DEADLINE_EXCEEDED))),
    _scenario("applied, and the answer lost", _any_call(lose_answer(grpc.StatusCode.UNAVAILABLE))),
    _scenario("applied, and DEADLINE_EXCEEDED", _any_call(lose_answer(grpc.StatusCode.DEADLINE_EXCEEDED))),
    _scenario("cannot be told that an email was sent", _cannot_be_told),
    _scenario("is away for a while", _is_away, at_most=CONCURRENCY),
]
