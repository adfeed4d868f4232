"""Workers die while SendGrid has the email, and SendGrid's events say so: no person has to decide about what it
took."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from functions.shared.records.system_alert import AlertKind
from proof.faults.disturbances import CarryOut
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.instances import until
from proof.faults.invariants import SENT, UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.mail_events import keep_events
from proof.faults.scenarios.steps import KILLED_AFTER, KILLED_BEFORE, an_hour_with, some
from proof.faults.webhook_gate import WebhookEvent

_KILLED = some(0.25, most=12)
_accepted = an_hour_with(KILLED_AFTER, of=_KILLED, ending=SENT, kills=True)


def _logs_are_late(scenario_run: ScenarioRun) -> None:
    """No worker finds the emails there."""
    scenario_run.world.inbox.logs_delay.usual = timedelta(days=1)


async def _with_the_dead_letter(scenario_run: ScenarioRun) -> None:
    """The worker that gives a report up has not seen its event, which comes before the dead letter is published."""
    gate, kept = scenario_run.world.webhook_gate, dict[str, list[WebhookEvent]]()

    async def keep(events: Sequence[WebhookEvent]) -> int:
        for event in events:
            kept.setdefault(event["delivery_id"], []).append(event)
        return HTTPStatus.OK

    async def pass_on_first(call: InterceptedCall, carry_out: CarryOut) -> Any:
        await until(lambda: call.subject in kept, what=f"an event of {call.subject}")
        assert await gate.pass_on(kept.pop(call.subject)) == HTTPStatus.OK
        return await carry_out()

    gate.before = keep
    scenario_run.disturb(InjectionPoint.PUBLISH, pass_on_first)
    await _accepted(scenario_run)
    gate.before = None
    assert await gate.pass_on([event for events in kept.values() for event in events]) == HTTPStatus.OK


async def _events_come_late(scenario_run: ScenarioRun) -> None:
    """People have alerts about dead letters, and the events come hours later: the dead letters close."""
    gate = scenario_run.world.webhook_gate
    kept = keep_events(gate)
    await _accepted(scenario_run)
    gate.before = None
    scenario_run.world.pass_time(timedelta(hours=5))
    scenario_run.hour = scenario_run.world.next_hour()
    assert await gate.pass_on(kept) == HTTPStatus.OK


_row = do.rows_of("unknown outcomes", has_mail_events=True, at_most=24)
SCENARIOS = [
    _row("accepted, and the events come at once", _accepted),
    _row("accepted, and the events come with the dead letters", _logs_are_late, _with_the_dead_letter),
    _row(
        "accepted, and the events come hours late",
        *(_logs_are_late, do.expect_alerts(AlertKind.NO_RUN), _events_come_late),
    ),
    _row("not accepted", an_hour_with(KILLED_BEFORE, of=_KILLED, ending=UNKNOWN_OUTCOME, kills=True)),
]
