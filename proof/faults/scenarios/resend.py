"""Faults of Resend, whose idempotency keys let a worker send again what it may have sent: no outcome stays unknown for
as long as a key is known."""

import asyncio
from datetime import timedelta
from typing import Any

from functions.shared.records.subscription import ADDRESS_LISTS
from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import MailProviderName
from proof.faults.disturbances import CarryOut, accept_and_answer, answer, cut, slow
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.invariants import SENT, UNKNOWN_OUTCOME
from proof.faults.scenario_run import Scenario, ScenarioRun, unheard
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.queue import delivers, stand_still_for_a_day, thrice_at_once
from proof.faults.scenarios.steps import (
    FIRST,
    KILLED_AFTER,
    KILLED_BEFORE,
    SOME,
    TO_SEVERAL,
    Fault,
    Reports,
    an_hour_with,
    no_answer,
    some,
)
from proof.faults.world import MAX_ATTEMPTS

_TO_KILL = some(most=12)
_MOST_HANGS = 24
_LONG = timedelta(minutes=4)
"""Longer than a lease: another worker makes a request again while Resend still works on it."""


async def _slow_and_cut(call: InterceptedCall, carry_out: CarryOut) -> Any:
    await asyncio.sleep(0.3)
    return await cut(accepted=True)(call, carry_out)


async def _still_works_on_it(scenario_run: ScenarioRun) -> None:
    """Workers are killed, and the next ones make their requests again while Resend still works on the first ones."""
    resend, under_way = scenario_run.world.inbox.resend, list[asyncio.Future[Any]]()
    victims = _TO_KILL.of(scenario_run)

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


async def _other_addresses(scenario_run: ScenarioRun) -> None:
    """The reports are for others by now. Those who may have got this one get it, and no one else: it is the same."""
    victims = SOME.of(scenario_run)
    for key in scenario_run.subscriptions:
        if scenario_run.delivery(key) in victims:
            lists: dict[str, list[str]] = {name: [] for name in ADDRESS_LISTS}
            await scenario_run.write_subscription(key, lists | {"to": [f"new-{key.user_id}@example.com"]})


async def _old_then_new(scenario_run: ScenarioRun) -> None:
    """What is sent again is as it was, and the next hour's emails are of the next version."""
    before = len(scenario_run.world.inbox.mails)
    await scenario_run.play_next_hours()
    by_next = ["by the next version" in mail.subject for mail in scenario_run.world.inbox.mails]
    if any(by_next[:before]) or not all(by_next[before:]):
        raise RuntimeError("an email that was sent again is of the next version, or one of the next hour is not")


def _worker(version: str = "warm", provider: MailProviderName = MailProviderName.RESEND) -> do.Step:
    return do.in_the_world(lambda world: world.worker(provider, version=version))


def _between(*change: do.Step, ending: str = SENT) -> do.Step:
    """Something changes between an attempt whose outcome is unknown and the next one. Resend has accepted half of the
    emails.

    Args:
        change: what changes.
        ending: of those whose outcome was unknown.
    """
    lost = do.disturb_halves(SOME, cut(accepted=True), cut(accepted=False))
    return do.in_turn(do.expect(SOME, ending), lost, do.dispatch, do.quiet, *change, do.drain)


def _is_away(hours: int, *, ending: str) -> do.Step:
    """Resend accepts half of the emails, the answers are lost, and then it answers 503 for hours."""
    return do.in_turn(
        do.expect_alerts(AlertKind.OVERDUE_REPORTS),
        do.expect(FIRST, ending),
        do.disturb(FIRST[::2], accept_and_answer(502)),
        do.disturb(FIRST, answer(503), times=None),
        *(do.hours(hours), do.no_more_faults, do.next_hours()),
    )


_BUSY = answer(429, Retry_After="30")
_OTHERS = Reports(lambda scenario_run: sorted({*scenario_run.due} - {*SOME.of(scenario_run)}))
_LITTLE_ROOM = _worker("little_room")

_row = do.rows_of("Resend", provider=MailProviderName.RESEND)


def _hour(name: str, *faults: Fault, **how: Any) -> Scenario:
    return _row(name, an_hour_with(*faults, **how))


