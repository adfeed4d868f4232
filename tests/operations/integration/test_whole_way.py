"""The command against the whole local cloud: real functions, a real queue, emails that arrive or do not."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Container, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from local_pipeline.machine_variables import machine_variables
from tests.forked_python import run_python
from tests.support import PATIENCE_SECONDS, REPOSITORY, free_ports

DATABASE = "staging-data"


class LocalPipeline:
    """`make up` with three users, of whom the third's address is refused, and `reports` beside it."""

    def __init__(self, directory: Path) -> None:
        self.port_base = free_ports(17)
        self.data = directory / "data"
        self.output = directory / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "local_pipeline", "up", "--users", "3", "--rate", "100"),
                    *("--port-base", str(self.port_base), "--data-dir", str(self.data)),
                ],
                cwd=REPOSITORY,
                # Everything works on this database, and nothing on another.
                env={**os.environ, "FIRESTORE_DATABASE": DATABASE},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_until(lambda: "Ctrl-C ends it all" in self.output.read_text())
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{self.port_base + 1}")
            credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth is untyped here
            self.database, self.default_database = (
                firestore.Client(project="local-project", database=name, credentials=credentials)
                for name in (DATABASE, "(default)")
            )

    def stop(self) -> None:
        for client in (self.database, self.default_database):
            client.close()  # type: ignore[no-untyped-call]  # so is the client here
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_SECONDS)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)

    def reports(self, *arguments: str, statuses: Container[int] = (0,)) -> Any:
        done = run_python(
            *("-m", "operations", "--local-cloud", str(self.data), *arguments, "--json"),
            directory=REPOSITORY,
            environment=machine_variables(),
        )
        assert done.returncode in statuses, done.stdout + done.stderr
        return json.loads(done.stdout)

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        return {each.id: each.to_dict() or {} for each in self.database.collection(collection).stream()}

    def mails_of(self, user: str) -> int:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port_base}/api/mails", timeout=PATIENCE_SECONDS
        ) as response:
            mails = json.load(response)["mails"]
        return sum(recipient["email"].startswith(user) for mail in mails for recipient in mail["to"])


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPipeline]:
    pipeline = LocalPipeline(tmp_path_factory.mktemp("pipeline"))
    yield pipeline
    pipeline.stop()


def test_a_dead_letter_from_its_failure_to_its_mail(pipeline: LocalPipeline) -> None:
    pipeline.wait_until(lambda: bool(pipeline.documents("dead_letters")))
    [letter] = pipeline.reports("dead-letters", "list")
    assert (letter["user_id"], letter["reason"], letter["state"]) == ("u3", "permanent-error", "open")
    letter_id = letter["dead_letter_id"]

    # The cause is not mended: it fails again, at times before the command ends, and is open again.
    pipeline.reports("dead-letters", "replay", letter_id, statuses=(0, 1))
    pipeline.wait_until(lambda: _is_open_again(pipeline.documents("dead_letters")[letter_id]))
    assert pipeline.reports("dead-letters", "show", letter_id)["delivery"]["state"] == "dead"
    assert pipeline.mails_of("mended") == 0

    pipeline.database.collection("users").document("u3").update({"email": "mended@example.com"})
    assert pipeline.reports("dead-letters", "replay", "--all", "--yes")["outcomes"] == {"replayed": 1}
    pipeline.wait_until(lambda: pipeline.documents("deliveries")[letter_id]["state"] == "sent")
    assert pipeline.reports("dead-letters", "show", letter_id)["delivery"]["state"] == "sent"
    assert pipeline.mails_of("mended") == 1
    assert pipeline.reports("dead-letters", "replay", letter_id)["outcomes"] == {"already-replayed": 1}
    assert pipeline.reports("dead-letters", "list") == []
    assert pipeline.reports("queue", "show")[0]["tasks"] == 0
    assert pipeline.mails_of("mended") == 1


def test_a_report_of_now_arrives(pipeline: LocalPipeline) -> None:
    pipeline.reports("subscriptions", "add", "u2", "orders", "--cadence", "daily", "--cc", "copy@example.com")
    sending = pipeline.reports("send", "u2", "orders")
    pipeline.wait_until(lambda: pipeline.documents("deliveries")[sending["delivery_id"]]["state"] == "sent")
    [latest] = pipeline.reports("deliveries", "--user", "u2", "--subscription", "orders")
    assert latest["state"] == "sent"
    row = pipeline.reports("subscriptions", "show", "u2", "orders")
    assert (row["state"], row["last_delivery_id"]) == ("scheduled", sending["delivery_id"])
    assert pipeline.mails_of("copy") == 1


def test_a_run_by_hand_sends_to_who_is_new(pipeline: LocalPipeline) -> None:
    late = {"email": "late@example.com", "active": True, "enrolled_at": None}
    user = pipeline.database.collection("users").document("late")
    # So that the first report has something to say, whichever hour it is about.
    for minutes in (0, 30, 60, 90):
        user.collection("events").document(f"e{minutes}").set({"at": datetime.now(UTC) - timedelta(minutes=minutes)})
    user.set(late)
    figures = pipeline.reports("dispatch")
    assert (figures["enrolled"], figures["dispatched"] >= 1) == (1, True)
    assert [row["subscription_id"] for row in pipeline.reports("users", "show", "late")["subscriptions"]] == ["default"]
    pipeline.wait_until(lambda: pipeline.mails_of("late") == 1)
    run = pipeline.reports("runs", "show", figures["run_id"])
    assert run["deliveries"]["sent"] >= 1


def test_each_collection_is_in_the_database(pipeline: LocalPipeline) -> None:
    found = {each.id for each in pipeline.database.collections()}
    assert {"users", "deliveries", "dead_letters", "mail_events", "runs", "alerts"} <= found
    assert list(pipeline.default_database.collections()) == []


def test_personal_data_are_found_and_erased(pipeline: LocalPipeline) -> None:
    kept = pipeline.reports("users", "export", "u2", "--with-document")
    assert (kept["user"]["active"], len(kept["subscriptions"]) >= 1, len(kept["deliveries"]) >= 1) == (True, True, True)
    pipeline.reports("users", "erase", "u2", "--with-document", "--yes")
    assert not pipeline.database.collection("users").document("u2").get().exists
    assert [each for each in pipeline.documents("deliveries").values() if each["user_id"] == "u2"] == []
    assert [each for each in pipeline.documents("mail_events").values() if each["user_id"] == "u2"] == []


def _is_open_again(letter: dict[str, Any]) -> bool:
    return bool(letter["state"] == "open" and letter["replays"] == 1 and letter["task_name"].endswith("-replay1"))
