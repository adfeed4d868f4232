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
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of
from proof.faults.scenarios.while_sending import killed, meets
from proof.faults.webhook_gate import WebhookEvent

_SHARE = 0.25
_MOST_KILLS = 12
_LOGS_LATE = timedelta(days=1)
"""How late SendGrid's Email Logs show the emails, so that no worker finds them there."""


def _killed(*, carried_out: bool, ending: str) -> Script:
    return meets(killed(carried_out=carried_out), share=_SHARE, most=_MOST_KILLS, ending=ending, one_by_one=True)


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
    scenario_run.world.inbox.logs_delay.usual = _LOGS_LATE
    scenario_run.disturb(InjectionPoint.PUBLISH, pass_on_first)
    await _killed(carried_out=True, ending=SENT)(scenario_run)
    gate.before = None
    assert await gate.pass_on([event for events in kept.values() for event in events]) == HTTPStatus.OK


async def _events_come_late(scenario_run: ScenarioRun) -> None:
    """People have alerts about dead letters, and the events come hours later: the dead letters close."""
    gate, kept = scenario_run.world.webhook_gate, list[WebhookEvent]()

    async def keep(events: Sequence[WebhookEvent]) -> int:
        kept.extend(events)
        return HTTPStatus.OK

    gate.before = keep
    scenario_run.world.inbox.logs_delay.usual = _LOGS_LATE
    await _killed(carried_out=True, ending=SENT)(scenario_run)
    gate.before = None
    scenario_run.world.pass_time(timedelta(hours=5))
    scenario_run.hour = scenario_run.world.next_hour()
    scenario_run.may_tell(AlertKind.NO_RUN)
    assert await gate.pass_on(kept) == HTTPStatus.OK


_scenario = scenarios_of("unknown outcomes", has_mail_events=True, at_most=24)
SCENARIOS = [
    _scenario("accepted, and the events come at once", _killed(carried_out=True, ending=SENT)),
    _scenario("accepted, and the events come with the dead letters", _with_the_dead_letter),
    _scenario("accepted, and the events come hours late", _events_come_late),
    _scenario("not accepted", _killed(carried_out=False, ending=UNKNOWN_OUTCOME)),
]
