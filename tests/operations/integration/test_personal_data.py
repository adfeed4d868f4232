"""What the pipeline keeps about one user: exported and erased, and nothing of anybody else."""

import asyncio
import json
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from google.cloud import tasks_v2

from functions.shared.archive import Archive
from functions.shared.queues.task_queue import cloud_tasks_client
from functions.shared.records.archived_copy import ArchivedCopy, CopyName
from functions.shared.records.audience import erased_path
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import DeliveryState
from functions.shared.records.ids import delivery_id, malformed_letter_id
from functions.shared.records.mail_event import MailRecord
from functions.shared.records.report_task import ReportTask
from local_cloud.http import HttpServer
from operations.queues.queues import Queues
from operations.users.personal_data import PersonalData
from tests.operations.integration.conftest import DUE, Project
from tests.seeding import seed, user_reference
from tests.storage import BUCKET, storage_running
from tests.support import PATIENCE_SECONDS, now, wait_until

FOUND = {
    "subscriptions": 2,
    "tasks": 2,
    "deliveries": 2,
    "mail_events": 1,
    "dead_letters": 5,
    "system_alerts": 1,
    "operator_actions": 1,
    "user_fields": 1,
}
NOTHING = dict.fromkeys(FOUND, 0)


def task_of(user: str, due_at: datetime = DUE) -> ReportTask:
    return ReportTask(
        user_id=user,
        subscription_id="default",
        delivery_id=delivery_id(user, "default", due_at),
        due_at=due_at,
        run_id="r",
        kind="activity",
    )


def put_task(project: Project, body: bytes, *, url: str = "https://worker.example") -> None:
    request = tasks_v2.HttpRequest(url=url, body=body)
    cloud_tasks_client().create_task(parent=project.queue, task=tasks_v2.Task(http_request=request))


def put_data(project: Project, user: str = "u1", *, active: bool = False, **fields: Any) -> None:
    """All that can be kept of a user, as the pipeline writes it."""
    database, now = project.database, datetime.now(UTC)
    document = user_reference(database, user)
    whose = {"email": f"{user}@person.test", "active": active, "name": "Ada", **fields}
    seed(database, user, next_report_at=DUE, user=whose)
    seed(database, user, subscription_id="weekly", next_report_at=None, user=whose, cc=["bob@person.test"])
    document.collection("events").document("e1").set({"at": DUE, "points": [1.5]})
    document.collection("events").document("gone").collection("parts").document("p1").set({"x": b"\x00"})
    project.dead_letter(user)
    later = task_of(user, DUE + timedelta(hours=1))
    history = [{"at": DUE, "number": 1, "claimed_at": DUE, "seconds": 0.5, "result": "sent"}]
    project.set_delivery(later.delivery_id, user_id=user, state="sent", due_at=later.due_at, history=history)
    mail = MailRecord(id=later.delivery_id, user_id=user, subscription_id="default")
    database.collection("mail_events").document(mail.id).set(mail.to_fields())
    put_task(project, later.to_json())
    put_task(project, json.dumps({"user_id": user, "unreadable": True}).encode())
    letters = database.collection("dead_letters")
    for name, payload in {
        "message-body": {"body": json.dumps({"user_id": user, "due_at": "never"})},
        "message-text": {"text": f"{{'user': '{user}'", "bytes": 9},
        "message-address": {"text": f"to {user.upper()}@person.test", "bytes": 9},
    }.items():
        letters.document(f"{name}-{user}").set(
            {"payload": payload, "reason": DeadLetterReason.INVALID_TASK.value, "state": "open", "received_at": now}
        )
    letters.document(malformed_letter_id(user, "default")).set(
        {"payload": {"user_id": user}, "reason": "invalid-task", "state": "dismissed", "received_at": now}
    )
    database.collection("system_alerts").document(f"run-errors-{user}").set(
        {
            "alert": "run-errors",
            "detail": f"users/{user}: email",
            "figures": {"errors": 1},
            "report": task_of(user).model_dump(mode="json"),
            "received_at": now,
        }
    )
    database.collection("operator_actions").document(f"a-{user}").set(
        {
            "who": "ada",
            "action": "Replay 2 dead letters",
            "subject": f"{delivery_id(user, 'default', DUE)}, other:default:20261124T1300Z",
            "note": f"{user} asked for it",
            "outcome": "2 replayed",
            "began_at": now,
            "deliveries": [delivery_id(user, "default", DUE), "other:default:20261124T1300Z"],
        }
    )


