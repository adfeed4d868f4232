"""Firestore is restored to a copy of an hour ago, and the emails since then are out."""

from datetime import timedelta
from functools import partial
from typing import Any

from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import MailProviderName
from proof.faults.disturbances import CarryOut
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.invariants import SENT, UNKNOWN_OUTCOME
from proof.faults.scenario_run import Scenario, ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.dead_letters import operate
from proof.faults.world import ACCOUNT_BRAND, QUEUE, DatabaseCopy

_DEAD = 2
_SENT_BEFORE = 5
"""How many emails of the hour of the copy are handed over before it."""
_DOWN = timedelta(minutes=30)


async def _restored(scenario_run: ScenarioRun, *, is_known: bool) -> None:
    """Everything is put back to a moment in the second hour's run, and the fourth hour's run is the next.

    Args:
        scenario_run: of what.
        is_known: whether RESTORED_AT says so to the functions.
    """
    world = scenario_run.world
    # By an account of their own, which no other can say anything about.
    for user in scenario_run.users[::2]:
        await scenario_run.write_user(user, {"brand": ACCOUNT_BRAND})
    # What was told and kept before is of records that the copy does not have.
    scenario_run.hears_all = scenario_run.names_all_copies = False
    dead = scenario_run.victims(0, least=_DEAD)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.never, of=dead, times=None)
    await scenario_run.dispatch_and_drain()
    copied = await _copy_while_sending(scenario_run)
    await world.drain()
    if is_known:
        # What the copy has as dead is sent in the hour that it does not know of.
        await operate(scenario_run, "dead-letters", "replay", *dead)
        await world.drain()
    waiting, refused = await _leave_unsent(scenario_run)
    await world.pause()

    scenario_run.may_end([waiting, refused], UNKNOWN_OUTCOME)
    # The email of the half hour before covers this report, too, and nothing says so any more.
    twice_an_hour = [key for key, known in scenario_run.known.items() if known.plan.cron.startswith("*/30")]
    scenario_run.may_end([key.delivery(scenario_run.hour) for key in twice_an_hour], UNKNOWN_OUTCOME)
    if scenario_run.scenario.provider is not MailProviderName.SENDGRID:
        # Nothing can be asked about them.
        scenario_run.may_end({*dead, *_since_the_copy(scenario_run)} - {waiting, refused}, SENT, UNKNOWN_OUTCOME)
    restored_at = world.clock.now() if is_known else None
    await world.restore(copied, restored_at=restored_at, provider=scenario_run.scenario.provider)
    await _go_on(scenario_run)
    if is_known:
        await operate(scenario_run, "dead-letters", "replay", *dead)
        await world.drain()


async def _restored_in_part(scenario_run: ScenarioRun) -> None:
    """Users and subscriptions are put back, and the pipeline's own documents are those of the moment: they say what was
    sent, and no function needs to know of the restore."""
    world = scenario_run.world
    scenario_run.hears_all = False
    await scenario_run.dispatch_and_drain()
    copied = await _copy_while_sending(scenario_run)
    await world.drain()
    _, refused = await _leave_unsent(scenario_run)
    await world.pause()
    scenario_run.may_end([refused], "permanent-error")
    own = {path: fields for path, fields in (await world.copy()).items() if not path.startswith("users/")}
    users = {path: fields for path, fields in copied.items() if path.startswith("users/")}
    await world.restore({**own, **users}, restored_at=None, provider=scenario_run.scenario.provider)
    await _go_on(scenario_run)


async def _copy_while_sending(scenario_run: ScenarioRun) -> DatabaseCopy:
    """Copy Firestore in the next hour's run: some emails are out, some have been refused and wait for a retry, one is
    handed over at that moment, and the others are still to come."""
    world = scenario_run.world
    scenario_run.heal()
    scenario_run.hour = world.next_hour()
    copied: DatabaseCopy = {}
    calls = iter(range(_SENT_BEFORE))

    async def copy(_call: InterceptedCall, carry_out: CarryOut) -> Any:
        copied.update(await world.copy())
        return await carry_out()

    refused = [key.delivery(scenario_run.hour) for key in scenario_run.hourly[:2]]
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.not_now, of=refused)
    scenario_run.disturb(InjectionPoint.SEND, copy, chosen=lambda call, number: next(calls, None) is None)
    # One at a time, so that it is a copy of one moment, as Firestore's own are.
    await world.dispatch_at_most(1)
    await world.pause()
    await scenario_run.dispatch()
    await world.resume()
    await world.quiet()
    while not copied:
        # A provider that refuses an email may have the queue slow down.
        world.pass_time(timedelta(seconds=10))
        await world.quiet()
    scenario_run.heal()
    return copied


async def _leave_unsent(scenario_run: ScenarioRun) -> tuple[str, str]:
    """Make the run of the next hour. It sends most of its reports.

    Returns:
        a delivery that waits for a retry, and one that is dead.
    """
    world = scenario_run.world
    scenario_run.hour = world.next_hour()
    waiting, refused, *_ = [key.delivery(scenario_run.hour) for key in scenario_run.hourly]
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.not_now, of=[waiting], times=None)
    scenario_run.disturb(InjectionPoint.SEND, scenario_run.faults.never, of=[refused], times=None)
    await scenario_run.dispatch()
    await world.quiet()
    while world.tasks.counts(QUEUE).depth > 1:
        # A provider that refuses an email may have slowed the whole queue down.
        world.pass_time(timedelta(seconds=10))
        await world.quiet()
    scenario_run.heal()
    return waiting, refused


def _since_the_copy(scenario_run: ScenarioRun) -> set[str]:
    """The deliveries that may have been due in the two hours before."""
    times = [scenario_run.hour - timedelta(minutes=15 * quarters) for quarters in range(8)]
    return {key.delivery(at) for key, known in scenario_run.known.items() for at in times if known.plan.is_due(at)}


async def _go_on(scenario_run: ScenarioRun) -> None:
    scenario_run.may_tell(AlertKind.NO_RUN, AlertKind.OVERDUE_REPORTS)
    scenario_run.world.pass_time(_DOWN)
    await scenario_run.world.resume()


def restored(name: str, *, is_known: bool) -> Scenario:
    """Firestore is restored, and RESTORED_AT says so, or does not."""
    return _row(name, partial(_restored, is_known=is_known), do.next_hours(3))


_row = do.rows_of("restored", at_least=16, at_most=16)
SCENARIOS = [
    restored("to a copy of an hour ago", is_known=True),
    _row("to users and subscriptions of an hour ago", _restored_in_part, do.next_hours(3)),
]
