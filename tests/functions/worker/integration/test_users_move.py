"""Where users stand when their deliveries are final, whatever their application writes meanwhile."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.shared.ids import delivery_id, run_id
from functions.shared.report_task import ReportTask
from local_cloud.inbox.faults import Answer, Call
from tests.functions.worker.integration.conftest import DUE, HOUR, Cloud

CarryOut = Callable[[], Awaitable[Any]]


def task_for(user: str, due_at: Any) -> bytes:
    return ReportTask(user_id=user, delivery_id=delivery_id(user, due_at), due_at=due_at, run_id=run_id(DUE)).to_json()


def put_final(cloud: Cloud, user: str, due_at: Any, **fields: Any) -> None:
    document = {"user_id": user, "due_at": due_at, "state": "sent", "period_start": due_at - HOUR, "period_end": due_at}
    cloud.deliveries.document(delivery_id(user, due_at)).set({**document, **fields})


@pytest.mark.parametrize("hours", [1, 2, 30, 200])
def test_a_user_set_back_by_hours_comes_back_with_one_call(cloud: Cloud, hours: int) -> None:
    back = DUE - hours * HOUR
    user = cloud.user(next_report_at=back, reported_until=back - HOUR)
    for hour in range(hours):
        put_final(cloud, user, back + hour * HOUR, state=("sent", "skipped", "dead")[hour % 3])
    # The next one is on its way, and the user belongs there.
    put_final(cloud, user, DUE, state="pending")
    assert cloud.post(task_for(user, back)).json()["result"] == "already-final"
    fields = cloud.fields_of(user)
    assert (fields["next_report_at"], fields["reported_until"]) == (DUE, DUE - HOUR)


def test_a_user_is_not_moved_to_another_due_time_that_is_final(cloud: Cloud) -> None:
    user = cloud.user()
    put_final(cloud, user, DUE)
    put_final(cloud, user, DUE + HOUR)
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.fields_of(user)["next_report_at"] == DUE + 2 * HOUR


def test_a_user_is_not_moved_to_the_same_due_time_again(cloud: Cloud) -> None:
    user = cloud.user()
    # Settled by another schedule: by today's, what follows its end is this very due time.
    put_final(cloud, user, DUE, period_start=DUE - 2 * HOUR, period_end=DUE - HOUR)
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.fields_of(user)["next_report_at"] == DUE + HOUR


def while_sending(cloud: Cloud, write: Callable[[], Any]) -> None:
    async def fault(_call: Call, carry_out: CarryOut) -> Answer:
        answer: Answer = await carry_out()
        await asyncio.get_running_loop().run_in_executor(None, write)
        return answer

    cloud.inbox.fault = fault


def test_what_the_application_writes_while_a_mail_is_sent_stays(cloud: Cloud) -> None:
    user = cloud.user()
    later = DUE + 24 * HOUR
    while_sending(cloud, lambda: cloud.users.document(user).update({"next_report_at": later, "name": "Grace"}))
    assert cloud.deliver(user).json()["result"] == "sent"
    fields = cloud.fields_of(user)
    assert (fields["next_report_at"], fields["name"]) == (later, "Grace")
    assert cloud.delivery_of(user)["state"] == "sent"


def test_a_user_who_changes_the_schedule_meanwhile_moves_on_by_the_new_one(cloud: Cloud) -> None:
    user = cloud.user()
    while_sending(cloud, lambda: cloud.users.document(user).update({"report": {"cadence": "daily", "hour": 8}}))
    assert cloud.deliver(user).json()["result"] == "sent"
    fields = cloud.fields_of(user)
    assert (fields["next_report_at"], fields["reported_until"]) == (DUE + timedelta(hours=19), DUE)
    assert len(cloud.mails_to(user)) == 1


def test_a_user_who_is_written_all_the_time_does_not_keep_the_report_from_being_sent(cloud: Cloud) -> None:
    user = cloud.user()

    visits = itertools.count()

    async def busy(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit") and len(cloud.inbox.mails.to(f"{user}@example.com")):
            cloud.firestore_faults.middleware = None
            write = cloud.users.document(user).update
            await asyncio.get_running_loop().run_in_executor(None, write, {"visits": next(visits)})
            cloud.firestore_faults.middleware = busy
        return await carry_out()

    cloud.firestore_faults.middleware = busy
    assert cloud.deliver(user).json()["result"] == "sent"
    cloud.no_faults()
    assert cloud.delivery_of(user)["state"] == "sent"
    # Not moved, but not lost: the next task finds the delivery final, and moves the user on.
    assert cloud.fields_of(user)["next_report_at"] == DUE
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.fields_of(user)["next_report_at"] == DUE + HOUR


def test_a_user_moved_meanwhile_is_not_moved_back_from_a_final_delivery(cloud: Cloud) -> None:
    user = cloud.user()
    put_final(cloud, user, DUE)
    later = DUE + 24 * HOUR

    async def meanwhile(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit"):
            cloud.firestore_faults.middleware = None
            write = cloud.users.document(user).update
            await asyncio.get_running_loop().run_in_executor(None, write, {"next_report_at": later})
        return await carry_out()

    cloud.firestore_faults.middleware = meanwhile
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.fields_of(user)["next_report_at"] == later
