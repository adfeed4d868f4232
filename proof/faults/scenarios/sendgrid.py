"""Faults of SendGrid."""

from collections import Counter
from datetime import timedelta

from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import OnUnknownOutcome
from local_pipeline.inbox.server import EMAIL_LOGS_SCOPE
from proof.faults.disturbances import CarryOut, accept_and_answer, answer, cut, slow
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.invariants import UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun, scenarios_of
from proof.faults.scenarios.dead_letters import operate
from proof.faults.scenarios.while_sending import SOME, meets, no_answer, refuses_connections, refuses_the_key

_STOPPED_HOURS = 48


_lost = meets(cut(accepted=True), accepted=True)


async def _logs_are_late(scenario_run: ScenarioRun) -> None:
    """The logs show the emails only after all retries. Until then they prove nothing."""
    victims = scenario_run.victims(SOME)
    scenario_run.world.inbox.logs_delay.usual = timedelta(hours=3)
    scenario_run.may_stay_unknown(victims)
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=True), of=victims)
    await scenario_run.dispatch_and_drain()


async def _logs_take_few_questions(scenario_run: ScenarioRun) -> None:
    """As many a minute as SendGrid's other record of its emails does. The worker asks again for ten minutes: for which
    reports that is enough depends on which of them ask first."""
    victims = scenario_run.victims(SOME)
    scenario_run.world.inbox.logs_limit.requests = 6
    scenario_run.may_stay_unknown(victims)
    scenario_run.may_end(victims, "sent", UNKNOWN_OUTCOME)
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=True), of=victims)
    await scenario_run.dispatch_and_drain()


async def _logs_fail(scenario_run: ScenarioRun) -> None:
    """The first questions are answered by an error, or not at all."""
    for disturbance, times in ((answer(503), 2), (cut(accepted=True), 1)):
        scenario_run.disturb(InjectionPoint.LOOK_UP, disturbance, times=times)
    await _lost(scenario_run)


async def _logs_refuse(scenario_run: ScenarioRun) -> None:
    """The key may not read the logs, and the events of the emails prove that they were accepted."""
    scenario_run.world.inbox.sendgrid_scopes.discard(EMAIL_LOGS_SCOPE)
    await _lost(scenario_run)


async def _is_away_for_long(scenario_run: ScenarioRun) -> None:
    """Every report of an hour dies, and the next hour's come on time."""
    scenario_run.may_end(scenario_run.due, "retries-exhausted")
    scenario_run.disturb(InjectionPoint.SEND, answer(503), of=scenario_run.due, times=None)
    await scenario_run.play_hours(2)


async def _says_that_recipients_complain(scenario_run: ScenarioRun) -> None:
    """No run sends for two days. Then one report covers them all."""
    await _stand_stopped(scenario_run)
    scenario_run.catches_up()
    await scenario_run.dispatch_and_drain()


async def _says_that_recipients_complain_after_tasks_died(scenario_run: ScenarioRun) -> None:
    """Reports have been tried when their tasks die without a trace. For two days no run makes another one."""
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)

    async def refuse_and_leave(call: InterceptedCall, carry_out: CarryOut) -> object:
        scenario_run.world.no_worker()
        return await answer(503)(call, carry_out)

    scenario_run.disturb(InjectionPoint.SEND, refuse_and_leave, times=None)
    await scenario_run.dispatch_and_drain()
    scenario_run.hour = scenario_run.world.next_hour()
    await _stand_stopped(scenario_run)
    scenario_run.heal()
    await scenario_run.dispatch_and_drain()


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


_scenario = scenarios_of("SendGrid")
SCENARIOS = [
    _scenario("answers 429 with Retry-After", meets(answer(429, Retry_After="30"), times=2)),
    _scenario("answers 429 and asks to wait for hours", meets(answer(429, Retry_After="14400"), times=2)),
    _scenario("answers 503 twice", meets(answer(503), times=2)),
    _scenario("answers 503 at every attempt", meets(answer(503), times=None, ending="retries-exhausted")),
    _scenario(
        "answers 429 at every attempt", meets(answer(429, Retry_After="5"), times=None, ending="retries-exhausted")
    ),
    _scenario("answers 400", meets(answer(400), times=None, ending="permanent-error")),
    _scenario("answers 401 until the key is mended", refuses_the_key),
    _scenario("is away for a whole hour", _is_away_for_long),
    _scenario("refuses connections", refuses_connections),
    _scenario("says that recipients complain, for two days", _says_that_recipients_complain),
    _scenario("says that they complain, after tasks have died", _says_that_recipients_complain_after_tasks_died),
    _scenario("is slow", meets(slow(1.0))),
    _scenario("takes nothing and never answers", meets(no_answer(accepted=False), accepted=False)),
    _scenario("accepts and never answers", meets(no_answer(accepted=True), accepted=True)),
    _scenario("answers 500 and takes nothing", meets(answer(500), accepted=False)),
    _scenario("accepts and answers 500", meets(accept_and_answer(500), accepted=True)),
    _scenario("accepts and answers 502", meets(accept_and_answer(502), accepted=True)),
    _scenario("accepts and answers 504", meets(accept_and_answer(504), accepted=True)),
    _scenario(
        "accepts and answers 502, with resend",
        meets(accept_and_answer(502), accepted=True),
        on_unknown_outcome=OnUnknownOutcome.RESEND,
    ),
    _scenario("cuts the connection before it accepts", meets(cut(accepted=False), accepted=False)),
    _scenario(
        "cuts before it accepts, with resend",
        meets(cut(accepted=False), accepted=False),
        on_unknown_outcome=OnUnknownOutcome.RESEND,
    ),
    _scenario("accepts and cuts the connection", _lost),
    _scenario("accepts and cuts, with resend", _lost, on_unknown_outcome=OnUnknownOutcome.RESEND),
    _scenario("accepts and cuts, and its logs are late", _logs_are_late),
    _scenario("accepts and cuts, and its logs take few questions", _logs_take_few_questions, at_most=20),
    _scenario("accepts and cuts, and its logs fail", _logs_fail),
    _scenario("accepts and cuts, and its logs refuse the key", _logs_refuse, has_mail_events=True),
    _scenario(
        "accepts and cuts, and its logs refuse the key, with resend",
        _logs_refuse,
        on_unknown_outcome=OnUnknownOutcome.RESEND,
        has_mail_events=True,
    ),
    _scenario("accepts and cuts, and events come before logs", _lost, has_mail_events=True),
]
