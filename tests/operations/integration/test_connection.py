"""`reports`, in a process of its own: where it connects, and what it says where it cannot."""

import asyncio
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from functions.shared.records.delivery import DeliveryState
from local_pipeline.machine_variables import machine_variables
from tests.forked_python import run_python
from tests.operations.integration.conftest import Emulators, Project
from tests.support import PATIENCE_SECONDS, REPOSITORY, free_ports


def reports(*arguments: str, directory: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**machine_variables(), "PYTHONPATH": str(REPOSITORY), **environment}
    return run_python("-m", "operations", *arguments, directory=directory, environment=environment)


def test_the_local_cloud_is_named_by_an_option_from_any_folder(project: Project, tmp_path: Path) -> None:
    project.dead_letter()
    left = "".join(f"{name}='{value}'\n" for name, value in project.variables.items())
    (tmp_path / "environment").write_text(left)
    done = reports(
        "--local-cloud", str(tmp_path), "dead-letters", "replay", "--all", "--yes", directory=tmp_path, environment={}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(project.queued()) == 1


def test_a_local_cloud_that_is_gone_is_known_at_once(tmp_path: Path) -> None:
    port = free_ports(2)
    (tmp_path / "environment").write_text(
        "GOOGLE_CLOUD_PROJECT=local-project\nLOCATION=us-central1\n"
        f"FIRESTORE_EMULATOR_HOST=127.0.0.1:{port}\nCLOUD_TASKS_EMULATOR_HOST=127.0.0.1:{port + 1}\n"
    )
    for command in (["runs"], ["queue", "pause"], ["dead-letters", "replay", "--all"]):
        done = reports("--local-cloud", str(tmp_path), *command, directory=tmp_path, environment={})
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.count("\n") == 1
        assert f"The local cloud of {tmp_path} does not answer" in done.stderr
        assert "reports up" in done.stderr


def test_an_emulator_that_is_gone_is_named_by_its_variable(project: Project, tmp_path: Path) -> None:
    gone = {**project.variables, "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{free_ports(1)}"}
    done = reports("runs", directory=tmp_path, environment=gone)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr.startswith("FIRESTORE_EMULATOR_HOST: nothing answers")


def test_google_cloud_without_credentials_says_how_to_get_them(tmp_path: Path) -> None:
    environment = {
        "GOOGLE_CLOUD_PROJECT": "p",
        "LOCATION": "us-central1",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json"),
    }
    done = reports("runs", directory=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (3, "")
    assert "gcloud auth application-default login" in done.stderr


def test_without_an_environment_the_script_says_what_to_do(tmp_path: Path) -> None:
    script = tmp_path / "reports"
    script.write_bytes((REPOSITORY / "reports").read_bytes())
    script.chmod(0o755)
    done = subprocess.run([script, "runs"], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "make setup" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_script_can_be_linked_to(tmp_path: Path) -> None:
    link = tmp_path / "reports"
    link.symlink_to(REPOSITORY / "reports")
    done = subprocess.run([link, "--help"], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0


class Gate:
    """Holds every call that makes a task, until it is let through."""

    def __init__(self) -> None:
        self.held: list[threading.Event] = []

    def let_through(self) -> None:
        """Let those through that are held now."""
        while self.held:
            self.held.pop().set()

    async def __call__(self, method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if "Create" in method and "Task" in method:
            opened = threading.Event()
            self.held.append(opened)
            while not opened.is_set():
                await asyncio.sleep(0.01)
        return await carry_out()


def test_interrupted_it_says_how_far_it_came_and_the_same_command_does_the_rest(
    project: Project, emulators: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    monkeypatch.setattr(emulators.tasks_faults, "middleware", gate)
    for number in range(200):
        project.dead_letter(f"u{number}", delivery=DeliveryState.SENT if number % 2 else DeliveryState.DEAD)
    command = [str(REPOSITORY / "reports"), "dead-letters", "replay", "--all", "--yes"]
    process = subprocess.Popen(
        command,
        env={**machine_variables(), **project.variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not gate.held:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    gate.let_through()
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        # What is under way comes to its end, and nothing else is begun.
        assert time.monotonic() < deadline
        time.sleep(1)
        gate.let_through()
    _, err = process.communicate()
    monkeypatch.undo()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "the same command does the rest" in err
    assert 0 < len(project.queued()) < 100

    done = reports("dead-letters", "replay", "--all", "--yes", directory=tmp_path, environment=project.variables)
    assert done.returncode == 0
    assert len(project.queued()) == 100
    states = {letter.to_dict()["state"] for letter in project.database.collection("dead_letters").stream()}
    assert states == {"replayed"}


@pytest.mark.parametrize(("answer", "status", "tasks"), [("y\n", 0, 2), ("n\n", 1, 0), ("\n", 1, 0)])
def test_at_a_terminal_many_are_asked_about(project: Project, answer: str, status: int, tasks: int) -> None:
    project.dead_letter("u1")
    project.dead_letter("u2")
    operator, terminal = pty.openpty()
    os.write(operator, answer.encode())
    environment = {**machine_variables(), **project.variables, "TERM": "dumb"}
    done = run_python(
        *("-m", "operations", "dead-letters", "replay", "--all"),
        directory=REPOSITORY,
        environment=environment,
        given=terminal,
    )
    os.close(terminal)
    os.close(operator)
    assert "Replay 2 dead letters on an emulator" in done.stderr
    assert done.returncode == status
    assert len(project.queued()) == tasks
