"""The team's application hears what became of each report, whatever ends or fails between the record and the event."""

import grpc

from proof.faults.disturbances import lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenario_run import ScenarioRun, scenarios_of
from proof.faults.world import MAX_ATTEMPTS

_SHARE = 0.3
_MOST_KILLS = 12
"""The most kills: each costs a new process."""


async def _killed(scenario_run: ScenarioRun) -> None:
    """Some reports are sent, some given up; workers die before Pub/Sub has the event, and after that. Of one report no
    further call lives long enough to find that its record is final."""
    given_up, *victims = scenario_run.victims(_SHARE, least=3, most=_MOST_KILLS)
    scenario_run.disturb(InjectionPoint.SETTLE, scenario_run.kill(carried_out=True), of=[given_up])
    further = scenario_run.kill(carried_out=False)
    scenario_run.disturb(InjectionPoint.READ_DELIVERY, further, of=[given_up], skip=1, times=MAX_ATTEMPTS - 1)
    scenario_run.make_die(victims[::4])
    scenario_run.disturb(InjectionPoint.TELL_OUTCOME, scenario_run.kill(carried_out=False), of=victims[::2])
    scenario_run.disturb(InjectionPoint.TELL_OUTCOME, scenario_run.kill(carried_out=True), of=victims[1::2])
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()


async def _pubsub_fails(scenario_run: ScenarioRun) -> None:
    """Pub/Sub takes no event of some for longer than the queue calls, and its answers about others are lost."""
    victims = scenario_run.victims(_SHARE)
    refused, unheard = victims[::2], victims[1::2]
    denied = refuse(grpc.StatusCode.PERMISSION_DENIED)
    scenario_run.disturb(InjectionPoint.TELL_OUTCOME, denied, of=refused, times=10 * len(refused))
    lost = lose_answer(grpc.StatusCode.PERMISSION_DENIED)
    scenario_run.disturb(InjectionPoint.TELL_OUTCOME, lost, of=unheard, times=len(unheard))
    await scenario_run.dispatch_and_drain()


_scenario = scenarios_of("Outcomes")
SCENARIOS = [
    _scenario("worker killed while it tells the application", _killed),
    _scenario("Pub/Sub fails", _pubsub_fails),
]
