"""Runs a command, and prints the seconds of processor time that it and all its descendants took, also orphaned ones."""

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphaned descendants become children of this process, which then gets their times. Linux only."""


def command_cpu(command: Sequence[str], folder: Path) -> float:
    """Seconds of processor time of a command and all its descendants.

    Args:
        command: it, and its arguments.
        folder: where it is run.

    Raises:
        CalledProcessError: it failed.
    """
    done = subprocess.run([sys.executable, __file__, *command], cwd=folder, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def _main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False).returncode
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass  # none is left
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(used.ru_utime + used.ru_stime)
    sys.exit(code)


if __name__ == "__main__":
    _main()