def documents(project: Project) -> dict[str, Any]:
    """All documents, in whatever depth."""
    found: dict[str, Any] = {}

    def walk(collections: Any) -> None:
        for collection in collections:
            for reference in collection.list_documents():
                snapshot = reference.get()
                if snapshot.exists:
                    found[reference.path] = snapshot.to_dict()
                walk(reference.collections())

    walk(project.database.collections())
    return found


def says(value: Any, user: str) -> bool:
    return user in repr(value)


def erase(project: Project, *arguments: str) -> Any:
    return project.reports("users", "erase", "u1", "--yes", *arguments)


def without_its_record(left: dict[str, Any]) -> dict[str, Any]:
    """What is left without the records that a user was erased, which do not say whom."""
    # By a hash of the id, and for a day by the id, so that no query brings the user back.
    assert left.pop(erased_path("u1")).keys() == {"erased_at", "user_id"}
    [record] = [path for path, fields in left.items() if fields.get("action") == "Erase a user"]
    assert (left[record]["subject"], left[record]["outcome"]) == ("what the pipeline keeps", "done")
    return {path: fields for path, fields in left.items() if path != record}


def test_all_of_it_is_erased_and_nothing_of_others(project: Project) -> None:
    put_data(project)
    put_data(project, "u12")
    others = {path: fields for path, fields in documents(project).items() if says((path, fields), "u12")}
    answer = erase(project, "--json")
    assert (answer.status, answer.json) == (
        0,
        {"user_id": "u1", "dry_run": False, "found": FOUND, "left": NOTHING},
    )
    left = without_its_record(documents(project))
    assert others.items() <= left.items()
    # The application's own is left, without what the pipeline wrote into it. A system alert is about all, and what
    # operators did stays known.
    assert {path: fields for path, fields in left.items() if path not in others} == {
        "users/u1": {"email": "u1@person.test", "active": False, "name": "Ada"},
        "users/u1/events/e1": {"at": DUE, "points": [1.5]},
        "users/u1/events/gone/parts/p1": {"x": b"\x00"},
        "system_alerts/run-errors-u1": {
            **left["system_alerts/run-errors-u1"],
            "detail": "users/[erased]: email",
            "figures": {"errors": 1},
            "report": {
                **task_of("u1").model_dump(mode="json"),
                "user_id": "[erased]",
                "delivery_id": task_of("u1").delivery_id.replace("u1", "[erased]"),
            },
        },
        "operator_actions/a-u1": {
            **left["operator_actions/a-u1"],
            "deliveries": ["[erased]:default:20261124T1300Z", "other:default:20261124T1300Z"],
            "who": "ada",
            "subject": "[erased]:default:20261124T1300Z, other:default:20261124T1300Z",
            "note": "[erased] asked for it",
        },
    }
    assert len(project.queued()) == 2
    assert all(says(task.http_request.body, "u12") for task in project.queued())


def test_an_operator_who_is_a_user_stays_known_for_what_they_did(project: Project) -> None:
    put_data(project)
    action = project.database.collection("operator_actions").document("a-u1")
    action.set({"who": "u1@person.test", "action": "Pause queue", "subject": "reports"})
    assert erase(project, "--json").json["left"] == NOTHING
    assert action.get().to_dict()["who"] == "u1@person.test"


