"""The whole course of a drill, on a local cloud of its own."""

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local_pipeline.machine_variables import machine_variables
from operations.errors import ExitStatus
from proof.drill.__main__ import main
from tests.function_process import REPOSITORY
from tests.selection import Selection
from tests.support import wait_until


def variables(project: Path) -> dict[str, str]:
    return {
        **machine_variables(),
        "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'emulators' / 'src'}",
        "REPORTS_PROJECT": str(project),
    }


def test_each_report_is_sent_once_while_processes_are_killed(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    # `make tests`, which runs all tests at once, has no time for the five minutes that 10,000 take.
    reports = 10_000 if pytestconfig.getoption("selection") is Selection.THOROUGH else 260
    (tmp_path / "kinds").mkdir()
    command = [sys.executable, "-m", "proof.drill", "--local", "--kill", "--reports", str(reports)]
    drill = subprocess.run(command, env=variables(tmp_path), capture_output=True, text=True, check=False)

    assert drill.returncode == 0, drill.stdout + drill.stderr
    [page] = (tmp_path / ".drill").iterdir()
    figures = re.findall(r"^\| (.*?) \| (.*) \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    rows = {what: figure.replace(",", "") for what, figure in figures}
    assert rows["due"] == str(reports)
    assert (rows["doubled"], rows["lost"]) == ("0", "0")
    # A process that exits may leave reports of which nobody knows whether they were sent.
    assert int(rows["sent"]) + int(rows["with a person"]) - int(rows["of these, sent all the same"]) == reports
    # The sink's Email Logs settle the email of the process that exited after it.
    assert rows["of these, sent all the same"] == "0"
    # One in each hundredth report, unless the exit of another process ended that one before.
    assert 0 < int(rows["processes that exited"].partition(":")[0]) <= reports // 100 + 1
    assert "asleep" not in rows["processes that exited"]
    assert int(rows["processes that slept and went on"]) == len(range(250, reports, 600))
    # A report writes its claim, its end, and its subscription.
    assert 3 <= float(rows["writes a report"]) < 4


def test_a_clean_removes_what_a_killed_drill_leaves_and_nothing_while_one_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kinds").mkdir()
    monkeypatch.setenv("REPORTS_PROJECT", str(tmp_path))
    folder = tmp_path / ".drill"
    command = [sys.executable, "-m", "proof.drill", "--local", "--reports", "10000"]
    with subprocess.Popen(
        command, env=variables(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as drill:
        try:
            wait_until(lambda: any(folder.glob("*/environment")))
            [directory] = folder.iterdir()
            assert main(["--clean"]) == ExitStatus.FAILED
            assert f"{directory.name} is under way." in capsys.readouterr().err
        finally:
            drill.kill()
    held = os.open(directory, os.O_RDONLY)
    # The local cloud ends after its drill.
    fcntl.flock(held, fcntl.LOCK_EX)
    os.close(held)
    assert (directory / "environment").exists()
    assert main(["--clean"]) == ExitStatus.DONE
    assert not list(folder.iterdir())
    assert f"{directory.name} is removed." in capsys.readouterr().out
