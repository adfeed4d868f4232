"""Recipients unsubscribe by the link of an email, at each step of the next one: they get at most the email that a
worker has claimed already."""

import asyncio

import grpc

from proof.faults.disturbances import lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.invariants import SENT, SKIPPED
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import KILLED_AFTER, KILLED_BEFORE, NOT_NOW, OfTheRun, Reports, killed, meanwhile
from proof.faults.subscription_key import SubscriptionKey

_SECOND = Reports(lambda scenario_run: [key.delivery(scenario_run.hour) for key in scenario_run.hourly])
"""The reports of the second hour."""


async def _click(scenario_run: ScenarioRun, key: SubscriptionKey) -> None:
    """A recipient of the first report unsubscribes, who gets the next one, too: the user, one of several, or who gets a
    copy, in turn."""
    mails = scenario_run.first_mails()[key]
    await scenario_run.unsubscribe(key, mails[scenario_run.hourly.index(key) % len(mails)])


async def _all_click(scenario_run: ScenarioRun) -> None:
    for key in scenario_run.hourly:
        await _click(scenario_run, key)


async def _all_click_twice(scenario_run: ScenarioRun) -> None:
    await asyncio.gather(*(_click(scenario_run, key) for key in scenario_run.hourly for _ in range(2)))


def _at(point: InjectionPoint, *, carried_out: bool) -> do.Step:
    """Before a step of the worker takes effect, or after."""
    return do.in_turn(
        *(_begin, do.expect(_SECOND, SENT, SKIPPED)),
        *(do.disturb(_SECOND, meanwhile(_click, carried_out=carried_out), at=point), do.dispatch, _end),
    )


def _worker_killed(fault: OfTheRun, point: InjectionPoint, *, accepted: bool | None = None) -> do.Step:
    """A worker is killed, and recipients unsubscribe before another has the task. Where the email can be sent again
    with its idempotency key, those get none who had none; the record says that the first attempt may have sent it."""

    def expect(scenario_run: ScenarioRun) -> None:
        if accepted is not None:
            scenario_run.becomes_unknown(_SECOND.of(scenario_run), accepted=accepted)
            if scenario_run.has_keys:
                scenario_run.may_end(_SECOND.of(scenario_run), SENT, SKIPPED)

    clicked_and_killed = do.disturb(_SECOND, meanwhile(_click, then=fault), at=point)
    return do.in_turn(_begin, expect, clicked_and_killed, do.one_by_one, do.dispatch, _end)


def _page_killed(*, carried_out: bool) -> do.Step:
    """The page's process is killed as it writes, and the mailbox provider tries again."""
    kill = killed(lambda world: world.preferences, carried_out=carried_out)
    two = Reports(lambda scenario_run: list(map(str, scenario_run.hourly))[:2])
    return do.in_turn(_begin, do.disturb(two, kill, at=InjectionPoint.STOP), _all_click, do.dispatch, _end)


_begin = do.in_turn(do.an_hour, do.next_hour)
_end = do.in_turn(do.drain, do.next_hours(), lambda run: run.repeat(lambda: _all_click_twice(run)))
"""Nothing goes out in the hour that follows, and a second click changes nothing."""
_PAGE = (InjectionPoint.READ_SUBSCRIPTION, InjectionPoint.READ_USER, InjectionPoint.STOP)
_PAGE_FAILS = (refuse(grpc.StatusCode.PERMISSION_DENIED), lose_answer(grpc.StatusCode.UNAVAILABLE))
_CLAIM, _SEND, _SETTLE = InjectionPoint.CLAIM, InjectionPoint.SEND, InjectionPoint.SETTLE

_row = do.rows_of("unsubscribes", has_pages=True, at_most=24)
SCENARIOS = [
    # The page's calls to Firestore fail now and then: the mailbox provider tries again.
    _row(
        "before the run",
        *(_begin, do.disturb(None, *_PAGE_FAILS, at=_PAGE), _all_click_twice, do.no_more_faults),
        *(do.dispatch, _end),
    ),
    # It is in the queue already, and no worker has it.
    _row("before the task", _begin, do.pause, do.dispatch, _all_click, do.resume, _end),
    _row("after the reads, before the claim", _at(_CLAIM, carried_out=False)),
    _row("after the claim", _at(_CLAIM, carried_out=True)),
    _row("while the provider has the request", _at(_SEND, carried_out=False)),
    _row("before the record is written", _at(_SETTLE, carried_out=False)),
    _row("after the record was written", _at(_SETTLE, carried_out=True)),
    # The provider takes nothing at the first.
    _row(
        "between two attempts",
        *(_begin, do.disturb(_SECOND, NOT_NOW)),
        do.disturb(_SECOND, meanwhile(_click, carried_out=True), at=InjectionPoint.RELEASE),
        *(do.dispatch, _end),
    ),
    _row("while a worker is killed before the claim", _worker_killed(KILLED_BEFORE, _CLAIM)),
    _row("while a worker is killed after the claim", _worker_killed(KILLED_AFTER, _CLAIM, accepted=False)),
    _row("while a worker is killed after the provider accepted", _worker_killed(KILLED_AFTER, _SEND, accepted=True)),
    _row("and the page is killed before it writes", _page_killed(carried_out=False)),
    _row("and the page is killed after it wrote", _page_killed(carried_out=True)),
]