def test_the_document_goes_too_where_that_is_wanted(project: Project) -> None:
    put_data(project, active=True)
    put_data(project, "u2")
    answer = erase(project, "--with-document")
    assert answer.status == 0
    assert "users/u1 with all that is below it" in answer.out
    assert [path for path in documents(project) if path.startswith("users/")] == [
        *("users/u2", "users/u2/events/e1", "users/u2/events/gone/parts/p1"),
        *("users/u2/report_subscriptions/default", "users/u2/report_subscriptions/weekly"),
    ]


def test_a_run_that_has_reached_the_user_goes_on(project: Project) -> None:
    put_task(project, json.dumps({"cursor": {"user_id": "u1"}}).encode(), url="https://dispatcher.example/dispatch")
    put_data(project)
    assert erase(project, "--json").json["found"] == FOUND
    assert [task.http_request.url for task in project.queued()] == ["https://dispatcher.example/dispatch"]


def test_again_there_is_nothing_to_do(project: Project) -> None:
    put_data(project)
    assert erase(project, "--with-document").status == 0
    before = project.everything()
    answer = erase(project, "--with-document")
    assert (answer.status, answer.out.splitlines()[-1][:26]) == (0, "Nothing is kept of u1. Log")
    assert erase(project, "--json").json == {"user_id": "u1", "dry_run": False, "found": NOTHING, "left": NOTHING}
    assert project.everything() == before


def test_a_dry_run_changes_nothing(project: Project) -> None:
    put_data(project)
    before = project.everything()
    answer = project.reports("users", "erase", "u1", "--dry-run", "--json")
    assert (answer.status, answer.json) == (
        0,
        {"user_id": "u1", "dry_run": True, "found": FOUND, "left": FOUND},
    )
    assert "dead letters" in project.reports("users", "erase", "u1", "--dry-run", "--with-document").out
    assert project.everything() == before


def test_nobody_is_erased_without_a_word(project: Project) -> None:
    put_data(project)
    before = project.everything()
    answer = project.reports("users", "erase", "u1")
    assert (answer.status, "--yes to erase what is kept of u1 on" in answer.err) == (1, True)
    assert project.everything() == before


def test_who_still_gets_reports_is_not_erased(project: Project) -> None:
    put_data(project, active=True)
    before = project.everything()
    for arguments in (["--yes"], ["--dry-run"]):
        answer = project.reports("users", "erase", "u1", *arguments)
        assert (answer.status, "set active to false first" in answer.err) == (1, True)
    assert project.everything() == before


def test_an_address_without_a_document_can_be_named(project: Project) -> None:
    put_data(project)
    project.database.collection("users").document("u1").delete()
    found = erase(project, "--dry-run", "--json").json["found"]
    assert found["dead_letters"] == FOUND["dead_letters"] - 1
    assert erase(project, "--address", "u1@person.test", "--json").json["found"]["dead_letters"] == 5


