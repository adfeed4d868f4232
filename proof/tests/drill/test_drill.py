"""The whole course of a drill, on a local cloud of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.function_process import REPOSITORY

REPORTS = 160
"""Enough for two kills, at some nine seconds of a processor. Ten thousand take minutes: `./reports drill --local`."""


def test_each_report_is_sent_once_while_processes_are_killed(tmp_path: Path) -> None:
    (tmp_path / "kinds").mkdir()
    drill = subprocess.run(
        [sys.executable, "-m", "proof.drill", "--local", "--kill", "--reports", str(REPORTS)],
        env={
            **{key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "TMPDIR"}},
            "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'emulators' / 'src'}",
            "REPORTS_PROJECT": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert drill.returncode == 0, drill.stdout + drill.stderr
    [page] = (tmp_path / ".drill").glob("*.md")
    rows = dict(re.findall(r"^\| (.*?) \| (.*) \|$", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows["due"] == str(REPORTS)
    assert (rows["doubled"], rows["lost"]) == ("0", "0")
    # A process that exits may leave reports of which nobody knows whether they were sent.
    assert int(rows["sent"]) + int(rows["with a person"]) - int(rows["of these, sent all the same"]) == REPORTS
    # The sink's Email Logs settle the email of the process that exited after it.
    assert rows["of these, sent all the same"] == "0"
    assert rows["processes that exited"] == "2: 1 after the claim, 1 after the email"
    # A report writes its claim, its end, and its subscription.
    assert 3 <= float(rows["writes a report"]) < 4
