"""A function as Cloud Run runs it: an instance for each request that no idle one can take."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import requests

from proof.benchmarks.failure import BenchmarkFailed, in_one_line
from proof.benchmarks.function import Function

_SECONDS = 1800.0


class Instances:
    """Routes requests to a function's instances, one request at a time to each. A context manager.

    Args:
        instance: makes one, given the address of what stands before them; it is started when it is needed.
        ready: how many are up before the first request.
    """

    def __init__(self, instance: Callable[[str], Function], *, ready: int = 1) -> None:
        self._instance = instance
        self._ready = ready
        self._idle: list[Function] = []
        self._stack = ExitStack()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server = self._stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), self._handler()))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._idle = [self._start() for _ in range(self._ready)]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._stack.close()

    def _start(self) -> Function:
        instance = self._instance(self.url)
        with self._lock:
            self._stack.push(instance)
        instance.start()
        return instance

    def _take(self) -> Function:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take, idle = self._take, self._idle

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                # The caller is gone when the measurement is over, or was stopped.
                with suppress(ConnectionError):
                    try:
                        instance = take()
                        answer = requests.post(instance.url + self.path, data=body, headers=headers, timeout=_SECONDS)
                    except (BenchmarkFailed, requests.RequestException) as error:
                        self.send_error(HTTPStatus.BAD_GATEWAY, explain=in_one_line(error))
                        return
                    idle.append(instance)
                    self.send_response(answer.status_code)
                    self.send_header("Content-Length", str(len(answer.content)))
                    self.end_headers()
                    self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
