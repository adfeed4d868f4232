"""Runs a function in a process of its own, and measures its time until it answers, CPU and memory."""

import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from proof.benchmarks.child_process import start_process
from proof.benchmarks.cpu_time import cpu_seconds
from proof.benchmarks.failure import BenchmarkFailed, last_line
from proof.benchmarks.throttle import Throttle

REPOSITORY = Path(__file__).resolve().parents[2]

_START_SECONDS = 120.0


class Function:
    """A function under functions-framework, as Cloud Run starts it. A context manager.

    It reads figures from /proc, so they exist on Linux only.

    Args:
        name: the function's, and its folder's.
        environment: its variables; `http://self` in them stands for its own address.
        log: the file for its output.
        cores: how much of one it may use, from its start on; None for as much as there is.
        root: of the repository whose function it is, or the folder of a function as it is deployed.
        source: its file, below the root; empty for the one in its folder.
    """

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        log: Path,
        *,
        cores: float | None = None,
        root: Path = REPOSITORY,
        source: str = "",
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port: int = listener.getsockname()[1]
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.environment = {key: value.replace("http://self", self.url) for key, value in environment.items()}
        self.environment["PYTHONPATH"] = str(root)
        self._name = name
        self._cores = cores
        self._root = root
        # As deployed, the function has a main.py in front of it.
        self._source = source or ("main.py" if (root / "main.py").exists() else f"functions/{name}/main.py")
        self._throttle = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start the process and return when it takes connections.

        Raises:
            BenchmarkFailed: it ended instead, or takes too long; the text has its last line.
        """
        with self.log.open("ab") as log:
            self._process = start_process(
                [
                    *(sys.executable, "-m", "functions_framework"),
                    *("--source", self._source, "--target", self._name),
                    *("--signature-type", "cloudevent" if self._name == "dlq_handler" else "http"),
                    *("--host", "127.0.0.1", "--port", str(self.port)),
                ],
                env=self.environment,
                stdout=log,
                stderr=log,
                cwd=self._root,
            )
        try:
            if self._cores is not None:
                self._throttle.enter_context(Throttle(self._process.pid, self._pids, self._cores))
            self._await_connections()
        except BaseException:
            # Also on Ctrl-C: it has a session of its own, and would live on.
            self.kill()
            raise

    def _await_connections(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise BenchmarkFailed(f"{self._name} does not start: {last_line(self.log.read_text(errors='replace'))}")

    def kill(self) -> None:
        """End the process and its children at once, as a crash would."""
        self._throttle.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def cpu_seconds(self) -> float:
        """How long the processes have computed so far."""
        return sum(map(cpu_seconds, self._pids()))

    def peak_megabytes(self) -> float:
        """The most memory that its server process has had."""
        return max(_status(pid, "VmHWM") for pid in self._pids()) / 1000

    def megabytes(self) -> float:
        """The memory that all its processes have now, what they share counted for each."""
        return sum(_status(pid, "VmRSS") for pid in self._pids()) / 1000

    def _pids(self) -> list[int]:
        """Its processes: functions-framework's own, and the server's, which is forked from it."""
        pids = [self._process.pid]
        for pid in pids:
            with suppress(FileNotFoundError, ProcessLookupError):  # It has ended meanwhile.
                pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return pids


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0
