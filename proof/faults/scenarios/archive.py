"""Copies of what was sent: each report comes once all the same, and none names a copy that is gone."""

from proof.faults.disturbances import answer, cut
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenario_run import ScenarioRun, scenarios_of

_SHARE = 0.3
_MOST_KILLS = 8
"""The most kills: each costs a new process."""


async def _killed(scenario_run: ScenarioRun) -> None:
    """Workers die before the archive has the copy, and after that; of other reports the provider refuses the email."""
    victims = scenario_run.victims(_SHARE, most=_MOST_KILLS)
    scenario_run.make_die(victims[::4])
    scenario_run.disturb(InjectionPoint.KEEP_COPY, scenario_run.kill(carried_out=False), of=victims[::2])
    scenario_run.disturb(InjectionPoint.KEEP_COPY, scenario_run.kill(carried_out=True), of=victims[1::2])
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()


async def _storage_fails(scenario_run: ScenarioRun) -> None:
    """The archive takes no copy of some, and its answers about others are lost."""
    victims = scenario_run.victims(_SHARE)
    scenario_run.disturb(InjectionPoint.KEEP_COPY, answer(403), of=victims[::2])
    scenario_run.disturb(InjectionPoint.KEEP_COPY, cut(accepted=True), of=victims[1::2])
    await scenario_run.dispatch_and_drain()


_scenario = scenarios_of("Archive")
SCENARIOS = [
    _scenario("worker killed while it keeps a copy", _killed),
    _scenario("Cloud Storage fails", _storage_fails),
]
