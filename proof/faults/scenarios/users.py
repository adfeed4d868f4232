"""Users who are new, who come and go, or whose documents are malformed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from functions.shared.records.system_alert import AlertKind
from proof.faults.plans import Plan
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.subscribers import PLANS, KnownSubscription, subscription_fields, user_fields
from proof.faults.subscription_key import SubscriptionKey

_NEW: tuple[tuple[dict[str, Any], dict[str, Any] | None], ...] = (
    ({"enrolled_at": None}, None),
    ({"enrolled_at": ...}, None),
    ({"enrolled_at": None}, {"shard": None, "next_report_at": None}),
    ({"enrolled_at": ...}, {"shard": ..., "user_id": ..., "next_report_at": ...}),
    ({}, {"shard": None, "user_id": ...}),
)
"""What an application writes for a new user: to the user's document, and to that of a subscription where it brings one.
Null says that it is new; a field that is given as ... is left out."""


async def _enroll(scenario_run: ScenarioRun) -> None:
    """Some have just signed up: they get the default subscription, or those that the application has written."""
    count = len(scenario_run.users)
    for index, plan, (user, subscription) in zip(range(count), cycle(PLANS), cycle(_NEW)):
        await _sign_up(scenario_run, f"n{index}", plan, user=user, subscription=subscription)


async def _sign_up(
    scenario_run: ScenarioRun,
    name: str,
    plan: Mapping[str, Any],
    *,
    user: dict[str, Any],
    subscription: dict[str, Any] | None,
) -> None:
    hour, user_id = scenario_run.hour, f"{scenario_run.prefix}{name}"
    await scenario_run.put_user(user_id, user_fields(user_id, plan["zone"], **user))
    if subscription is None:
        enrolled = KnownSubscription(
            plan=Plan("hourly", plan["zone"]),
            user_zone=plan["zone"],
            first_due_at=hour,
            is_marked=False,
            is_empty=True,
        )
        scenario_run.known[SubscriptionKey(user_id, DEFAULT_SUBSCRIPTION)] = enrolled
        return
    key, its_plan = SubscriptionKey(user_id, "mine"), Plan.due_at(hour, **plan)
    is_due = subscription.get("next_report_at", hour) is hour
    first_due_at = hour if is_due else its_plan.first_due(its_plan.covered_from(hour), not_before=hour)
    written = KnownSubscription(plan=its_plan, user_zone=plan["zone"], first_due_at=first_due_at, is_marked=False)
    scenario_run.known[key] = written
    fields = subscription_fields(key, written, **subscription)
    await scenario_run.put_subscription(key, fields)


async def _inactive_for_a_while(scenario_run: ScenarioRun) -> None:
    """Some users become inactive, with a report due: all their subscriptions pause, until they are active again."""
    await scenario_run.dispatch_and_drain()
    leaving = list(dict.fromkeys(key.user_id for key in scenario_run.hourly[::2]))
    paused = [scenario_run.known[key] for user in leaving for key in scenario_run.of_user(user)]
    for user in leaving:
        await scenario_run.write_user(user, {"active": False})
    for known in paused:
        known.pause(since=scenario_run.hour)
    await scenario_run.play_next_hours(2)
    scenario_run.hour = scenario_run.world.next_hour()
    for user in leaving:
        await scenario_run.write_user(user, {"active": True})
    for known in paused:
        known.resume(at=scenario_run.hour)
    await scenario_run.play_hours(2)


async def put_in_malformed(scenario_run: ScenarioRun) -> None:
    """Create users and subscriptions, each malformed in another way."""
    await scenario_run.put_in_malformed(
        users=[{"email": None}, {"email": "nobody"}, {"time_zone": "Mars/Olympus_Mons"}],
        subscriptions=[
            {"next_report_at": "tomorrow"},
            {"next_report_at": datetime(1, 1, 1, tzinfo=UTC)},
            {"kind": 7},
            {"kind": "no_such_kind"},
            {"cadence": "daily", "hour": float("inf")},
            {"cadence": "cron", "cron": "0 0 30 2 *"},
            {"to": ["nobody"]},
        ],
    )


_row = do.rows_of("users")
SCENARIOS = [
    _row("sign up", _enroll, do.hours(2)),
    _row("are inactive for a while", _inactive_for_a_while, at_least=16),
    # Each document makes exactly one dead letter, and all other users get their reports.
    _row("are malformed", do.expect_alerts(AlertKind.RUN_ERRORS), put_in_malformed, do.hours(2)),
]
