"""Runs functions under functions-framework, as its own command does, but out of reach of web pages.

On Google Cloud only callers with a token of the project reach a function. On this machine every page in the developer's
browser could reach it.

What functions import takes a second of a processor to import. This process imports it once, and then forks for each
function, which still has a process, variables and a log of its own. Its caller is `local_pipeline/forked_server.py`, or
it is itself forked from `python -m local_pipeline up`, which imports most of the same (`begin`).
"""

import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import functions_framework
from functions_framework._http import create_server

from local_cloud.browser_wall import find_refusal
from local_pipeline import forked_server, shared_time
from local_pipeline.forked_server import ServerSpec
from local_pipeline.forks import Forks

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_COMMON = (
    "google.cloud.firestore",
    "google.cloud.pubsub_v1",
    "google.cloud.tasks_v2",
    "gunicorn.app.base",
    "gunicorn.workers.gthread",
    "html.parser",
    "pydantic.networks",
    "pydantic.types",
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
    # As the deployed main.py (deployment/cloud_run/sources.py).
    gc.disable()
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]  # as all of functions-framework
        spec.target, spec.source, spec.signature_type
    )
    gc.freeze()
    gc.enable()
    app.wsgi_app = behind_wall(app.wsgi_app)
    create_server(app, debug=False).run(spec.host, spec.port)  # type: ignore[no-untyped-call]  # likewise


def _run(spec: ServerSpec) -> int:
    """Serve a function, and return the exit status as Python has it."""
    try:
        serve(spec)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def begin() -> None:
    """Have this process's own fork be the one that forks servers. It goes on with all that functions import."""
    _import_common()
    forked_server.begin_here(_serve_each)


def main() -> None:
    """Fork a server for each that is asked for, by the listening socket whose descriptor is the argument."""
    _import_common()
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        _serve_each(listener)


def _import_common() -> None:
    # What is there after this is never garbage: looking through it would copy its pages in each fork.
    gc.disable()
    for module in _COMMON:
        importlib.import_module(module)
    gc.freeze()
    gc.enable()


def _serve_each(listener: socket.socket) -> None:
    asked_for = Forks(listener).run()
    if asked_for is not None:
        status = _run(ServerSpec.from_json(asked_for.line))
        sys.stdout.flush()
        sys.stderr.flush()
        # Python would take down module after module first, and so copy most pages that the fork shares: a tenth of a
        # second of a processor, for each of the server's processes. Those of multiprocessing end like this, too.
        os._exit(status)


if __name__ == "__main__":
    main()
