"""Faults of Resend, whose idempotency keys let a worker send again what it may have sent: no outcome stays unknown for
as long as a key is known."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from functions.shared.records.subscription import ADDRESS_LISTS
from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import MailProviderName
from local_cloud.tasks.dispatch import Answer
from proof.faults.disturbances import CarryOut, accept_and_answer, answer, cut, slow
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.instances import Send
from proof.faults.invariants import SENT, UNKNOWN_OUTCOME
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of, unheard
from proof.faults.scenarios.queue import stand_still_for_a_day
from proof.faults.scenarios.while_sending import SOME, killed, meets, no_answer, refuses_connections, refuses_the_key
from proof.faults.world import MAX_ATTEMPTS, QUEUE

_MOST_KILLS = 12
_MOST_HANGS = 24
_LONG = timedelta(minutes=4)
"""Longer than a lease: another worker makes a request again while Resend still works on it."""
_WITHIN_HOURS, _BEYOND_HOURS = 22, 26
"""After how many hours Resend is back: its keys hold for 24."""

Change = Callable[[ScenarioRun, Sequence[str]], Awaitable[None]]
"""Changes something between two attempts, given the deliveries whose outcome is unknown then."""


async def _accepts_one_of_several(scenario_run: ScenarioRun) -> None:
    """The connection is cut when some of the recipients have their email, and the others not."""
    deliveries = scenario_run.to_several
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=False), of=deliveries[::2], skip=1)
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=True), of=deliveries[1::2], skip=1)
    await scenario_run.dispatch_and_drain()


async def _refuses_one_of_several(scenario_run: ScenarioRun) -> None:
    """One recipient has the email, and Resend never takes that for the other one: a person decides."""
    deliveries = scenario_run.to_several
    scenario_run.may_end(deliveries, UNKNOWN_OUTCOME)
    scenario_run.disturb(InjectionPoint.SEND, answer(422), of=deliveries, skip=1)
    await scenario_run.dispatch_and_drain()


async def _slow_and_tasks_at_once(scenario_run: ScenarioRun) -> None:
    """Three tasks of each report are under way while Resend takes its time, and some answers are lost."""

    async def deliver(delivery: str, send: Send) -> Answer:
        answers = await asyncio.gather(send(), send(), send())
        return scenario_run.seeded.one_of(answers, "which answer counts", delivery)

    async def slow_and_cut(call: InterceptedCall, carry_out: CarryOut) -> Any:
        await asyncio.sleep(0.3)
        return await cut(accepted=True)(call, carry_out)

    victims = scenario_run.victims(SOME)
    scenario_run.world.front_end.before = deliver
    scenario_run.disturb(InjectionPoint.SEND, slow_and_cut, of=victims, times=2)
    scenario_run.disturb(InjectionPoint.SEND, slow(0.3), of=set(scenario_run.due) - set(victims))
    await scenario_run.dispatch_and_drain()


async def _still_works_on_it(scenario_run: ScenarioRun) -> None:
    """Workers are killed, and the next ones make their requests again while Resend still works on the first ones."""
    resend, under_way = scenario_run.world.inbox.resend, list[asyncio.Future[Any]]()
    victims = scenario_run.victims(SOME, most=_MOST_KILLS)

    async def take_long_and_kill(call: InterceptedCall, carry_out: CarryOut) -> Any:
        resend.takes = _LONG
        under_way.append(asyncio.ensure_future(carry_out()))
        await asyncio.sleep(0.01)
        resend.takes = timedelta()
        if (instance := scenario_run.world.front_end.instance_of(call.subject)) is not None:
            instance.kill()
        raise unheard(call)

    scenario_run.disturb(InjectionPoint.SEND, take_long_and_kill, of=victims)
    await scenario_run.world.dispatch_at_most(1)
    await scenario_run.dispatch_and_drain()
    await asyncio.gather(*under_way)
    deliveries = await scenario_run.world.documents("deliveries")
    if not any("concurrent_idempotent_requests" in str(deliveries[each].get("history")) for each in victims):
        raise RuntimeError("Resend had finished before a request was made again")


def _between(change: Change, *, version: str = "", ending: str = SENT) -> Script:
    """Something changes between an attempt whose outcome is unknown and the next one. Resend has accepted half of the
    emails.

    Args:
        change: what changes.
        version: of the worker, at the beginning.
        ending: of those whose outcome was unknown.
    """

    async def script(scenario_run: ScenarioRun) -> None:
        if version:
            await scenario_run.world.worker(MailProviderName.RESEND, version=version)
        victims = scenario_run.victims(SOME)
        scenario_run.may_end(victims, ending)
        scenario_run.disturb(InjectionPoint.SEND, cut(accepted=True), of=victims[::2])
        scenario_run.disturb(InjectionPoint.SEND, cut(accepted=False), of=victims[1::2])
        await scenario_run.dispatch()
        await scenario_run.world.quiet()
        await change(scenario_run, victims)
        await scenario_run.world.drain()

    return script


async def _next_version(scenario_run: ScenarioRun, _victims: Sequence[str]) -> None:
    """Another version of the worker is deployed, which makes other emails."""
    await scenario_run.world.worker(MailProviderName.RESEND, version="next_version")
    await scenario_run.world.drain()
    before = len(scenario_run.world.inbox.mails)
    await scenario_run.play_next_hours()
    by_next = ["by the next version" in mail.subject for mail in scenario_run.world.inbox.mails]
    if any(by_next[:before]) or not all(by_next[before:]):
        raise RuntimeError("an email that was sent again is of the next version, or one of the next hour is not")


async def _nothing(_scenario_run: ScenarioRun, _victims: Sequence[str]) -> None:
    """All is as it was."""


async def _other_data(scenario_run: ScenarioRun, _victims: Sequence[str]) -> None:
    """The emails would have another name in them by now."""
    for user in scenario_run.users:
        await scenario_run.write_user(user, {"name": "Another Name"})


async def _other_addresses(scenario_run: ScenarioRun, victims: Sequence[str]) -> None:
    """The reports are for others by now. Those who may have got this one get it, and no one else: it is the same."""
    for key in scenario_run.subscriptions:
        if scenario_run.delivery(key) in victims:
            lists: dict[str, list[str]] = {name: [] for name in ADDRESS_LISTS}
            await scenario_run.write_subscription(key, lists | {"to": [f"new-{key.user_id}@example.com"]})


async def _other_provider(scenario_run: ScenarioRun, _victims: Sequence[str]) -> None:
    """The deployment moves to SendGrid, which knows nothing of these mails: a person decides."""
    await scenario_run.world.worker(MailProviderName.SENDGRID)


async def _a_day_later(scenario_run: ScenarioRun, _victims: Sequence[str]) -> None:
    """The queue stands still until Resend has forgotten the keys: a person decides."""
    await stand_still_for_a_day(scenario_run)


async def _next_run_repeats(scenario_run: ScenarioRun) -> None:
    """Every answer is lost until the queue gives up. The next run finds the reports, and the provider has them."""
    victims = scenario_run.victims(SOME)
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=True), of=victims[::2], times=None)
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=False), of=victims[1::2], times=None)
    await scenario_run.dispatch_and_drain()
    if not scenario_run.world.tasks.dropped(QUEUE):
        raise RuntimeError("the queue has given up nothing")
    scenario_run.world.disturbances.rules.clear()
    await scenario_run.play_next_hours()


async def _last_answer_is_lost(scenario_run: ScenarioRun) -> None:
    """Resend is busy until the last attempt, whose answer is lost. The next run finds the reports."""
    victims = scenario_run.victims(SOME)
    scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
    scenario_run.disturb(InjectionPoint.SEND, answer(429, Retry_After="1"), of=victims, times=MAX_ATTEMPTS - 1)
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=True), of=victims[::2])
    scenario_run.disturb(InjectionPoint.SEND, cut(accepted=False), of=victims[1::2])
    await scenario_run.dispatch_and_drain()
    if not scenario_run.world.tasks.dropped(QUEUE):
        raise RuntimeError("the queue has given up nothing")
    await scenario_run.play_next_hours()


def _is_away(hours: int, *, ending: str) -> Script:
    """Resend accepts half of the emails, the answers are lost, and then it answers 503 for hours."""

    async def script(scenario_run: ScenarioRun) -> None:
        scenario_run.may_tell(AlertKind.OVERDUE_REPORTS)
        scenario_run.may_end(scenario_run.due, ending)
        scenario_run.disturb(InjectionPoint.SEND, accept_and_answer(502), of=scenario_run.due[::2])
        scenario_run.disturb(InjectionPoint.SEND, answer(503), of=scenario_run.due, times=None)
        await scenario_run.dispatch_and_drain()
        await scenario_run.play_next_hours(hours - 1)
        scenario_run.world.disturbances.rules.clear()
        await scenario_run.play_next_hours()

    return script


_scenario = scenarios_of("Resend", provider=MailProviderName.RESEND)
SCENARIOS = [
    _scenario("answers 429 with Retry-After", meets(answer(429, Retry_After="30"), times=2)),
    _scenario(
        "answers 429 at every attempt", meets(answer(429, Retry_After="5"), times=None, ending="retries-exhausted")
    ),
    _scenario("answers 422", meets(answer(422), times=None, ending="permanent-error")),
    _scenario("answers 401 until the key is mended", refuses_the_key),
    _scenario("refuses connections", refuses_connections),
    _scenario("answers 500 and takes nothing", meets(answer(500))),
    _scenario("answers 503 and takes nothing", meets(answer(503))),
    _scenario("accepts and answers 500", meets(accept_and_answer(500))),
    _scenario("accepts and answers 502", meets(accept_and_answer(502))),
    _scenario("accepts and answers 503", meets(accept_and_answer(503))),
    _scenario("accepts and answers 504", meets(accept_and_answer(504))),
    _scenario("accepts and answers 502, and then 429", meets(accept_and_answer(502), answer(429, Retry_After="30"))),
    _scenario("cuts the connection before it accepts", meets(cut(accepted=False))),
    _scenario("accepts and cuts the connection", meets(cut(accepted=True))),
    _scenario("accepts and cuts, three times", meets(*[cut(accepted=True)] * 3)),
    _scenario("cuts, then accepts and cuts", meets(cut(accepted=False), cut(accepted=True))),
    _scenario("takes nothing and never answers", meets(no_answer(accepted=False)), at_most=_MOST_HANGS),
    _scenario("accepts and never answers", meets(no_answer(accepted=True)), at_most=_MOST_HANGS),
    _scenario("cuts the connection between two recipients", _accepts_one_of_several),
    _scenario("refuses one of several recipients", _refuses_one_of_several),
    _scenario("is slow, and three tasks come at once", _slow_and_tasks_at_once),
    _scenario("works on it for minutes, and its worker is killed", _still_works_on_it, at_most=100),
    _scenario(
        "the worker that repeats is killed before",
        meets(killed(carried_out=False), times=2, most=_MOST_KILLS, one_by_one=True),
        at_most=100,
    ),
    _scenario(
        "the worker that repeats is killed after",
        meets(killed(carried_out=True), times=2, most=_MOST_KILLS, one_by_one=True),
        at_most=100,
    ),
    _scenario("the next version of the worker repeats", _between(_next_version)),
    _scenario("no room for requests, and the same data", _between(_nothing, version="little_room")),
    _scenario(
        "no room for requests, and other data", _between(_other_data, version="little_room", ending=UNKNOWN_OUTCOME)
    ),
    _scenario("the data change before it is repeated", _between(_other_data)),
    _scenario("the addresses change before it is repeated", _between(_other_addresses)),
    _scenario("the provider changes before it is repeated", _between(_other_provider, ending=UNKNOWN_OUTCOME)),
    _scenario("the queue is paused for more than a day", _between(_a_day_later, ending=UNKNOWN_OUTCOME)),
    _scenario("every answer is lost until the queue gives up", _next_run_repeats),
    _scenario("is busy, and the last answer is lost", _last_answer_is_lost),
    _scenario("is away for 22 hours", _is_away(_WITHIN_HOURS, ending=SENT), at_most=8),
    _scenario("is away for more than a day", _is_away(_BEYOND_HOURS, ending=UNKNOWN_OUTCOME), at_most=8),
]
