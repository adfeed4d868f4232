"""A server of a function, forked from a process that has imported what functions import."""

import asyncio
import dataclasses
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_REPOSITORY = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class ServerSpec:
    """What a server serves.

    Attributes:
        source: the file that defines the function.
        target: the function's name in that file.
        signature_type: `http` or `cloudevent`.
        host: the address to listen on.
        port: the port to listen on.
        environment: its environment variables, the whole of them.
        log_file: where its output goes, to the end.
    """

    source: str
    target: str
    signature_type: str
    host: str
    port: int
    environment: Mapping[str, str]
    log_file: str

    def to_json(self) -> bytes:
        """One line."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> "ServerSpec":
        """What `to_json` made."""
        return cls(**json.loads(line))


class ForkedServer:
    """The process of a server, the leader of a process group. See `fork_server`.

    Args:
        pid: its id.
        reader: brings its exit code when it ends.
        writer: the other side of the same connection.
    """

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self._end = asyncio.create_task(self._read_end(reader, writer))

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._end.result() if self._end.done() else None

    async def wait(self) -> int:
        """Its exit code, when it ends."""
        return await asyncio.shield(self._end)

    @staticmethod
    async def _read_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        line = await reader.readline()
        writer.close()
        # Without a line the process that forks is gone, and has ended its forks.
        return int(line or -signal.SIGTERM)


async def fork_server(spec: ServerSpec) -> ForkedServer:
    """Start a server. It ends with this process at the latest."""
    reader, writer = await asyncio.open_unix_connection(forking_process("local_pipeline.function_server"))
    writer.write(spec.to_json())
    return ForkedServer(int(await reader.readline()), reader, writer)


@functools.cache
def forking_process(module: str) -> str:
    """Start a process that forks, once in this process.

    Args:
        module: what it runs, which takes the descriptor of a listening socket as its argument (see forks.py).

    Returns:
        the path of the socket.
    """
    if _begun_here:
        return _begun_here[0]
    places = [str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    with _listen() as listener:
        _running.append(
            subprocess.Popen(  # noqa: S603  this module
                [sys.executable, "-m", module, str(listener.fileno())],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONUNBUFFERED": "1"},
                # It ends when this closes, however this process comes to its end.
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                # A session of its own: Ctrl-C reaches the local cloud alone, which then stops things in their order.
                start_new_session=True,
            )
        )
        return str(listener.getsockname())


def begin_here(serve: Callable[[socket.socket], None]) -> None:
    """Fork the process that forks from this one, which has imported what functions import and runs no thread yet.

    What both need is then imported once.

    Args:
        serve: what it does with the listening socket; it does not return in a fork.
    """
    with _listen() as listener:
        reading, writing = os.pipe()
        if os.fork() == 0:
            try:
                os.setsid()
                os.close(writing)
                for opened, standard in ((reading, 0), (os.open(os.devnull, os.O_WRONLY), 1)):
                    os.dup2(opened, standard)
                serve(listener)
            except BaseException:  # noqa: BLE001  nothing of the process that it was forked from goes on in it
                traceback.print_exc()
            os._exit(0)
        os.close(reading)
        # It ends when `writing` closes, however this process comes to its end.
        _begun_here.append(str(listener.getsockname()))


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{tempfile.mkdtemp(prefix='report-pipeline-')}/functions")
    listener.listen(128)
    return listener


_begun_here: list[str] = []
"""The socket of the process that was forked from this one, if there is one."""

_running: list[subprocess.Popen[bytes]] = []
"""The processes that fork. As long as one is held here, its standard input stays open."""
