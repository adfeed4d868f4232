"""Workers that end, or stand still, at the worst moments."""

from tests.faults.crossings import Point
from tests.faults.invariants import UNKNOWN_OUTCOME
from tests.faults.stage import Scenario, Stage

_SHARE = 0.1
_MOST_KILLS = 25
"""Each costs a new process."""


async def _killed(stage: Stage, point: Point, *, carried_out: bool, ending: str) -> None:
    """One after the other, so that a worker that is killed takes no other report with it."""
    victims = stage.victims(_SHARE, most=_MOST_KILLS)
    stage.may_end(victims, ending)
    stage.disturb(point, stage.kill(carried_out=carried_out), of=victims)
    await stage.world.dispatch_at_most(1)
    await stage.run_and_drain()


async def _before_the_claim(stage: Stage) -> None:
    await _killed(stage, Point.CLAIM, carried_out=False, ending="sent")


async def _after_the_claim(stage: Stage) -> None:
    await _killed(stage, Point.CLAIM, carried_out=True, ending=UNKNOWN_OUTCOME)


async def _after_the_request(stage: Stage) -> None:
    await _killed(stage, Point.SEND, carried_out=False, ending=UNKNOWN_OUTCOME)


async def _after_sendgrid_accepted(stage: Stage) -> None:
    await _killed(stage, Point.SEND, carried_out=True, ending=UNKNOWN_OUTCOME)


async def _before_the_ledger_was_written(stage: Stage) -> None:
    await _killed(stage, Point.SETTLE, carried_out=False, ending=UNKNOWN_OUTCOME)


async def _after_the_ledger_was_written(stage: Stage) -> None:
    await _killed(stage, Point.SETTLE, carried_out=True, ending="sent")


SCENARIOS = [
    Scenario(name="killed before the claim", group="worker", script=_before_the_claim),
    Scenario(name="killed after the claim", group="worker", script=_after_the_claim),
    Scenario(name="killed after the request was written", group="worker", script=_after_the_request),
    Scenario(name="killed after SendGrid accepted", group="worker", script=_after_sendgrid_accepted),
    Scenario(name="killed before the ledger is written", group="worker", script=_before_the_ledger_was_written),
    Scenario(name="killed after the ledger was written", group="worker", script=_after_the_ledger_was_written),
]
