"""Firestore is restored to an older copy: RESTORED_AT keeps what was sent since then from being sent twice."""

import pytest

from proof.faults.invariants import Rule
from proof.faults.runner import play
from proof.faults.scenario_run import Scenario
from proof.faults.scenarios.restored import SCENARIOS, restored
from proof.faults.world import World
from proof.tests.faults.conftest import KeepsPromise
from tests.support import Background


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)


def test_without_the_setting_mails_are_doubled(world: World, background: Background) -> None:
    unknown = restored("and no function knows of it", is_known=False)
    played = background.run(play(world, unknown), timeout=115)
    assert Rule.DOUBLED in {violation.rule for violation in played.violations}
