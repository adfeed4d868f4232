"""Google's REST interfaces of the projects, as far as deploy.sh calls them itself."""

import functools
import json
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.deployment.stand_in.interface import INTERFACES
from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.rest_request import RestAnswer, RestRequest, headers_of, rest_error


class RestServer(ThreadingHTTPServer):
    """Carries out requests about any number of projects, each below a path of its own."""

    # A client reads side by side, and waits a second where there is no room for its call.
    request_queue_size = 128
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.projects: list[Project] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def endpoints_for(self, project: Project) -> dict[str, str]:
        """The variables that say where one project's interfaces are."""
        self.projects.append(project)
        root = f"http://127.0.0.1:{self.server_address[1]}/{len(self.projects) - 1}"
        return {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}": f"{root}/{name}/" for name in INTERFACES}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what went wrong, but not that a caller has ended before its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@functools.cache
def the_rest_server() -> RestServer:
    """The one of this process, started when it is first asked for; it ends with the process."""
    return RestServer()


class _Request(BaseHTTPRequestHandler):
    server: RestServer

    def _carry_out(self) -> RestAnswer | None:
        parts = urlsplit(self.path)
        _, number, interface, version, name = unquote(parts.path).split("/", 4)
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        is_file = version in {"upload", "resumable"}
        if not self.headers["Authorization"].removeprefix("Bearer ").strip():
            return rest_error(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED")
        request = RestRequest(
            method=self.command,
            version=version,
            name=name,
            query=parse_qs(parts.query),
            body=json.loads(content or b"{}") if not is_file else {},
            content=content if is_file else None,
            content_range=self.headers["Content-Range"] or "",
        )
        return self.server.projects[int(number)].answer(interface, request)

    def _answer(self) -> None:
        carried_out = self._carry_out()
        if carried_out is None:
            # Until the caller is killed.
            self.rfile.read(1)
            return
        status, document = carried_out
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers_of(document, f"http://{self.headers['Host']}{self.path}").items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  the names that the base class calls

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
