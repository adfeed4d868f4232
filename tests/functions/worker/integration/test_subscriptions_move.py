"""Where subscriptions stand when their deliveries are final, whatever their application writes meanwhile."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from local_pipeline.inbox.faults import Answer, Call
from tests.functions.worker.integration.conftest import DUE, HOUR, Cloud

CarryOut = Callable[[], Awaitable[Any]]
DAY = timedelta(days=1)
MONDAY_IN_BERLIN = DUE - timedelta(days=1, hours=14)


def put_final(cloud: Cloud, user: str, due_at: datetime, **fields: Any) -> None:
    document = {"state": "sent", "period_start": due_at - HOUR, "period_end": due_at}
    cloud.put_delivery(user, due_at=due_at, **{**document, **fields})


def test_three_subscriptions_of_a_user_move_independently(cloud: Cloud) -> None:
    user = cloud.user()
    # 14:00 in Berlin, on a Tuesday.
    weekly = {"cadence": "weekly", "weekday": "tuesday", "hour": 14, "time_zone": "Europe/Berlin"}
    cloud.subscribe(user, "weekly", **weekly, reported_until=MONDAY_IN_BERLIN - 7 * DAY)
    workdays = {"cadence": "cron", "cron": "0 13 * * 1-5", "covers": "since-last"}
    cloud.subscribe(user, "workdays", **workdays, reported_until=DUE - DAY)
    before = {name: cloud.subscription_of(user, name) for name in ("default", "weekly", "workdays")}
    after = {
        "default": (DUE + HOUR, DUE),
        "weekly": (DUE + 7 * DAY, MONDAY_IN_BERLIN),
        "workdays": (DUE + DAY, DUE),
    }
    for name, moved in after.items():
        assert cloud.deliver(user, subscription_id=name).json()["result"] == "sent"
        fields = cloud.subscription_of(user, name)
        assert (fields["next_report_at"], fields["reported_until"]) == moved
        del before[name]
        assert {other: cloud.subscription_of(user, other) for other in before} == before
    for name in after:
        assert cloud.deliver(user, subscription_id=name).json()["result"] == "already-final"
    assert len(cloud.mails_to(user)) == 3


@pytest.mark.parametrize("hours", [1, 30])
def test_a_subscription_set_back_by_hours_comes_back_with_one_call(cloud: Cloud, hours: int) -> None:
    back = DUE - hours * HOUR
    user = cloud.user(subscription={"next_report_at": back, "reported_until": back - HOUR})
    for hour in range(hours):
        put_final(cloud, user, back + hour * HOUR, state=("sent", "skipped", "dead")[hour % 3])
    # The next one is on its way, and the subscription belongs there.
    put_final(cloud, user, DUE, state="pending")
    assert cloud.deliver(user, due_at=back).json()["result"] == "already-final"
    fields = cloud.subscription_of(user)
    assert (fields["next_report_at"], fields["reported_until"]) == (DUE, DUE - HOUR)


def test_a_subscription_is_not_moved_to_another_due_time_that_is_final(cloud: Cloud) -> None:
    user = cloud.user()
    put_final(cloud, user, DUE)
    put_final(cloud, user, DUE + HOUR)
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + 2 * HOUR


def test_the_final_deliveries_of_another_subscription_neither_move_it_nor_hide_its_own(cloud: Cloud) -> None:
    user = cloud.user()
    put_final(cloud, user, DUE)
    put_final(cloud, user, DUE + HOUR)
    for hour in range(30):
        put_final(cloud, user, DUE + hour * HOUR, subscription_id="another")
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + 2 * HOUR


def test_a_subscription_is_not_moved_to_the_same_due_time_again(cloud: Cloud) -> None:
    user = cloud.user()
    # Settled by another schedule: by today's, what follows its end is this very due time.
    put_final(cloud, user, DUE, period_start=DUE - 2 * HOUR, period_end=DUE - HOUR)
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def while_sending(cloud: Cloud, write: Callable[[], Any]) -> None:
    async def fault(_call: Call, carry_out: CarryOut) -> Answer:
        answer: Answer = await carry_out()
        await asyncio.get_running_loop().run_in_executor(None, write)
        return answer

    cloud.inbox.fault = fault


def test_what_the_application_writes_while_a_mail_is_sent_stays(cloud: Cloud) -> None:
    user = cloud.user()
    later = DUE + 24 * HOUR
    while_sending(cloud, lambda: cloud.subscription(user).update({"next_report_at": later, "locale": "ja"}))
    assert cloud.deliver(user).json()["result"] == "sent"
    fields = cloud.subscription_of(user)
    assert (fields["next_report_at"], fields["locale"]) == (later, "ja")
    assert cloud.delivery_of(user)["state"] == "sent"


def test_a_subscription_whose_schedule_changes_meanwhile_moves_on_by_the_new_one(cloud: Cloud) -> None:
    user = cloud.user()
    while_sending(cloud, lambda: cloud.subscription(user).update({"cadence": "daily", "hour": 8}))
    assert cloud.deliver(user).json()["result"] == "sent"
    fields = cloud.subscription_of(user)
    assert (fields["next_report_at"], fields["reported_until"]) == (DUE + timedelta(hours=19), DUE)
    assert len(cloud.mails_to(user)) == 1


@pytest.mark.parametrize(
    ("paused", "next_report_at", "reported_until"),
    [
        ({"active": False, "paused_because": "operator", "next_report_at": None}, None, DUE),
        ({"active": False}, None, DUE),
        ({"paused_until": DUE + DAY, "next_report_at": DUE + DAY, "reported_until": DUE + DAY}, DUE + DAY, DUE + DAY),
    ],
    ids=["by the command", "by the application", "until tomorrow"],
)
def test_a_subscription_that_is_paused_while_its_mail_is_sent_stays_paused(
    cloud: Cloud, paused: dict[str, Any], next_report_at: datetime | None, reported_until: datetime
) -> None:
    user = cloud.user()
    while_sending(cloud, lambda: cloud.subscription(user).update(paused))
    assert cloud.deliver(user).json()["result"] == "sent"
    fields = cloud.subscription_of(user)
    assert (fields["next_report_at"], fields["reported_until"]) == (next_report_at, reported_until)


def test_a_subscription_that_is_written_all_the_time_does_not_keep_the_report_from_being_sent(cloud: Cloud) -> None:
    user = cloud.user()

    visits = itertools.count()

    async def busy(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit") and len(cloud.inbox.mails.to(f"{user}@example.com")):
            cloud.firestore_faults.middleware = None
            write = cloud.subscription(user).update
            await asyncio.get_running_loop().run_in_executor(None, write, {"visits": next(visits)})
            cloud.firestore_faults.middleware = busy
        return await carry_out()

    cloud.firestore_faults.middleware = busy
    assert cloud.deliver(user).json()["result"] == "sent"
    cloud.no_faults()
    assert cloud.delivery_of(user)["state"] == "sent"
    # Not moved, but not lost: the next task finds the delivery final, and moves the subscription on.
    assert cloud.subscription_of(user)["next_report_at"] == DUE
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_what_the_application_writes_into_the_user_costs_no_second_write(cloud: Cloud) -> None:
    user = cloud.user()
    while_sending(cloud, lambda: cloud.users.document(user).update({"visits": 1}))
    cloud.firestore.usage.reset()
    assert cloud.deliver(user).json()["result"] == "sent"
    # Three of the worker's, and the application's.
    assert cloud.firestore.usage.writes == 4
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_a_subscription_moved_meanwhile_is_not_moved_back_from_a_final_delivery(cloud: Cloud) -> None:
    user = cloud.user()
    put_final(cloud, user, DUE)
    later = DUE + 24 * HOUR

    async def meanwhile(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit"):
            cloud.firestore_faults.middleware = None
            write = cloud.subscription(user).update
            await asyncio.get_running_loop().run_in_executor(None, write, {"next_report_at": later})
        return await carry_out()

    cloud.firestore_faults.middleware = meanwhile
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == later
