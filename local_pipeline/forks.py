"""A process that forks others, which begin with all that it has imported."""

import contextlib
import os
import selectors
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

_MOST_FILES = 3


@dataclass(frozen=True)
class ForkRequest:
    """What a fork is asked for.

    Attributes:
        line: what it is to do, as its caller and it agree.
        files: the descriptors of the files that came with the line.
    """

    line: bytes
    files: list[int]


class Forks:
    """The processes that are forked from this one, each asked for over a connection of its own.

    A connection brings one line, and up to three open files with it. It gets two lines: the process's id, and the exit
    code when it ends.

    Args:
        listener: takes the connections.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connections: dict[int, socket.socket] = {}

    def run(self) -> ForkRequest | None:
        """Fork until the caller ends, which closes standard input.

        Returns:
            In a fork, what it is asked for; in this process None, after its forks were told to end.
        """
        woken, waker = socket.socketpair()
        waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno())
        with selectors.DefaultSelector() as selector, woken, waker:
            for readable in (sys.stdin, self._listener, woken):
                selector.register(readable, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if woken in ready:
                    woken.recv(4096)
                    self._reap()
                if self._listener in ready and (request := self._fork()):
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    return request
                if sys.stdin in ready:
                    self._end()
                    return None

    def _fork(self) -> ForkRequest | None:
        connection, _ = self._listener.accept()
        request = _read(connection)
        if request is None:
            connection.close()
            return None
        pid = os.fork()
        # A group of its own, set by both: which of them comes first is open.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        if pid == 0:
            for other in (connection, *self._connections.values()):
                other.close()
            return request
        for file in request.files:
            os.close(file)
        self._connections[pid] = connection
        self._tell(connection, pid)
        return None

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                with self._connections.pop(pid) as connection:
                    self._tell(connection, os.waitstatus_to_exitcode(status))

    def _end(self) -> None:
        for pid in self._connections:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)
        socket_file = Path(self._listener.getsockname())
        socket_file.unlink(missing_ok=True)
        socket_file.parent.rmdir()

    @staticmethod
    def _tell(connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):  # it no longer listens
            connection.sendall(b"%d\n" % number)


def _read(connection: socket.socket) -> ForkRequest | None:
    """What is asked for; None where the process that asks ends before it has said so."""
    line, files = b"", list[int]()
    while not line.endswith(b"\n"):
        part, came, _, _ = socket.recv_fds(connection, 65536, _MOST_FILES)
        if not part:
            for file in files:
                os.close(file)
            return None
        line += part
        files += came
    return ForkRequest(line, files)
