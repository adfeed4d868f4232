"""Runs functions under functions-framework, as its own command does, but out of reach of web pages.

On Google Cloud only callers with a token of the project reach a function. On this machine every page in the developer's
browser could reach it.

What functions import takes a second of a processor to import. This process imports it once, and then forks for each
function, which still has a process, variables and a log of its own. Its caller is `local_cloud/forked_server.py`.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import functions_framework
from functions_framework._http import create_server

from local_cloud import shared_time
from local_cloud.browser_wall import find_refusal
from local_cloud.forked_server import ServerSpec

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_COMMON = (
    "google.cloud.firestore",
    "google.cloud.pubsub_v1",
    "google.cloud.tasks_v2",
    "gunicorn.workers.gthread",
    "pydantic.networks",
    "pydantic_settings",
    "requests",
    "structlog",
    "structlog_gcp",
)
"""What functions import. None of it starts a thread, which would not survive a fork."""


def behind_wall(app: "WSGIApplication") -> "WSGIApplication":
    """An application that refuses what a web page could have caused, with 403."""

    def answer(environment: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def header(name: str) -> str | None:
            value: str | None = environment.get(f"HTTP_{name.upper().replace('-', '_')}")
            return value

        reason = find_refusal(environment["REQUEST_METHOD"], header)
        if reason is None:
            return app(environment, start_response)
        status = HTTPStatus.FORBIDDEN
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps({"error": {"code": status.value, "message": reason}}).encode()]

    return answer


class Forks:
    """The processes that are forked from this one, each asked for over a connection of its own.

    A connection brings one line, the ServerSpec in JSON. It gets two: the process's id, and the exit code when it ends.

    Args:
        listener: takes the connections.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connections: dict[int, socket.socket] = {}

    def run(self) -> ServerSpec | None:
        """Fork until the caller ends, which closes standard input.

        Returns:
            In a fork, what it is to serve; in this process None, after its forks were told to end.
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
                if self._listener in ready and (spec := self._fork()):
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    return spec
                if sys.stdin in ready:
                    self._end()
                    return None

    def _fork(self) -> ServerSpec | None:
        connection, _ = self._listener.accept()
        with connection.makefile("rb") as lines:
            spec = ServerSpec.from_json(lines.readline())
        pid = os.fork()
        # A group of its own, set by both: which of them comes first is open.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        if pid == 0:
            for other in (connection, *self._connections.values()):
                other.close()
            return spec
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


def serve(spec: ServerSpec) -> None:
    """Serve a function until the process is ended."""
    os.environ.clear()
    os.environ.update(spec.environment)
    # What Python takes from the environment when it starts.
    sys.dont_write_bytecode = bool(spec.environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[:0] = filter(None, spec.environment.get("PYTHONPATH", "").split(os.pathsep))
    null, log = os.open(os.devnull, os.O_RDONLY), os.open(spec.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for opened, standard in ((null, 0), (log, 1), (log, 2)):
        os.dup2(opened, standard)
    if time_file := spec.environment.get(shared_time.FILE_VARIABLE):
        shared_time.follow(Path(time_file))
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]  # as all of functions-framework
        spec.target, spec.source, spec.signature_type
    )
    app.wsgi_app = behind_wall(app.wsgi_app)
    create_server(app, debug=False).run(spec.host, spec.port)  # type: ignore[no-untyped-call]  # likewise


def main() -> None:
    """Fork a server for each that is asked for, by the listening socket whose descriptor is the argument."""
    for module in _COMMON:
        importlib.import_module(module)
    # What is there now is never garbage: looking through it would copy its pages in each fork.
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        spec = Forks(listener).run()
    if spec is not None:
        serve(spec)


if __name__ == "__main__":
    main()
