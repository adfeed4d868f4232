"""With users and the pipeline's own collections in a database each, a delivery is final before its subscription moves
on: something goes wrong in between."""

import grpc

from proof.faults.disturbances import refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenario_run import Scenario, ScenarioRun

_SHARE = 0.3
_MOST_KILLS = 25


async def _killed_in_between(scenario_run: ScenarioRun) -> None:
    """Half die before the subscription moves on, and half when it has, one after the other, so that a worker that is
    killed takes no other report with it."""
    victims = scenario_run.victims(_SHARE, least=2, most=_MOST_KILLS)
    scenario_run.disturb(InjectionPoint.MOVE_ON, scenario_run.kill(carried_out=False), of=victims[::2])
    scenario_run.disturb(InjectionPoint.MOVE_ON, scenario_run.kill(carried_out=True), of=victims[1::2])
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()


async def _users_away(scenario_run: ScenarioRun) -> None:
    """For longer than the queue tries, no subscription of some users moves on: the next run finds them due for what was
    sent."""
    victims = scenario_run.victims(_SHARE, least=2)
    refused = refuse(grpc.StatusCode.PERMISSION_DENIED)
    scenario_run.disturb(InjectionPoint.MOVE_ON, refused, of=victims, times=None)
    await scenario_run.dispatch_and_drain()
    scenario_run.heal()
    scenario_run.hour = scenario_run.world.next_hour()
    await scenario_run.dispatch_and_drain()


SCENARIOS = [
    Scenario(name="killed between the two commits", group="two databases", script=_killed_in_between),
    Scenario(name="no second commit until the next run", group="two databases", script=_users_away),
]
