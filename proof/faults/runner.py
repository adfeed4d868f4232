"""Plays scenarios, one after the other in one world."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from proof.faults.invariants import Rule, Tally, Violation, check, tally
from proof.faults.scenario_run import FEW_REPORTS, Scenario, ScenarioRun
from proof.faults.seeded import SeededChoices
from proof.faults.world import World

SEED = 1
"""With which the tests play a scenario, and the mutants are tried out. `make faults` plays them with any other."""

_LONGEST_SECONDS = 300
"""After so many seconds, and one more a report, a scenario is stuck."""

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Played:
    """The result of a scenario.

    Attributes:
        tally: in numbers.
        violations: the broken rules.
        seconds: of the machine's time.
        notes: what the scenario says beside.
    """

    scenario: Scenario
    tally: Tally
    violations: list[Violation]
    seconds: float
    notes: Sequence[str] = ()


async def play(world: World, scenario: Scenario, *, seed: int = SEED, reports: int = FEW_REPORTS) -> Played:
    """Play one scenario.

    Args:
        world: where; it is left with nothing in it.
        scenario: which.
        seed: of all chance in it.
        reports: how many are due at first, each of a subscription of its own; more where the scenario needs them.

    Raises:
        OlderVersionMissing: the scenario needs the released version, and this copy of the repository does not have it.
    """
    begun = time.monotonic()
    await world.worker(scenario.provider, scenario.on_unknown_outcome)
    if scenario.has_mail_events:
        await world.send_mail_events()
    if scenario.has_pages:
        await world.offer_pages()
    scenario_run = ScenarioRun(
        world, scenario, seeded=SeededChoices(f"{seed}:{scenario.name}"), count=reports, number=next(_numbers)
    )
    try:
        await scenario_run.begin()
        unplayed = []
        try:
            async with asyncio.timeout(_LONGEST_SECONDS + reports):
                await scenario.script(scenario_run)
                history = await scenario_run.end()
        except Exception as error:  # noqa: BLE001  what ends one scenario does not end those that follow
            unplayed.append(Violation(Rule.NOT_PLAYED, str(scenario), repr(error)))
            history = await scenario_run.history()
        violations = [*unplayed, *check(history)]
        return Played(
            scenario=scenario,
            tally=tally(history, violations),
            violations=violations,
            seconds=time.monotonic() - begun,
            notes=scenario_run.notes,
        )
    finally:
        scenario_run.heal()
        await world.clear()
