"""What Firestore does under load: calls that fail, and commits that were applied although they seem to have failed."""

import grpc

from functions.shared.system_alert import AlertKind
from tests.faults.crossings import Point
from tests.faults.disturbances import Disturbance, lose_answer, refuse
from tests.faults.instances import until
from tests.faults.invariants import UNKNOWN_OUTCOME
from tests.faults.stage import Scenario, Script, Stage
from tests.faults.world import CONCURRENCY

POINTS = {
    Point.READ_DELIVERY,
    Point.READ_USER,
    Point.CLAIM,
    Point.RELEASE,
    Point.SETTLE,
    Point.STORE,
    Point.ALERT_RECORD,
    Point.RUN_RECORD,
    Point.QUERY,
}
"""Every call to Firestore, of whichever function."""

_SHARE = 0.15


def _any_call(disturbance: Disturbance) -> Script:
    """A share of all calls fails, for two hours. Some reports die on their way, so that dead letters meet it too."""

    async def script(stage: Stage) -> None:
        stage.may_tell(AlertKind.RUN_ERRORS, AlertKind.OVERDUE_REPORTS)
        stage.make_die(stage.victims(0.1))
        stage.disturb(POINTS, disturbance, times=None, chosen=stage.a_share(_SHARE, "fails"))
        await stage.run_and_drain()
        stage.hour = stage.world.next_hour()
        await stage.run_and_drain()

    return script


async def _cannot_be_told(stage: Stage) -> None:
    """SendGrid has the mail, and Firestore does not take note of that for as long as the worker tries."""
    victims = stage.victims(0.2, most=10)
    stage.may_end(victims, UNKNOWN_OUTCOME)
    stage.disturb(Point.SETTLE, refuse(grpc.StatusCode.UNAVAILABLE), of=victims, times=None)
    await stage.run()
    await stage.world.quiet()
    stage.heal()
    await stage.world.drain()


async def _is_away(stage: Stage) -> None:
    """Nothing can be read or written until each report has been tried once."""
    await stage.world.pause()
    await stage.run()
    stage.disturb(POINTS, refuse(grpc.StatusCode.UNAVAILABLE), times=None)
    await stage.world.resume()
    await until(lambda: all(stage.world.front_end.ended[delivery] for delivery in stage.due), what="attempts to fail")
    stage.heal()
    await stage.world.drain()


SCENARIOS = [
    Scenario(name="any call ABORTED", group="Firestore", script=_any_call(refuse(grpc.StatusCode.ABORTED))),
    Scenario(name="any call UNAVAILABLE", group="Firestore", script=_any_call(refuse(grpc.StatusCode.UNAVAILABLE))),
    Scenario(
        name="any call DEADLINE_EXCEEDED",
        group="Firestore",
        script=_any_call(refuse(grpc.StatusCode.DEADLINE_EXCEEDED)),
    ),
    Scenario(
        name="applied, and the answer lost",
        group="Firestore",
        script=_any_call(lose_answer(grpc.StatusCode.UNAVAILABLE)),
    ),
    Scenario(
        name="applied, and DEADLINE_EXCEEDED",
        group="Firestore",
        script=_any_call(lose_answer(grpc.StatusCode.DEADLINE_EXCEEDED)),
    ),
    Scenario(name="cannot be told that a mail was sent", group="Firestore", script=_cannot_be_told),
    Scenario(name="is away for a while", group="Firestore", script=_is_away, at_most=CONCURRENCY),
]
