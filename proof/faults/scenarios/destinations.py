"""Faults of the destinations beside email: those with a key have each report once, whatever is lost; of the others an
unknown outcome is a person's to settle."""

from http import HTTPStatus

from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.json_body import json_answer
from local_pipeline.local_destination import LocalDestination
from proof.faults.disturbances import CarryOut, Disturbance, accept_and_answer, answer, cut
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.scenario_run import Scenario, ScenarioRun, scenarios_of
from proof.faults.scenarios.while_sending import SOME, killed, meets

_MOST_KILLS = 12


async def _data_change(scenario_run: ScenarioRun) -> None:
    """Half of the reports came before the worker was killed, and what is built next would be another report."""
    victims = scenario_run.victims(SOME, most=_MOST_KILLS)
    scenario_run.becomes_unknown(victims[::2], accepted=True)
    scenario_run.becomes_unknown(victims[1::2], accepted=False)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.kill(carried_out=True), of=victims[::2])
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.kill(carried_out=False), of=victims[1::2])
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch()
    await scenario_run.world.quiet()
    for user in scenario_run.users:
        await scenario_run.write_user(user, {"name": "Another Name"})
    await scenario_run.world.drain()


def _slack_says(error: str) -> Disturbance:
    async def disturb(_call: InterceptedCall, _carry_out: CarryOut) -> Answer:
        return json_answer(HTTPStatus.OK, {"ok": False, "error": error})

    return disturb


_NEVER: dict[LocalDestination, Disturbance] = {LocalDestination.SLACK: _slack_says("is_archived")}
"""How a destination refuses a report for good, where that is not 403."""


def _of(destination: LocalDestination) -> list[Scenario]:
    scenario = scenarios_of(destination.value, destination=destination)
    return [
        scenario("answers 429 twice", meets(answer(429, Retry_After="30"), times=2)),
        scenario(
            "refuses the report", meets(_NEVER.get(destination, answer(403)), times=None, ending="permanent-error")
        ),
        scenario("cuts the connection before it accepts", meets(cut(accepted=False), accepted=False)),
        scenario("accepts and cuts the connection", meets(cut(accepted=True), accepted=True)),
        scenario("accepts and answers 502", meets(accept_and_answer(502), accepted=True)),
        scenario(
            "the worker is killed before",
            meets(killed(carried_out=False), accepted=False, most=_MOST_KILLS, one_by_one=True),
            at_most=100,
        ),
        scenario(
            "the worker is killed after",
            meets(killed(carried_out=True), accepted=True, most=_MOST_KILLS, one_by_one=True),
            at_most=100,
        ),
        scenario("the data change before it is repeated", _data_change, at_most=100),
    ]


SCENARIOS = [scenario for destination in LocalDestination for scenario in _of(destination)]
