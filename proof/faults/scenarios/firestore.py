"""What Firestore does under load: calls that fail, and commits that were applied although they seem to have failed."""

import grpc

from functions.shared.records.system_alert import AlertKind
from proof.faults.disturbances import Disturbance, lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.instances import until
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import some
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


def _any_call(disturbance: Disturbance) -> do.Step:
    """A share of all calls fails, for two hours. Some reports die on their way, so that dead letters meet it too."""
    return do.in_turn(
        do.expect_alerts(AlertKind.RUN_ERRORS, AlertKind.OVERDUE_REPORTS),
        do.make_die(some(0.1)),
        lambda run: run.disturb(POINTS, disturbance, times=None, chosen=run.a_share(0.15, "fails")),
        do.hours(2),
    )


async def _each_was_tried(scenario_run: ScenarioRun) -> None:
    ended = scenario_run.world.front_end.ended
    await until(lambda: all(ended[delivery] for delivery in scenario_run.due), what="attempts to fail")


_UNTOLD = some(0.2, most=10)
_AWAY = refuse(grpc.StatusCode.UNAVAILABLE)

_row = do.rows_of("Firestore")
SCENARIOS = [
    _row("any call ABORTED", _any_call(refuse(grpc.StatusCode.ABORTED))),
    _row("any call UNAVAILABLE", _any_call(_AWAY)),
    _row("any call DEADLINE_EXCEEDED", _any_call(refuse(grpc.StatusCode.DEADLINE_EXCEEDED))),
    _row("applied, and the answer lost", _any_call(lose_answer(grpc.StatusCode.UNAVAILABLE))),
    _row("applied, and DEADLINE_EXCEEDED", _any_call(lose_answer(grpc.StatusCode.DEADLINE_EXCEEDED))),
    # For as long as the worker tries.
    _row(
        "cannot be told that an email was sent",
        do.expect_unknown(_UNTOLD, accepted=True),
        do.disturb(_UNTOLD, _AWAY, at=InjectionPoint.SETTLE, times=None),
        *(do.dispatch, do.quiet, do.heal, do.drain),
    ),
    _row(
        "is away for a while",
        *(do.pause, do.dispatch, do.disturb(None, _AWAY, at=POINTS, times=None), do.resume),
        *(_each_was_tried, do.heal, do.drain),
        at_most=CONCURRENCY,
    ),
]
