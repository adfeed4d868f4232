"""`python -m local_pipeline up` in a process of its own."""

import os
import socket
import time
from pathlib import Path

from tests.forked_python import ForkedPython
from tests.support import REPOSITORY, free_ports

PARTS = 15


class Command:
    """The command, started with these arguments, and with these variables besides."""

    def __init__(self, directory: Path, *arguments: str, data: Path | None = None, **environment: str) -> None:
        self.port_base = free_ports(PARTS)
        self.data = data or directory / "data"
        directory.mkdir(exist_ok=True)
        self.output = directory / "output"
        with self.output.open("wb") as output:
            self.process = ForkedPython(
                [
                    *("-m", "local_pipeline", "up", *arguments),
                    *("--port-base", str(self.port_base), "--data-dir", str(self.data)),
                ],
                directory=REPOSITORY,
                environment={**os.environ, "COLUMNS": "160", **environment},
                output=output,
                errors=output,
            )

    def wait(self, seconds: float = 200) -> int:
        return self.process.wait(seconds)

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str, seconds: float = 200) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    def listening(self) -> list[int]:
        """Which of its ports somebody listens on. A function's server process that was left over would still do so."""
        return [port for port in range(self.port_base, self.port_base + PARTS) if _listens(port)]

    @property
    def function_ports(self) -> list[int]:
        return [self.port_base + number for number in (5, 6, 7, 9, 10)]


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
