"""The whole course of a drill, on a local cloud of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local_pipeline.machine_variables import machine_variables
from tests.function_process import REPOSITORY
from tests.selection import Selection


def test_each_report_is_sent_once_while_processes_are_killed(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    # `make tests`, which runs all tests at once, has no time for the five minutes that 10,000 take.
    reports = 10_000 if pytestconfig.getoption("selection") is Selection.THOROUGH else 160
    (tmp_path / "kinds").mkdir()
    drill = subprocess.run(
        [sys.executable, "-m", "proof.drill", "--local", "--kill", "--reports", str(reports)],
        env={
            **machine_variables(),
            "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'emulators' / 'src'}",
            "REPORTS_PROJECT": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert drill.returncode == 0, drill.stdout + drill.stderr
    [page] = (tmp_path / ".drill").glob("*.md")
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
    # A report writes its claim, its end, and its subscription.
    assert 3 <= float(rows["writes a report"]) < 4