SCENARIOS = [
    _hour("answers 429 with Retry-After", _BUSY, times=2),
    _hour("answers 429 at every attempt", answer(429, Retry_After="5"), times=None, ending="retries-exhausted"),
    _hour("answers 422", answer(422), times=None, ending="permanent-error"),
    _row("answers 401 until the key is mended", do.refuses_the_key),
    _row("refuses connections", do.refuses_connections),
    *(_hour(f"answers {status} and takes nothing", answer(status)) for status in (500, 503)),
    *(_hour(f"accepts and answers {status}", accept_and_answer(status)) for status in (500, 502, 503, 504)),
    _hour("accepts and answers 502, and then 429", accept_and_answer(502), _BUSY),
    _hour("cuts the connection before it accepts", cut(accepted=False)),
    _hour("accepts and cuts the connection", cut(accepted=True)),
    _hour("accepts and cuts, three times", *[cut(accepted=True)] * 3),
    _hour("cuts, then accepts and cuts", cut(accepted=False), cut(accepted=True)),
    _row("takes nothing and never answers", an_hour_with(no_answer(accepted=False)), at_most=_MOST_HANGS),
    _row("accepts and never answers", an_hour_with(no_answer(accepted=True)), at_most=_MOST_HANGS),
    # Some of the recipients have their email then, and the others not.
    _row(
        "cuts the connection between two recipients",
        *(do.disturb_halves(TO_SEVERAL, cut(accepted=False), cut(accepted=True), skip=1), do.an_hour),
    ),
    # One has the email, and Resend never takes that for the other one: a person decides.
    _row(
        "refuses one of several recipients",
        *(do.expect(TO_SEVERAL, UNKNOWN_OUTCOME), do.disturb(TO_SEVERAL, answer(422), skip=1), do.an_hour),
    ),
    # Of each report. Some answers are lost.
    _row(
        "is slow, and three tasks come at once",
        *(delivers(thrice_at_once), do.disturb(SOME, _slow_and_cut, times=2), do.disturb(_OTHERS, slow(0.3))),
        do.an_hour,
    ),
    _row("works on it for minutes, and its worker is killed", _still_works_on_it, at_most=100),
    *(
        _row(
            f"the worker that repeats is killed {when}",
            an_hour_with(kill, of=_TO_KILL, times=2, kills=True),
            at_most=100,
        )
        for when, kill in (("before", KILLED_BEFORE), ("after", KILLED_AFTER))
    ),
    # It makes other emails.
    _row("the next version of the worker repeats", _between(_worker("next_version"), do.drain, _old_then_new)),
    _row("no room for requests, and the same data", _LITTLE_ROOM, _between()),
    _row("no room for requests, and other data", _LITTLE_ROOM, _between(do.rename, ending=UNKNOWN_OUTCOME)),
    _row("the data change before it is repeated", _between(do.rename)),
    _row("the addresses change before it is repeated", _between(_other_addresses)),
    # SendGrid knows nothing of these mails: a person decides.
    _row(
        "the provider changes before it is repeated",
        _between(_worker(provider=MailProviderName.SENDGRID), ending=UNKNOWN_OUTCOME),
    ),
    # Until Resend has forgotten the keys: a person decides.
    _row("the queue is paused for more than a day", _between(stand_still_for_a_day, ending=UNKNOWN_OUTCOME)),
    # The next run finds the reports, and the provider has them.
    _row(
        "every answer is lost until the queue gives up",
        do.expect_alerts(AlertKind.OVERDUE_REPORTS),
        do.disturb_halves(SOME, cut(accepted=True), cut(accepted=False), times=None),
        *(do.an_hour, do.queue_gave_up, do.no_more_faults, do.next_hours()),
    ),
    # At the last attempt. The next run finds the reports.
    _row(
        "is busy, and the last answer is lost",
        do.expect_alerts(AlertKind.OVERDUE_REPORTS),
        do.disturb(SOME, answer(429, Retry_After="1"), times=MAX_ATTEMPTS - 1),
        do.disturb_halves(SOME, cut(accepted=True), cut(accepted=False)),
        *(do.an_hour, do.queue_gave_up, do.next_hours()),
    ),
    # Its keys hold for 24.
    _row("is away for 22 hours", _is_away(22, ending=SENT), at_most=8),
    _row("is away for more than a day", _is_away(26, ending=UNKNOWN_OUTCOME), at_most=8),
]
