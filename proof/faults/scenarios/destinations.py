"""Faults of the destinations beside email: those with a key have each report once, whatever is lost; of the others an
unknown outcome is a person's to settle."""

from http import HTTPStatus

from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.json_body import json_answer
from local_pipeline.local_destination import LocalDestination
from proof.faults.disturbances import CarryOut, Disturbance, accept_and_answer, answer, cut
from proof.faults.injection_points import InterceptedCall
from proof.faults.scenario_run import Scenario
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import KILLED_AFTER, KILLED_BEFORE, an_hour_with, some

_TO_KILL = some(most=12)


def _slack_says(error: str) -> Disturbance:
    async def disturb(_call: InterceptedCall, _carry_out: CarryOut) -> Answer:
        return json_answer(HTTPStatus.OK, {"ok": False, "error": error})

    return disturb


_NEVER: dict[LocalDestination, Disturbance] = {LocalDestination.SLACK: _slack_says("is_archived")}
"""How a destination refuses a report for good, where that is not 403."""


def _of(destination: LocalDestination) -> list[Scenario]:
    row = do.rows_of(destination.value, destination=destination)
    never = _NEVER.get(destination, answer(403))
    return [
        row("answers 429 twice", an_hour_with(answer(429, Retry_After="30"), times=2)),
        row("refuses the report", an_hour_with(never, times=None, ending="permanent-error")),
        row("cuts the connection before it accepts", an_hour_with(cut(accepted=False), accepted=False)),
        row("accepts and cuts the connection", an_hour_with(cut(accepted=True), accepted=True)),
        row("accepts and answers 502", an_hour_with(accept_and_answer(502), accepted=True)),
        *(
            row(
                f"the worker is killed {when}",
                an_hour_with(kill, of=_TO_KILL, accepted=accepted, kills=True),
                at_most=100,
            )
            for when, kill, accepted in (("before", KILLED_BEFORE, False), ("after", KILLED_AFTER, True))
        ),
        # Half of the reports came before the worker was killed.
        row(
            "the data change before it is repeated",
            do.expect_unknown(_TO_KILL[::2], accepted=True),
            do.expect_unknown(_TO_KILL[1::2], accepted=False),
            do.disturb_halves(_TO_KILL, KILLED_AFTER, KILLED_BEFORE),
            *(do.one_by_one, do.dispatch, do.quiet, do.rename, do.drain),
            at_most=100,
        ),
    ]


SCENARIOS = [scenario for destination in LocalDestination for scenario in _of(destination)]
