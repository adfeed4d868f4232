"""One report, sent once: what is in the email, what the ledger says, and what it costs."""

import asyncio
import io
import re
import threading
import zipfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud.firestore_v1._helpers import GeoPoint
from google.cloud.firestore_v1.vector import Vector

from functions.shared.records.ids import shard_of, task_id
from local_cloud.rpc import current_request
from local_pipeline.inbox.faults import Answer, Call
from tests.functions.worker.integration.conftest import API_KEY, DUE, HOUR, Cloud, task
from tests.support import PATIENCE_SECONDS

MINUTE = timedelta(minutes=1)


def test_files_arrive_as_they_were_made(cloud: Cloud) -> None:
    user = cloud.user(subscription={"options": {"attach": ["csv", "xlsx", "pdf", "docx"]}})
    cloud.event(user, "e1", at=DUE - MINUTE, type="注文")
    assert cloud.deliver(user).json()["result"] == "sent"
    [mail] = cloud.mails_to(user)
    assert [(each.filename, each.type) for each in mail.envelope.attachments] == [
        ("activity-2026-11-24-1200.csv", "text/csv"),
        ("activity-2026-11-24-1200.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("activity-2026-11-24-1200.pdf", "application/pdf"),
    ]
    csv_file, workbook, document = [each.content for each in mail.attachments if not each.inline]
    assert csv_file.decode("utf-8-sig") == '"Type","Events"\r\n"注文",1\r\n'
    assert zipfile.is_zipfile(io.BytesIO(workbook))
    from pypdf import PdfReader

    assert "注文" in PdfReader(io.BytesIO(document)).pages[0].extract_text()


def test_a_report_is_sent_and_the_subscription_moves_on(cloud: Cloud) -> None:
    user = cloud.user(name="Ada")
    cloud.event(user, "e1", at=DUE - HOUR, type="order.placed", amount=12.5)
    cloud.event(user, "e2", at=DUE - MINUTE, type="order.placed", amount=7)
    cloud.event(user, "e3", at=DUE - HOUR - MINUTE, type="login")
    cloud.event(user, "e4", at=DUE, type="login")
    cloud.event(user, "e5", at=DUE - MINUTE, type="login")
    written_by_the_application = cloud.user_of(user)

    answer = cloud.deliver(user)

    [mail] = cloud.mails_to(user)
    assert answer.status_code == 200
    assert answer.json() == {
        "result": "sent",
        "delivery_id": cloud.delivery(user).id,
        "message_id": mail.envelope.id,
    }
    assert mail.envelope.subject == "Your activity: 3 events, up 200% · Tuesday 24 November, 12:00–13:00"
    assert (mail.envelope.sender.email, mail.envelope.sender.name) == ("reports@example.com", "Example Reports")
    assert mail.envelope.to[0].name == "Ada"
    assert mail.envelope.custom_args == {"delivery_id": cloud.delivery(user).id, "run_id": "20261124T1300Z"}
    assert mail.envelope.categories == ("report", "activity")
    assert "Events: 3\n  Up 200% from 1 the hour before" in (mail.text or "")
    assert "Total amount: 19.50" in (mail.text or "")
    [chart] = mail.attachments
    assert chart.inline
    assert f"cid:{chart.content_id}" in (mail.html or "")

    fields = cloud.delivery_of(user)
    now = datetime.now(UTC)
    assert abs(fields.pop("created_at") - now) < HOUR
    assert abs(fields.pop("updated_at") - now) < HOUR
    assert abs(fields.pop("expire_at") - now - timedelta(days=90)) < HOUR
    assert fields.pop("owner")
    [attempt] = fields.pop("history")
    assert (attempt["number"], attempt["result"]) == (1, "sent")
    assert attempt["at"] == fields.pop("last_attempt_at") <= attempt["claimed_at"] <= now
    assert 0 <= attempt["seconds"] < HOUR.total_seconds()
    assert fields == {
        "user_id": user,
        "subscription_id": "default",
        "shard": shard_of(user, "default"),
        "due_at": DUE,
        "run_id": "20261124T1300Z",
        "kind": "activity",
        "period_start": DUE - HOUR,
        "period_end": DUE,
        "state": "sent",
        "attempts": 1,
        "lease_expires_at": None,
        "provider": "sendgrid",
        "message_id": mail.envelope.id,
        "last_error": None,
        "request": None,
    }
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert cloud.subscription_of(user)["reported_until"] == DUE
    assert cloud.user_of(user) == written_by_the_application
    assert not cloud.letters()


@pytest.mark.parametrize("is_first_task", [True, False])
def test_the_price_of_a_report(cloud: Cloud, *, is_first_task: bool) -> None:
    user = cloud.user(subscription={"settled_at": datetime.now(UTC)})
    cloud.event(user, "e1", at=DUE - MINUTE, type="login")
    if not is_first_task:
        cloud.put_delivery(user, state="pending")
    cloud.firestore.usage.reset()
    name = task_id(cloud.delivery(user).id) if is_first_task else "another-task"
    assert cloud.deliver(user, **{"X-CloudTasks-TaskName": name}).json()["result"] == "sent"
    # The event, and the query of the period before, which finds none.
    own_data = 2
    # Of the user and the subscription, and of the subscription again after the claim. The delivery is read, too, by all
    # attempts but the first of the first task, which makes it. The writes are of the delivery, then of the delivery and
    # the subscription.
    assert cloud.firestore.usage.reads - own_data == (3 if is_first_task else 4)
    assert cloud.firestore.usage.writes == 3
    assert cloud.firestore.usage.deletes == 0


def test_a_delivery_ends_and_its_subscription_moves_on_in_one_commit(cloud: Cloud) -> None:
    user, calls = cloud.user(), []

    async def count(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        request, name = current_request(), method.rpartition("/")[2]
        # The others read the report's own data, and once in a while which kinds are paused.
        if name == "GetDocument" and "/users/" in request.name:
            calls.append((name, 1))
        elif documents := {"BatchGetDocuments": "documents", "Commit": "writes"}.get(name):
            calls.append((name, len(getattr(request, documents))))
        return await carry_out()

    cloud.firestore_faults.middleware = count
    name = {"X-CloudTasks-TaskName": task_id(cloud.delivery(user).id)}
    assert cloud.deliver(user, **name).json()["result"] == "sent"
    assert calls == [("BatchGetDocuments", 2), ("Commit", 1), ("GetDocument", 1), ("Commit", 2)]


def test_a_subscription_that_its_application_has_written_costs_a_look_at_its_deliveries(cloud: Cloud) -> None:
    user = cloud.user(subscription={"skip_empty": False})
    cloud.firestore.usage.reset()
    assert cloud.deliver(user).json()["result"] == "sent"
    first = cloud.firestore.usage.reads
    cloud.firestore.usage.reset()
    assert cloud.deliver(user, due_at=DUE + HOUR).json()["result"] == "sent"
    assert cloud.firestore.usage.reads == first - 1


@pytest.mark.parametrize("fields", [{}, {"kind": 7}], ids=["", "whose document is malformed"])
def test_a_subscription_set_back_to_a_final_delivery_is_moved_on(cloud: Cloud, fields: dict[str, Any]) -> None:
    user = cloud.user(subscription=fields)
    cloud.put_delivery(user, state="sent", period_start=DUE - HOUR, period_end=DUE)
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert cloud.mails_to(user) == []


@pytest.mark.parametrize("fields", [{}, {"active": False}, {"email": "broken"}])
def test_an_expired_lease_is_an_unknown_outcome(cloud: Cloud, fields: dict[str, Any]) -> None:
    user = cloud.user(**fields)
    cloud.put_delivery(user, state="sending", owner="killed", lease_expires_at=datetime.now(UTC), attempts=1)
    answer = cloud.deliver(user, retry_count=1)
    assert (answer.status_code, answer.json()["result"], answer.json()["reason"]) == (200, "dead", "unknown-outcome")
    assert cloud.delivery_of(user)["state"] == "dead"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert cloud.mails_to(user) == []
    [(letter, _)] = cloud.letters()
    assert (letter["reason"], letter["delivery_id"], letter["attempts"]) == (
        "unknown-outcome",
        cloud.delivery(user).id,
        2,
    )


def test_an_expired_lease_is_sent_again_where_the_team_wants_that(cloud: Cloud) -> None:
    user = cloud.user(subscription={"reported_until": DUE - 5 * HOUR})
    cloud.put_delivery(
        user,
        state="sending",
        owner="killed",
        lease_expires_at=datetime.now(UTC),
        attempts=1,
        period_start=DUE - 5 * HOUR,
        period_end=DUE,
    )
    answer = cloud.deliver(user, worker=cloud.worker(ON_UNKNOWN_OUTCOME="resend"))
    assert answer.json()["result"] == "sent"
    assert cloud.delivery_of(user)["attempts"] == 2
    [mail] = cloud.mails_to(user)
    # The same email, not one of another period.
    assert mail.envelope.subject.endswith("08:00–13:00")


def test_two_calls_at_the_same_moment_send_one_mail(cloud: Cloud) -> None:
    user = cloud.user()
    accepting, accept = threading.Event(), asyncio.Event()

    async def hold(_call: Call, carry_out: Callable[[], Awaitable[Answer]]) -> Answer:
        accepting.set()
        await accept.wait()
        return await carry_out()

    cloud.inbox.fault = hold
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(cloud.deliver, user)
        assert accepting.wait(PATIENCE_SECONDS)
        second = cloud.deliver(user)
        cloud.background.loop.call_soon_threadsafe(accept.set)
        assert (first.result().status_code, first.result().json()["result"]) == (200, "sent")
    assert (second.status_code, second.json()["result"]) == (409, "leased")
    assert len(cloud.mails_to(user)) == 1


def test_many_calls_at_once_send_one_mail_for_each_delivery(cloud: Cloud) -> None:
    users = [cloud.user() for _ in range(6)]
    for user in users:
        cloud.event(user, "e1", at=DUE - MINUTE, type="login")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(cloud.deliver, users * 4))
    assert {(answer.status_code, answer.json()["result"]) for answer in answers} <= {
        (200, "sent"),
        (200, "already-final"),
        (409, "leased"),
    }
    for user in users:
        assert len(cloud.mails_to(user)) == 1
        assert cloud.delivery_of(user)["state"] == "sent"
    assert not cloud.letters()


def test_a_late_run_is_one_report_over_all_of_it(cloud: Cloud) -> None:
    user = cloud.user()
    assert cloud.post(task(user, run=DUE + 3 * HOUR)).json()["result"] == "sent"
    assert cloud.delivery_of(user)["period_end"] == DUE + 3 * HOUR
    assert cloud.subscription_of(user)["next_report_at"] == DUE + 4 * HOUR
    assert cloud.subscription_of(user)["reported_until"] == DUE + 3 * HOUR


def test_a_replayed_old_delivery_does_not_move_its_subscription_back(cloud: Cloud) -> None:
    later = {"next_report_at": DUE + 9 * HOUR, "reported_until": DUE + 8 * HOUR}
    user = cloud.user(subscription=later)
    cloud.put_delivery(user, state="pending", by_hand=True, period_start=DUE - HOUR, period_end=DUE)
    assert cloud.deliver(user).json()["result"] == "sent"
    assert {name: cloud.subscription_of(user)[name] for name in later} == later


def test_bad_events_harm_nobody_and_are_named(cloud: Cloud) -> None:
    user = cloud.user(name="<b>Ada</b>\r\nBcc: everybody")
    cloud.event(user, "bad-amount", at=DUE - MINUTE, type="a", amount="12.50")
    cloud.event(user, "bad-type", at=DUE - MINUTE, type=["a"], amount=1)
    cloud.event(user, "bad-at", at="2026-11-24T12:30:00Z", type="a", amount=1)
    cloud.event(user, "bare", at=DUE - MINUTE)
    cloud.event(user, "html", at=DUE - MINUTE, type="<img src=x onerror=alert(1)>")
    assert cloud.deliver(user).json()["result"] == "sent"
    [mail] = cloud.mails_to(user)
    assert "Events: 4" in (mail.text or "")
    assert "<img src=x" not in (mail.html or "")
    assert "<b>Ada" not in (mail.html or "")
    assert mail.envelope.to[0].name == "<b>Ada</b> Bcc: everybody"
    log = cloud.worker().log_file.read_text()
    for event_id, field in (("bad-amount", "amount"), ("bad-type", "type")):
        assert any(f'"{event_id}"' in line and f'"{field}"' in line for line in log.splitlines())


@pytest.mark.parametrize("kind", ["activity", "usage"])
def test_a_value_of_any_type_in_any_field_that_a_report_reads_harms_nobody(cloud: Cloud, kind: str) -> None:
    user = cloud.user()
    document = cloud.users.document(user)
    values: list[Any] = [
        *(None, True, -(2**63), 1e300, float("inf"), float("-inf"), float("nan"), "x" * 2000, "", b"\x00\xff"),
        *(DUE, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        *(
            GeoPoint(90, -180),
            document,
            Vector([1.0, float("inf")]),
            [1, "a", {"b": None}],
            {},
            {"a" * 1000: {"b": {}}},
        ),
    ]
    batch = cloud.database.batch()
    good = {"at": DUE - MINUTE, "type": "a", "amount": 1, "quota": "good"}
    for collection, fields in (("events", ("at", "type", "amount")), ("usage", ("at", "quota", "amount"))):
        batch.set(document.collection(collection).document("good"), good)
        for number, value in enumerate(values):
            for field in fields:
                batch.set(document.collection(collection).document(f"{field}-{number}"), {**good, field: value})
    for number, value in enumerate(values):
        field = ("allowed", "name", "unit", "renews_on")[number % 4]
        quota = {"allowed": 10, "name": "Quota", "unit": "GB", "renews_on": 1, field: value}
        batch.set(document.collection("quotas").document(f"q{number}"), quota)
    batch.set(document.collection("quotas").document("good"), {"allowed": 1_000})
    batch.commit()

    assert cloud.deliver(user, kind=kind).json()["result"] == "sent"
    [mail] = cloud.mails_to(user)
    assert not re.search(r"\b(nan|inf|infinity)\b", mail.text or "", re.IGNORECASE)
    assert not cloud.letters()
    log = cloud.worker().log_file.read_text()
    assert f'"{user}"' in log
    assert '"field": "amount"' in log


@pytest.mark.parametrize(
    ("of_user", "of_subscription"), [("Asia/Tokyo", ...), ("Europe/Berlin", "Asia/Tokyo")], ids=["", "its own zone"]
)
def test_a_subscription_moves_on_by_its_cadence_and_the_users_zone(
    cloud: Cloud, of_user: str, of_subscription: Any
) -> None:
    # 22:00 in Tokyo, where the day's report is due.
    daily = {"cadence": "daily", "hour": 22, "reported_until": DUE - timedelta(hours=46), "time_zone": of_subscription}
    user = cloud.user(time_zone=of_user, subscription=daily)
    assert cloud.deliver(user).json()["result"] == "sent"
    # Up to midnight in Tokyo.
    assert cloud.delivery_of(user)["period_end"] == DUE - timedelta(hours=22)
    assert cloud.subscription_of(user)["next_report_at"] == DUE + timedelta(days=1)


def test_what_a_subscription_does_not_say_is_the_teams_default(cloud: Cloud) -> None:
    user = cloud.user(subscription={"cadence": ..., "kind": ..., "reported_until": DUE - timedelta(hours=24)})
    worker = cloud.worker(DEFAULT_CADENCE="weekly", DEFAULT_KIND="usage")
    assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
    # A Tuesday: the next Monday at 8.
    assert cloud.subscription_of(user)["next_report_at"] == DUE + timedelta(days=5, hours=19)


def test_a_key_with_a_line_break_behind_it_is_the_key(cloud: Cloud) -> None:
    worker = cloud.worker(SENDGRID_API_KEY=f"{API_KEY}\n")
    assert cloud.deliver(cloud.user(), worker=worker).json()["result"] == "sent"


def test_no_log_line_has_an_address(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.deliver(user)
    assert "@example.com" not in cloud.worker().log_file.read_text()
