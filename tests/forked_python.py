"""Python programs in processes of their own, forked from a process that has imported what they import.

`python -m operations` takes a second of a processor to start, most of it for importing libraries. A fork still imports
the project's own modules, from wherever its PYTHONPATH or its folder has them.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, Any

from local_pipeline.forked_server import forking_process
from local_pipeline.forks import ForkRequest, Forks
from tests.support import PATIENCE_SECONDS

_PROGRAMS = ("local_pipeline.up", "local_pipeline.__main__", "operations.__main__")
_OWN = ("deployment", "functions", "kinds", "local_cloud", "local_pipeline", "operations", "report_kit", "tests")


class ForkedPython:
    """A program that was started, with the methods of a subprocess.Popen.

    Args:
        arguments: what follows `python`: `-m` and a module, or a file, and its own arguments.
        directory: the working directory.
        environment: the environment variables, the whole of them.
        output: where its standard output goes.
        errors: where its standard error goes.
        given: its standard input; None for one that is empty.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        output: IO[Any],
        errors: IO[Any],
        given: int | None = None,
    ) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(forking_process(__name__))
        asked_for = {"arguments": list(arguments), "directory": str(directory), "environment": dict(environment)}
        with Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno() if given is None else given, output.fileno(), errors.fileno()]
            socket.send_fds(self._connection, [json.dumps(asked_for).encode() + b"\n"], files)
        self._lines = self._connection.makefile("rb", buffering=0)
        self.pid = int(self._lines.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        if self.returncode is None and wait([self._connection], 0):
            self._end()
        return self.returncode

    def wait(self, timeout: float = PATIENCE_SECONDS) -> int:
        """The exit status, when it ends.

        Raises:
            subprocess.TimeoutExpired: it does not, for so many seconds.
        """
        if self.returncode is None:
            if not wait([self._connection], timeout):
                raise subprocess.TimeoutExpired("python", timeout)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        self.returncode = int(self._lines.readline())
        self._connection.close()


def run_python(
    *arguments: str, directory: Path, environment: Mapping[str, str], merged: bool = False, given: int | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, as subprocess.run does.

    Args:
        arguments: see ForkedPython.
        directory: likewise.
        environment: likewise.
        merged: whether standard error goes to standard output.
        given: see ForkedPython.

    Raises:
        subprocess.TimeoutExpired: it does not come to its end.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        program = ForkedPython(
            arguments,
            directory=directory,
            environment=environment,
            output=output,
            errors=output if merged else errors,
            given=given,
        )
        try:
            status = program.wait()
        finally:
            program.kill()
        texts = [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode() for file in (output, errors)]
    return subprocess.CompletedProcess(arguments, status, *texts)


def main() -> None:
    """Fork for each program that is asked for, by the listening socket whose descriptor is the argument."""
    for program in (*_PROGRAMS, "pytest"):
        importlib.import_module(program)
    for name in [name for name in sys.modules if name.partition(".")[0] in _OWN]:
        del sys.modules[name]
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        request = Forks(listener).run()
    if request is not None:
        _become(request)


def _become(request: ForkRequest) -> None:
    """Be the program that is asked for."""
    asked_for = json.loads(request.line)
    for standard, file in enumerate(request.files):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(asked_for["directory"])
    os.environ.clear()
    os.environ.update(asked_for["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    first, *arguments = asked_for["arguments"]
    is_module = first == "-m"
    if is_module:
        first, *arguments = arguments
    begin = asked_for["directory"] if is_module else str(Path(first).parent)
    sys.path[:] = [begin, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), *_without_own(sys.path)]
    sys.argv = [first, *arguments]
    if is_module:
        runpy.run_module(first, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(first, run_name="__main__")


def _without_own(path: Sequence[str]) -> list[str]:
    repository = str(Path(__file__).parent.parent)
    return [entry for entry in path if entry not in {"", repository}]


if __name__ == "__main__":
    main()
