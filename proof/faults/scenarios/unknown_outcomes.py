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
from proof.faults.scenario_run import Scenario, ScenarioRun, Script
from proof.faults.webhook_gate import WebhookEvent

_SHARE = 0.25
_MOST_KILLS = 12
_LOGS_LATE = timedelta(days=1)
"""How late SendGrid's Email Logs show the emails, so that no worker finds them there."""


async def _kill(scenario_run: ScenarioRun, *, carried_out: bool, ending: str) -> None:
    victims = scenario_run.victims(_SHARE, most=_MOST_KILLS)
    scenario_run.may_end(victims, ending)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.kill(carried_out=carried_out), of=victims)
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()


async def _accepted(scenario_run: ScenarioRun) -> None:
    """The event comes before the lease of the worker that died is over."""
    await _kill(scenario_run, carried_out=True, ending=SENT)


async def _not_accepted(scenario_run: ScenarioRun) -> None:
    """No event comes, and no event proves nothing: a person decides."""
    await _kill(scenario_run, carried_out=False, ending=UNKNOWN_OUTCOME)


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
    await _kill(scenario_run, carried_out=True, ending=SENT)
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
    await _kill(scenario_run, carried_out=True, ending=SENT)
    gate.before = None
    scenario_run.world.pass_time(timedelta(hours=5))
    scenario_run.hour = scenario_run.world.next_hour()
    scenario_run.may_tell(AlertKind.NO_RUN)
    assert await gate.pass_on(kept) == HTTPStatus.OK


def _scenario(name: str, script: Script) -> Scenario:
    return Scenario(name=name, group="unknown outcomes", script=script, has_mail_events=True, at_most=24)


SCENARIOS = [
    _scenario("accepted, and the events come at once", _accepted),
    _scenario("accepted, and the events come with the dead letters", _with_the_dead_letter),
    _scenario("accepted, and the events come hours late", _events_come_late),
    _scenario("not accepted", _not_accepted),
]
