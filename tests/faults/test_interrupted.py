"""Ctrl-C during `make faults`."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support import PATIENCE_SECONDS

REPOSITORY = Path(__file__).parents[2]


def test_ctrl_c_shows_what_was_played_and_ends_in_one_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults", "--reports", "16", "--seed", "1", "--provider", "smtp"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "seed 1\n"
        first = process.stdout.readline()
        assert first.startswith("1/")
        # As a terminal does it: to each process of the group.
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (130, "")
    _, _, scenario = first.partition(": ")[0].partition(" ")
    assert scenario in printed
    assert printed.splitlines()[-1].startswith("Stopped: ")