def test_what_a_worker_is_sending_is_waited_for(project: Project) -> None:
    put_data(project)
    delivery = delivery_id("u1", "default", DUE)
    lease = {"state": DeliveryState.SENDING.value, "lease_expires_at": datetime.now(UTC) + timedelta(hours=1)}
    project.set_delivery(delivery, **lease)
    before = project.everything()
    answer = erase(project)
    assert (answer.status, f"busy with {delivery}" in answer.err) == (1, True)
    assert project.everything() == before
    project.set_delivery(delivery, lease_expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert erase(project).status == 0


def test_a_task_that_a_worker_has_is_waited_for(project: Project) -> None:
    called, released = threading.Event(), threading.Event()

    async def answer(_request: web.Request) -> web.Response:
        called.set()
        while not released.is_set():
            await asyncio.sleep(0.01)
        return web.Response()

    worker = web.Application()
    worker.router.add_post("/", answer)
    server = HttpServer("worker", worker, "127.0.0.1", 0)
    project.background.run(server.start())
    try:
        put_task(project, task_of("u1").to_json(), url=f"http://127.0.0.1:{server.port}/")
        [task] = project.queued()
        cloud_tasks_client().resume_queue(name=project.queue)
        assert called.wait(PATIENCE_SECONDS)
        put_data(project)
        before = documents(project)
        refused = erase(project)
        assert (refused.status, task.name.rpartition("/")[2] in refused.err) == (1, True)
        assert documents(project) == before
        released.set()
        wait_until(lambda: task.name not in {each.name for each in project.queued()})
        assert erase(project).status == 0
    finally:
        released.set()
        project.background.run(server.stop())


class Interrupted(Exception):
    """The process is killed."""


def personal_data(project: Project) -> PersonalData:
    return PersonalData(
        database=project.door,
        queues=Queues(project=project.id, location="us-central1"),
        queue_names=["reports"],
        user_id="u1",
        now=now,
    )


@pytest.mark.parametrize("after", range(8))
def test_killed_anywhere_it_can_be_begun_again(project: Project, after: int) -> None:
    put_data(project, active=True)
    put_data(project, "u2")
    others = {path: fields for path, fields in documents(project).items() if says((path, fields), "u2")}
    steps = iter(range(100))

    def killed(_more: int) -> None:
        if next(steps) == after:
            raise Interrupted

    try:
        personal_data(project).erase(with_document=True, on_erased=killed)
    except Interrupted:
        assert not documents(project)["users/u1"]["active"]
    assert erase(project, "--with-document").status == 0
    left = without_its_record(documents(project))
    assert others.items() <= left.items()
    assert set(left) - set(others) == {"system_alerts/run-errors-u1", "operator_actions/a-u1"}
    assert not says([left[path] for path in set(left) - set(others)], "u1")


def writes_again(project: Project) -> Callable[[int], None]:
    """A worker that finds its task's user gone notes the delivery as skipped, as it is deleted elsewhere."""

    def write(_more: int) -> None:
        project.set_delivery(delivery_id("u1", "default", DUE), user_id="u1", state="skipped")

    return write


def test_what_is_written_meanwhile_is_said_to_be_left(project: Project) -> None:
    put_data(project)
    left = personal_data(project).erase(with_document=False, on_erased=writes_again(project))
    assert left.counts == {**NOTHING, "deliveries": 1}


def test_the_document_goes_also_when_something_is_written_between_the_looks(project: Project) -> None:
    put_data(project, active=True)
    name, times = delivery_id("u1", "default", DUE), iter(range(2))

    def write(_more: int) -> None:
        if project.delivery(name) is None and next(times, None) is not None:
            project.set_delivery(name, user_id="u1", state="skipped")

    left = personal_data(project).erase(with_document=True, on_erased=write)
    assert not any(left.left(with_document=True).values())
    assert not [path for path in documents(project) if path.startswith(("users/u1", "deliveries/"))]


def test_a_document_that_is_left_is_not_said_to_be_erased(project: Project) -> None:
    put_data(project, active=True)
    left = personal_data(project).erase(with_document=True, on_erased=writes_again(project))
    assert left.left(with_document=True) == {**NOTHING, "deliveries": 1, "document": 1}
    assert documents(project)["users/u1"]["email"] == "u1@person.test"


def test_what_changes_between_reading_and_deleting_is_read_again(project: Project) -> None:
    put_data(project)
    steps = iter(range(100))

    def write(_more: int) -> None:
        if next(steps) == 0:
            project.set_delivery(delivery_id("u1", "default", DUE), state="skipped")

    left = personal_data(project).erase(with_document=False, on_erased=write)
    assert left.is_empty
    assert project.delivery(delivery_id("u1", "default", DUE)) is None


def export(project: Project, folder: Path, *arguments: str) -> Any:
    file = folder / "export.json"
    assert project.reports("users", "export", "u1", "--to", str(file), *arguments).status == 0
    return json.loads(file.read_text(encoding="ascii"))


def test_all_of_it_is_exported(project: Project, tmp_path: Path) -> None:
    put_data(project, email="someone\u202e@person.test")
    put_data(project, "u2")
    before = project.everything()
    exported = export(project, tmp_path, "--with-document")
    assert exported["user"]["email"] == "someone\u202e@person.test"
    assert exported["below_user"] == [
        {"path": "users/u1/events/e1", "fields": {"at": "2026-11-24T13:00:00Z", "points": [1.5]}},
        {"path": "users/u1/events/gone/parts/p1", "fields": {"x": "AA=="}},
    ]
    assert sorted(each["path"] for each in exported["dead_letters"]) == sorted(
        f"dead_letters/{name}"
        for name in ("u1:default:20261124T1300Z", "u1:default:malformed", "message-body-u1", "message-text-u1")
    )
    assert [each["fields"]["state"] for each in exported["deliveries"]] == ["dead", "sent"]
    assert [each["path"] for each in exported["system_alerts"]] == ["system_alerts/run-errors-u1"]
    assert [(each["path"], each["action"]) for each in exported["operator_actions"]] == [
        ("operator_actions/a-u1", "Replay 2 dead letters")
    ]
    assert [each["path"] for each in exported["subscriptions"]] == [
        *("users/u1/report_subscriptions/default", "users/u1/report_subscriptions/weekly"),
    ]
    assert exported["subscriptions"][1]["fields"]["cc"] == ["bob@person.test"]
    assert len(exported["tasks"]) == 2
    assert not says(exported, "u2:")
    assert project.everything() == before


def test_without_the_document_only_the_pipelines_fields_are_exported(project: Project, tmp_path: Path) -> None:
    put_data(project)
    exported = export(project, tmp_path)
    assert exported["user"] == {"enrolled_at": "2026-01-01T00:00:00Z"}
    assert len(exported["subscriptions"]) == 2
    assert "below_user" not in exported


def test_an_export_is_a_file_that_only_its_owner_can_read(project: Project, tmp_path: Path) -> None:
    put_data(project)
    file = tmp_path / "u1.json"
    file.write_text("before", encoding="utf-8")
    file.chmod(0o644)
    answer = project.reports("users", "export", "u1", "--to", str(file), "--json")
    assert answer.json == {"user_id": "u1", "file": str(file), "found": FOUND}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text(encoding="utf-8"))["user_id"] == "u1"
    answer = project.reports("users", "export", "u1", "--to", str(tmp_path / "none" / "u1.json"))
    assert (answer.status, "cannot be written" in answer.err) == (1, True)


