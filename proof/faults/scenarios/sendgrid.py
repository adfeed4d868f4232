"""Faults of SendGrid."""

from collections import Counter
from datetime import timedelta

from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import OnUnknownOutcome
from local_pipeline.inbox.server import EMAIL_LOGS_SCOPE
from proof.faults.disturbances import CarryOut, accept_and_answer, answer, cut, slow
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.dead_letters import operate
from proof.faults.scenarios.steps import FIRST, SOME, an_hour_with, no_answer

_STOPPED_HOURS = 48


def _logs_are_late(scenario_run: ScenarioRun) -> None:
    scenario_run.world.inbox.logs_delay.usual = timedelta(hours=3)


def _logs_take_few_questions(scenario_run: ScenarioRun) -> None:
    """As many a minute as SendGrid's other record of its emails does."""
    scenario_run.world.inbox.logs_limit.requests = 6


def _tasks_die(scenario_run: ScenarioRun) -> None:
    """Reports have been tried when their tasks die without a trace."""

    async def refuse_and_leave(call: InterceptedCall, carry_out: CarryOut) -> object:
        scenario_run.world.no_worker()
        return await answer(503)(call, carry_out)

    scenario_run.disturb(InjectionPoint.SEND, refuse_and_leave, times=None)


async def _stand_stopped(scenario_run: ScenarioRun) -> None:
    """The breaker stops this run and those of two days, until a person resumes sending for the run of an hour."""
    scenario_run.may_tell(AlertKind.SENDING_STOPPED)
    world = scenario_run.world
    world.inbox.webhook.counts[world.clock.now().date()] = Counter(delivered=1000, spam_reports=3)
    await scenario_run.dispatch()
    await scenario_run.pass_hours(_STOPPED_HOURS, scenario_run.dispatch)
    scenario_run.hour = world.next_hour()
    await world.drain()
    await operate(scenario_run, "resume-sending", "--yes", "--json")


_lost = an_hour_with(cut(accepted=True), accepted=True)
_logs_refuse = do.in_turn(do.in_the_world(lambda world: world.inbox.sendgrid_scopes.discard(EMAIL_LOGS_SCOPE)), _lost)
"""The key may not read the logs, and the events of the emails prove that they were accepted."""
_RESEND = OnUnknownOutcome.RESEND

_row = do.rows_of("SendGrid")
SCENARIOS = [
    _row("answers 429 with Retry-After", an_hour_with(answer(429, Retry_After="30"), times=2)),
    _row("answers 429 and asks to wait for hours", an_hour_with(answer(429, Retry_After="14400"), times=2)),
    _row("answers 503 twice", an_hour_with(answer(503), times=2)),
    _row("answers 503 at every attempt", an_hour_with(answer(503), times=None, ending="retries-exhausted")),
    _row(
        "answers 429 at every attempt",
        an_hour_with(answer(429, Retry_After="5"), times=None, ending="retries-exhausted"),
    ),
    _row("answers 400", an_hour_with(answer(400), times=None, ending="permanent-error")),
    _row("answers 401 until the key is mended", do.refuses_the_key),
    # Every report of the hour dies, and the next hour's come on time.
    _row(
        "is away for a whole hour",
        *(do.expect(FIRST, "retries-exhausted"), do.disturb(FIRST, answer(503), times=None), do.hours(2)),
    ),
    _row("refuses connections", do.refuses_connections),
    # No run sends for two days. Then one report covers them all.
    _row("says that recipients complain, for two days", _stand_stopped, ScenarioRun.catches_up, do.an_hour),
    # For two days no run makes another task.
    _row(
        "says that they complain, after tasks have died",
        *(do.expect_alerts(AlertKind.OVERDUE_REPORTS), _tasks_die, do.an_hour),
        *(do.next_hour, _stand_stopped, do.heal, do.an_hour),
    ),
    _row("is slow", an_hour_with(slow(1.0))),
    _row("takes nothing and never answers", an_hour_with(no_answer(accepted=False), accepted=False)),
    _row("accepts and never answers", an_hour_with(no_answer(accepted=True), accepted=True)),
    _row("answers 500 and takes nothing", an_hour_with(answer(500), accepted=False)),
    *(
        _row(f"accepts and answers {status}", an_hour_with(accept_and_answer(status), accepted=True))
        for status in (500, 502, 504)
    ),
    _row(
        "accepts and answers 502, with resend",
        an_hour_with(accept_and_answer(502), accepted=True),
        on_unknown_outcome=_RESEND,
    ),
    _row("cuts the connection before it accepts", an_hour_with(cut(accepted=False), accepted=False)),
    _row(
        "cuts before it accepts, with resend",
        an_hour_with(cut(accepted=False), accepted=False),
        on_unknown_outcome=_RESEND,
    ),
    _row("accepts and cuts the connection", _lost),
    _row("accepts and cuts, with resend", _lost, on_unknown_outcome=_RESEND),
    # They show the emails only after all retries. Until then they prove nothing.
    _row(
        "accepts and cuts, and its logs are late",
        *(_logs_are_late, do.leave_unknown(SOME), do.disturb(SOME, cut(accepted=True)), do.an_hour),
    ),
    # The worker asks again for ten minutes: for which reports that is enough depends on which of them ask first.
    _row(
        "accepts and cuts, and its logs take few questions",
        *(_logs_take_few_questions, do.leave_unknown(SOME), do.expect(SOME, "sent", UNKNOWN_OUTCOME)),
        *(do.disturb(SOME, cut(accepted=True)), do.an_hour),
        at_most=20,
    ),
    # The first questions are answered by an error, or not at all.
    _row(
        "accepts and cuts, and its logs fail",
        do.disturb(None, answer(503), at=InjectionPoint.LOOK_UP, times=2),
        do.disturb(None, cut(accepted=True), at=InjectionPoint.LOOK_UP),
        _lost,
    ),
    _row("accepts and cuts, and its logs refuse the key", _logs_refuse, has_mail_events=True),
    _row(
        "accepts and cuts, and its logs refuse the key, with resend",
        _logs_refuse,
        on_unknown_outcome=_RESEND,
        has_mail_events=True,
    ),
    _row("accepts and cuts, and events come before logs", _lost, has_mail_events=True),
]
