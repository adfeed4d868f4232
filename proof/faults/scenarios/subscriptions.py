"""Subscriptions that the application writes meanwhile: it changes, pauses, deletes and restores them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from google.cloud.firestore import DELETE_FIELD

from proof.faults.disturbances import CarryOut
from proof.faults.injection_points import InjectionPoint, InterceptedCall
from proof.faults.plans import Plan
from proof.faults.scenario_run import ScenarioRun, Script, scenarios_of
from proof.faults.subscription_key import SubscriptionKey

_HOURS_BACK = 3
_MOST_KILLS = 10
_POSTPONED = timedelta(hours=12)
_PAUSED = timedelta(hours=2, minutes=40)

Change = Callable[[ScenarioRun, SubscriptionKey], Mapping[str, Any]]
"""Returns what the application writes to a subscription, and records the expected effect."""


def _changed(change: Change, *, hours: int = 2) -> Script:
    """The application writes to subscriptions when SendGrid is about to be given their mail: its period is settled by
    then."""

    async def script(scenario_run: ScenarioRun) -> None:
        _change_while_sent(scenario_run, change)
        await scenario_run.play_hours(hours)

    return script


def _change_while_sent(scenario_run: ScenarioRun, change: Change) -> list[SubscriptionKey]:
    """Change some that are due every hour, and return them."""
    victims = {scenario_run.delivery(key): key for key in scenario_run.hourly[::2]}

    async def write(call: InterceptedCall, carry_out: CarryOut) -> Any:
        key = victims[call.subject]
        await scenario_run.write_subscription(key, change(scenario_run, key))
        return await carry_out()

    scenario_run.disturb(InjectionPoint.SEND, write, of=victims)
    return list(victims.values())


def _another_schedule(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    known = scenario_run.known[key]
    known.former_plan = known.plan
    known.plan = Plan.due_at(scenario_run.hour + _POSTPONED, "daily", "Asia/Tokyo", covers="calendar")
    return {**known.plan.to_fields(), "time_zone": known.plan.zone}


def _a_later_report(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    known = scenario_run.known[key]
    known.postponed_to = scenario_run.hour + _POSTPONED
    return {"next_report_at": known.postponed_to}


def _an_old_copy(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    return scenario_run.document(key)


def _no_shard(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    """The next run is to give the subscription its place again, at the due time that it has, or at a new one."""
    which = scenario_run.hourly.index(key) % 3
    return ({"shard": None}, {"shard": DELETE_FIELD}, {"shard": None, "next_report_at": None})[which]


def _a_pause_until(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
    until = scenario_run.hour + _PAUSED
    scenario_run.known[key].pause(since=scenario_run.hour, until=until)
    return {"paused_until": until, "paused_because": "user"}


def _paused(*pauses: Mapping[str, Any], is_left_out: bool = True) -> Script:
    """All are paused for two hours: half of them when a report of theirs is about to be sent, half between two runs.

    Args:
        pauses: what the application writes then, in turn.
        is_left_out: whether the next report leaves that time out.
    """

    def change(scenario_run: ScenarioRun, key: SubscriptionKey) -> Mapping[str, Any]:
        scenario_run.known[key].pause(since=scenario_run.hour)
        return pauses[scenario_run.hourly.index(key) // 2 % len(pauses)]

    async def script(scenario_run: ScenarioRun) -> None:
        victims = _change_while_sent(scenario_run, change)
        await scenario_run.dispatch_and_drain()
        victims += (later := [key for key in scenario_run.hourly if key not in victims])
        for key in later:
            await scenario_run.write_subscription(key, change(scenario_run, key))
        await scenario_run.play_next_hours(2)
        scenario_run.hour = scenario_run.world.next_hour()
        for key in victims:
            await scenario_run.write_subscription(key, {"active": True, "shard": None})
            scenario_run.known[key].resume(at=scenario_run.hour, is_left_out=is_left_out)
        await scenario_run.play_hours(2)

    return script


async def _paused_for_good(scenario_run: ScenarioRun) -> None:
    """Each run but the first would meet them, unless the worker takes their due time away."""
    await scenario_run.dispatch_and_drain()
    for key in scenario_run.hourly[::2]:
        scenario_run.known[key].pause(since=scenario_run.hour)
        await scenario_run.write_subscription(key, {"active": False})
    await scenario_run.play_next_hours(3)


def _nothing_to_report(*, carried_out: bool) -> Script:
    """None wants an email about nothing, and workers die as they skip it: before the record is written, or after.

    One after the other, so that a worker that is killed takes no other report with it."""

    async def script(scenario_run: ScenarioRun) -> None:
        for key, known in scenario_run.known.items():
            known.is_empty = True
            await scenario_run.write_subscription(key, {"skip_empty": True})
        killed = scenario_run.victims(0.5, most=_MOST_KILLS)
        scenario_run.disturb(InjectionPoint.SETTLE, scenario_run.kill(carried_out=carried_out), of=killed)
        await scenario_run.world.dispatch_at_most(1)
        await scenario_run.play_hours(3)

    return script


async def _deleted(scenario_run: ScenarioRun) -> None:
    """Between a task and its delivery some are deleted; those of the same users that are left are sent."""
    await scenario_run.world.pause()
    await scenario_run.dispatch()
    victims = scenario_run.subscriptions[::3]
    for key in victims:
        await scenario_run.delete_subscription(key)
    scenario_run.may_end([scenario_run.delivery(key) for key in victims], "skipped")
    await scenario_run.world.resume()
    await scenario_run.world.drain()
    await scenario_run.play_next_hours()


async def _deleted_while_sent(scenario_run: ScenarioRun) -> None:
    """Some are deleted when SendGrid has accepted their email, before the delivery record is written."""
    victims = {scenario_run.delivery(key): key for key in scenario_run.subscriptions[::3]}

    async def delete(call: InterceptedCall, carry_out: CarryOut) -> Any:
        taken = await carry_out()
        await scenario_run.delete_subscription(victims[call.subject])
        return taken

    scenario_run.disturb(InjectionPoint.SEND, delete, of=victims)
    await scenario_run.play_hours(2)


async def _set_back_by_hours(scenario_run: ScenarioRun) -> None:
    """A backup is restored: all stand again where they stood hours ago, and everything since was sent."""
    before = {key: scenario_run.document(key) for key in scenario_run.subscriptions}
    await scenario_run.play_hours(1 + _HOURS_BACK)
    for key, document in before.items():
        await scenario_run.put_subscription(key, document)
    await scenario_run.play_next_hours()


_scenario = scenarios_of("subscriptions")
SCENARIOS = [
    _scenario("change their schedule while they are sent", _changed(_another_schedule)),
    _scenario("are postponed while they are sent", _changed(_a_later_report)),
    _scenario("are written back while they are sent", _changed(_an_old_copy)),
    _scenario("lose their shard while they are sent", _changed(_no_shard, hours=3)),
    _scenario("are paused until a moment", _changed(_a_pause_until, hours=5)),
    _scenario("are paused and resumed", _paused({"active": False, "paused_because": "operator"}, {"active": False})),
    # No run finds it due, so no worker skips it as paused: it was just not scheduled.
    _scenario("are taken out for a while", _paused({"active": False, "next_report_at": None}, is_left_out=False)),
    _scenario("are paused for good", _paused_for_good),
    _scenario("have nothing to report, and a worker dies before it skips", _nothing_to_report(carried_out=False)),
    _scenario("have nothing to report, and a worker dies after it skipped", _nothing_to_report(carried_out=True)),
    _scenario("are deleted", _deleted),
    _scenario("are deleted while they are sent", _deleted_while_sent),
    _scenario("are set back by hours", _set_back_by_hours),
]