def test_of_nobody_nothing_is_kept(project: Project) -> None:
    assert project.reports("users", "export", "nobody", "--json").json["deliveries"] == []
    answer = project.reports("users", "erase", "nobody", "--yes")
    assert (answer.status, "Nothing is kept of nobody" in answer.out) == (0, True)
    # But a query may name them, now or later.
    assert list(documents(project)) == [erased_path("nobody")]


def test_the_copies_of_a_user_go_with_the_user_also_those_that_no_delivery_names(project: Project) -> None:
    with storage_running(project.background) as storage:
        now, archive = datetime.now(UTC), Archive(BUCKET)
        for user in ("u1", "u10"):
            archive.keep(CopyName.of(user, f"{user}:default:x", "c", days=9, now=now), a_copy(user))
        found = project.reports("users", "export", "u1", ARCHIVE=BUCKET, STORAGE_EMULATOR_HOST=storage.url).json
        assert found["copies"] == archive.names_of("u1")
        erased = project.reports(
            "users", "erase", "u1", "--yes", "--json", ARCHIVE=BUCKET, STORAGE_EMULATOR_HOST=storage.url
        )
        assert erased.json["found"]["copies"] == 1
        assert (archive.names_of("u1"), len(archive.names_of("u10"))) == ([], 1)


def a_copy(user: str) -> ArchivedCopy:
    return ArchivedCopy(user, "default", f"{user}:default:x", "usage", DUE, [], "Monday", "<p>", "", "[h]", "[t]")
