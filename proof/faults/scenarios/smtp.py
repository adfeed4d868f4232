"""Faults of a mail server at each step of an SMTP session: before the final dot nothing was sent, after it no one can
tell. So an outcome that nothing proves is left to a person, and named."""

from typing import Any

from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import MailProviderName, OnUnknownOutcome
from proof.faults.disturbances import CarryOut, Disturbance, answer, cut, never_answer
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.scenario_run import Scenario, ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import SOME, TO_SEVERAL, Fault, OfTheRun, an_hour_with, no_answer

_MOST_HANGS = 24

_OPENING = ("connect", "ehlo", "starttls", "auth")
_MAIL = ("mail", "rcpt", "data")


def _at(step: str, disturbance: Disturbance, *, ending: str = "sent", alerts: tuple[AlertKind, ...] = ()) -> do.Step:
    """A step fails for some reports, once. One report after the other, each on a connection of its own."""
    return do.in_turn(
        *(do.expect(SOME, ending), do.expect_alerts(*alerts)),
        do.disturb(SOME, OfTheRun(_drop_connections), at=InjectionPoint.CLAIM, times=None),
        do.disturb(SOME, disturbance, at=InjectionPoint.SMTP_STEP, chosen=lambda call, _number: call.method == step),
        *(do.one_by_one, do.an_hour),
    )


def _drop_connections(scenario_run: ScenarioRun) -> Disturbance:
    async def disturb(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        scenario_run.world.smtp.drop_connections()
        return await carry_out()

    return disturb


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


def _accepts_one_of_several(disturbance: Disturbance) -> do.Step:
    """One recipient has the email, and then this happens: the report is not sent to both, and a person decides."""
    return do.in_turn(do.expect(TO_SEVERAL, UNKNOWN_OUTCOME), do.disturb(TO_SEVERAL, disturbance, skip=1), do.an_hour)


_row = do.rows_of("SMTP", provider=MailProviderName.SMTP)


def _hour(name: str, *faults: Fault, **how: Any) -> Scenario:
    return _row(name, an_hour_with(*faults, **how))


_accepts_and_cuts = an_hour_with(cut(accepted=True), accepted=True)

SCENARIOS = [
    *(_row(f"answers 421 at {step}", _at(step, answer(421))) for step in (*_OPENING, *_MAIL)),
    *(_row(f"answers 451 at {step}", _at(step, answer(451))) for step in _MAIL),
    *(
        _row(f"answers 554 at {step}", _at(step, answer(554), alerts=(AlertKind.KEY_REFUSED,)))
        for step in ("connect", "ehlo", "auth", "mail")
    ),
    *(_row(f"answers 550 at {step}", _at(step, answer(550), ending="permanent-error")) for step in ("rcpt", "data")),
    *(_row(f"cuts the connection at {step}", _at(step, cut(accepted=False))) for step in (*_OPENING, *_MAIL)),
    # The message and the final dot are on their way by then, as far as the worker can tell.
    _row("cuts the connection at content", _at("content", cut(accepted=False), ending=UNKNOWN_OUTCOME)),
    _row("does not answer at each step", _hangs, at_least=_MOST_HANGS, at_most=_MOST_HANGS),
    # No server listens at first.
    _row(
        "refuses connections",
        do.in_the_world(lambda world: world.smtp_gate.shut()),
        do.in_the_world(lambda world: world.smtp.drop_connections()),
        *(do.dispatch, do.quiet, do.in_the_world(lambda world: world.smtp_gate.open()), do.drain),
    ),
    # All on which nothing is under way, before every report.
    _row(
        "closes idle connections",
        *(do.disturb(None, OfTheRun(_drop_connections), at=InjectionPoint.CLAIM), do.one_by_one, do.an_hour),
    ),
    _hour("answers the message with 421", answer(421)),
    _hour("answers the message with 451", answer(451)),
    _hour("answers the message with 452 twice", answer(452), times=2),
    _hour("answers the message with 451 at every attempt", answer(451), times=None, ending="retries-exhausted"),
    _hour("answers the message with 554", answer(554), times=None, ending="permanent-error"),
    _hour("cuts after the final dot, and takes nothing", cut(accepted=False), accepted=False),
    _row("accepts and cuts", _accepts_and_cuts),
    _row("accepts and cuts, with resend", _accepts_and_cuts, on_unknown_outcome=OnUnknownOutcome.RESEND),
    *(
        _row(f"{what} and never answers", an_hour_with(no_answer(accepted=each), accepted=each), at_most=_MOST_HANGS)
        for what, each in (("takes nothing", False), ("accepts", True))
    ),
    _row("cuts between two recipients", _accepts_one_of_several(cut(accepted=False))),
    _row("refuses one of several recipients", _accepts_one_of_several(answer(554))),
]
