"""Faults of a mail server at each step of an SMTP session: before the final dot nothing was sent, after it no one can
tell. So an outcome that nothing proves is left to a person, and named."""

from typing import Any

from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import MailProviderName, OnUnknownOutcome
from proof.faults.disturbances import CarryOut, Disturbance, answer, cut, never_answer
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of
from proof.faults.scenarios.while_sending import SOME, meets, no_answer

_MOST_HANGS = 24

_OPENING = ("connect", "ehlo", "starttls", "auth")
_MAIL = ("mail", "rcpt", "data")


def _at(step: str, disturbance: Disturbance, *, ending: str = "sent", alerts: tuple[AlertKind, ...] = ()) -> Script:
    """A step fails for some reports, once. One report after the other, each on a connection of its own."""

    async def script(scenario_run: ScenarioRun) -> None:
        victims = scenario_run.victims(SOME)
        scenario_run.may_end(victims, ending)
        scenario_run.may_tell(*alerts)
        scenario_run.disturb(InjectionPoint.CLAIM, _drop_connections(scenario_run), of=victims, times=None)
        scenario_run.disturb(
            InjectionPoint.SMTP_STEP, disturbance, of=victims, chosen=lambda call, _number: call.method == step
        )
        await scenario_run.world.dispatch_at_most(1)
        await scenario_run.dispatch_and_drain()

    return script


def _drop_connections(scenario_run: ScenarioRun) -> Disturbance:
    async def disturb(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        scenario_run.world.smtp.drop_connections()
        return await carry_out()

    return disturb


async def _closes_idle_connections(scenario_run: ScenarioRun) -> None:
    """The server closes all connections on which nothing is under way, before every report."""
    scenario_run.disturb(InjectionPoint.CLAIM, _drop_connections(scenario_run))
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()


async def _refuses_connections(scenario_run: ScenarioRun) -> None:
    """No server listens at first."""
    await scenario_run.world.smtp_gate.shut()
    scenario_run.world.smtp.drop_connections()
    await scenario_run.dispatch()
    await scenario_run.world.quiet()
    await scenario_run.world.smtp_gate.open()
    await scenario_run.world.drain()


async def _hangs(scenario_run: ScenarioRun) -> None:
    """No answer comes at each of the steps before the end of the message, once: the first time that it is taken, when
    no recipient of that report has an email yet."""
    scenario_run.world.smtp.drop_connections()
    left = {*_OPENING, *_MAIL}

    async def hang(call: InterceptedCall, carry_out: CarryOut) -> Any:
        left.discard(call.method)
        return await never_answer(scenario_run.healed, accepted=False)(call, carry_out)

    def is_first(call: InterceptedCall, _number: int) -> bool:
        return call.method in left

    scenario_run.disturb(InjectionPoint.SMTP_STEP, hang, times=None, chosen=is_first)
    await scenario_run.dispatch_and_drain()
    if left:
        raise RuntimeError(f"no session came to {', '.join(sorted(left))}")


def _accepts_one_of_several(disturbance: Disturbance) -> Script:
    """One recipient has the email, and then this happens: the report is not sent to both, and a person decides."""

    async def script(scenario_run: ScenarioRun) -> None:
        deliveries = scenario_run.to_several
        scenario_run.may_end(deliveries, UNKNOWN_OUTCOME)
        scenario_run.disturb(InjectionPoint.SEND, disturbance, of=deliveries, skip=1)
        await scenario_run.dispatch_and_drain()

    return script


_scenario = scenarios_of("SMTP", provider=MailProviderName.SMTP)
SCENARIOS = [
    *(_scenario(f"answers 421 at {step}", _at(step, answer(421))) for step in (*_OPENING, *_MAIL)),
    *(_scenario(f"answers 451 at {step}", _at(step, answer(451))) for step in _MAIL),
    *(
        _scenario(f"answers 554 at {step}", _at(step, answer(554), alerts=(AlertKind.KEY_REFUSED,)))
        for step in ("connect", "ehlo", "auth", "mail")
    ),
    *(
        _scenario(f"answers 550 at {step}", _at(step, answer(550), ending="permanent-error"))
        for step in ("rcpt", "data")
    ),
    *(_scenario(f"cuts the connection at {step}", _at(step, cut(accepted=False))) for step in (*_OPENING, *_MAIL)),
    # The message and the final dot are on their way by then, as far as the worker can tell.
    _scenario("cuts the connection at content", _at("content", cut(accepted=False), ending=UNKNOWN_OUTCOME)),
    _scenario("does not answer at each step", _hangs, at_least=_MOST_HANGS, at_most=_MOST_HANGS),
    _scenario("refuses connections", _refuses_connections),
    _scenario("closes idle connections", _closes_idle_connections),
    _scenario("answers the message with 421", meets(answer(421), ending="sent")),
    _scenario("answers the message with 451", meets(answer(451), ending="sent")),
    _scenario("answers the message with 452 twice", meets(answer(452), times=2, ending="sent")),
    _scenario(
        "answers the message with 451 at every attempt",
        meets(answer(451), times=None, ending="retries-exhausted"),
    ),
    _scenario("answers the message with 554", meets(answer(554), times=None, ending="permanent-error")),
    _scenario("cuts after the final dot, and takes nothing", meets(cut(accepted=False), accepted=False)),
    _scenario("accepts and cuts", meets(cut(accepted=True), accepted=True)),
    _scenario(
        "accepts and cuts, with resend",
        meets(cut(accepted=True), accepted=True),
        on_unknown_outcome=OnUnknownOutcome.RESEND,
    ),
    _scenario("takes nothing and never answers", meets(no_answer(accepted=False), accepted=False), at_most=_MOST_HANGS),
    _scenario("accepts and never answers", meets(no_answer(accepted=True), accepted=True), at_most=_MOST_HANGS),
    _scenario("cuts between two recipients", _accepts_one_of_several(cut(accepted=False))),
    _scenario("refuses one of several recipients", _accepts_one_of_several(answer(554))),
]
