"""Firestore's REST interface of the projects, as far as deploy.sh calls it itself."""

import functools
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.deployment.stand_in.project import Project


class RestServer(ThreadingHTTPServer):
    """Carries out requests about any number of projects, each below a path of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.projects: list[Project] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def endpoint_for(self, project: Project) -> str:
        """Where one project's Firestore is."""
        self.projects.append(project)
        return f"http://127.0.0.1:{self.server_address[1]}/{len(self.projects) - 1}/"


@functools.cache
def the_rest_server() -> RestServer:
    """The one of this process, started when it is first asked for; it ends with the process."""
    return RestServer()


class _Request(BaseHTTPRequestHandler):
    server: RestServer

    def do_PATCH(self) -> None:
        parts = urlsplit(self.path)
        _, number, version, name = unquote(parts.path).split("/", 3)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.headers["Authorization"].removeprefix("Bearer ").strip():
            self._answer(HTTPStatus.UNAUTHORIZED, {"error": {"status": "UNAUTHENTICATED"}})
        elif version != "v1" or parse_qs(parts.query) != {"updateMask": ["indexConfig"]} or not _is_valid(name, body):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": {"status": "INVALID_ARGUMENT"}})
        elif not self.server.projects[int(number)].patch_field(name, body["indexConfig"]):
            self._answer(HTTPStatus.NOT_FOUND, {"error": {"status": "NOT_FOUND"}})
        else:
            self._answer(HTTPStatus.OK, {"name": f"{name.partition('/collectionGroups')[0]}/operations/1"})

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _is_valid(name: str, body: dict[str, Any]) -> bool:
    """https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.collectionGroups.fields"""
    indexes = body["indexConfig"]["indexes"]
    return body["name"] == name and all(
        index["queryScope"] in {"COLLECTION", "COLLECTION_GROUP"}
        and [field.keys() & {"order", "arrayConfig"} for field in index["fields"]] in ([{"order"}], [{"arrayConfig"}])
        and index["fields"][0]["fieldPath"] == name.rpartition("/")[2]
        for index in indexes
    )
