"""Subscriptions that the application writes meanwhile: it changes, pauses, deletes and restores them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from google.cloud.firestore import DELETE_FIELD

from proof.faults.injection_points import InjectionPoint
from proof.faults.plans import Plan
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import KILLED_AFTER, KILLED_BEFORE, OfTheRun, Reports, meanwhile, some
from proof.faults.subscription_key import SubscriptionKey

_HOURS_BACK = 3
_POSTPONED = timedelta(hours=12)
_PAUSED = timedelta(hours=2, minutes=40)

Change = Callable[[ScenarioRun, SubscriptionKey], Mapping[str, Any]]
"""Returns what the application writes to a subscription, and records the expected effect."""


def _while_sent(change: Change) -> do.Step:
    """The application writes to subscriptions when SendGrid is about to be given their mail: its period is settled by
    then."""
    return do.disturb(
        Reports(lambda scenario_run: [scenario_run.delivery(key) for key in scenario_run.hourly[::2]]),
        meanwhile(lambda run, key: run.write_subscription(key, change(run, key))),
    )


def _another_schedule(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    known = scenario_run.known[key]
    known.former_plan = known.plan
    known.plan = Plan.due_at(scenario_run.hour + _POSTPONED, "daily", "Asia/Tokyo", covers="calendar")
    return {**known.plan.to_fields(), "time_zone": known.plan.zone}


def _a_later_report(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    known = scenario_run.known[key]
    known.postponed_to = scenario_run.hour + _POSTPONED
    return {"next_report_at": known.postponed_to}


def _no_shard(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    """The next run is to give the subscription its place again, at the due time that it has, or at a new one."""
    which = scenario_run.hourly.index(key) % 3
    return ({"shard": None}, {"shard": DELETE_FIELD}, {"shard": None, "next_report_at": None})[which]


def _a_pause_until(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    until = scenario_run.hour + _PAUSED
    scenario_run.known[key].pause(since=scenario_run.hour, until=until)
    return {"paused_until": until, "paused_because": "user"}


def _paused(*pauses: Mapping[str, Any], is_left_out: bool = True) -> do.Step:
    """All are paused for two hours: half of them when a report of theirs is about to be sent, half between two runs.

    Args:
        pauses: what the application writes then, in turn.
        is_left_out: whether the next report leaves that time out.
    """

    def change(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
        scenario_run.known[key].pause(since=scenario_run.hour)
        return pauses[scenario_run.hourly.index(key) // 2 % len(pauses)]

    async def pause(scenario_run: ScenarioRun) -> None:
        for key in scenario_run.hourly[1::2]:
            await scenario_run.write_subscription(key, change(scenario_run, key))

    async def go_on(scenario_run: ScenarioRun) -> None:
        for key in (*scenario_run.hourly[::2], *scenario_run.hourly[1::2]):
            await scenario_run.write_subscription(key, {"active": True, "shard": None})
            scenario_run.known[key].resume(at=scenario_run.hour, is_left_out=is_left_out)

    later = (pause, do.next_hours(2), do.next_hour, go_on, do.hours(2))
    return do.in_turn(_while_sent(change), do.an_hour, *later)


async def _pause_for_good(scenario_run: ScenarioRun) -> None:
    for key in scenario_run.hourly[::2]:
        scenario_run.known[key].pause(since=scenario_run.hour)
        await scenario_run.write_subscription(key, {"active": False})


async def _leave_empty(scenario_run: ScenarioRun) -> None:
    """None wants an email about nothing."""
    for key, known in scenario_run.known.items():
        known.is_empty = True
        await scenario_run.write_subscription(key, {"skip_empty": True})


def _killed_as_it_skips(fault: OfTheRun) -> do.Step:
    killed = do.disturb(some(0.5, most=10), fault, at=InjectionPoint.SETTLE)
    return do.in_turn(_leave_empty, killed, do.one_by_one, do.hours(3))


async def _delete(scenario_run: ScenarioRun) -> None:
    for key in scenario_run.subscriptions[::3]:
        await scenario_run.delete_subscription(key)


async def _set_back_by_hours(scenario_run: ScenarioRun) -> None:
    """A backup is restored: all stand again where they stood hours ago, and everything since was sent."""
    before = {key: scenario_run.document(key) for key in scenario_run.subscriptions}
    await scenario_run.play_hours(1 + _HOURS_BACK)
    for key, document in before.items():
        await scenario_run.put_subscription(key, document)
    await scenario_run.play_next_hours()


_DELETED = do.FIRST[::3]

_row = do.rows_of("subscriptions")
SCENARIOS = [
    _row("change their schedule while they are sent", _while_sent(_another_schedule), do.hours(2)),
    _row("are postponed while they are sent", _while_sent(_a_later_report), do.hours(2)),
    _row("are written back while they are sent", _while_sent(ScenarioRun.document), do.hours(2)),
    _row("lose their shard while they are sent", _while_sent(_no_shard), do.hours(3)),
    _row("are paused until a moment", _while_sent(_a_pause_until), do.hours(5)),
    _row("are paused and resumed", _paused({"active": False, "paused_because": "operator"}, {"active": False})),
    # No run finds it due, so no worker skips it as paused: it was just not scheduled.
    _row("are taken out for a while", _paused({"active": False, "next_report_at": None}, is_left_out=False)),
    # Each run but the first would meet them, unless the worker takes their due time away.
    _row("are paused for good", do.an_hour, _pause_for_good, do.next_hours(3)),
    _row("have nothing to report, and a worker dies before it skips", _killed_as_it_skips(KILLED_BEFORE)),
    _row("have nothing to report, and a worker dies after it skipped", _killed_as_it_skips(KILLED_AFTER)),
    # Between a task and its delivery; those of the same users that are left are sent.
    _row(
        "are deleted",
        *(do.pause, do.dispatch, _delete, do.expect(_DELETED, "skipped"), do.resume, do.drain, do.next_hours()),
    ),
    # When SendGrid has accepted their email, before the delivery record is written.
    _row(
        "are deleted while they are sent",
        do.disturb(_DELETED, meanwhile(ScenarioRun.delete_subscription, carried_out=True)),
        do.hours(2),
    ),
    _row("are set back by hours", _set_back_by_hours),
]
