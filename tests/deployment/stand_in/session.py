"""A session whose requests a project answers at once, without a server and a connection in between."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote

import requests

from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.rest_request import RestRequest, headers_of


class StandInSession:
    """As google-auth's AuthorizedSession.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def request(self, method: str, url: str, **rest: Any) -> requests.Response:
        """Carry out a request to https://INTERFACE.googleapis.com/VERSION/NAME."""
        address, _, in_address = url.partition("?")
        host, version, name = address.removeprefix("https://").split("/", 2)
        given = rest.get("params", {}).items()
        query = {key: value if isinstance(value, list) else [str(value)] for key, value in given}
        request = RestRequest(
            method=method,
            version=version,
            name=unquote(name),
            query=query | parse_qs(in_address),
            body=json.loads(json.dumps(rest.get("json") or {})),
            content=rest.get("data"),
            content_range=(rest.get("headers") or {}).get("content-range", ""),
        )
        answered = self._project.answer(host.partition(".")[0], request)
        if answered is None:
            raise KeyboardInterrupt
        status, document = answered
        return _answer(int(status), document, url)


def _answer(status: int, document: Any, url: str) -> requests.Response:
    answer = requests.Response()
    answer.headers.update(headers_of(document, url))
    answer.status_code = status
    answer.encoding = "utf-8"
    answer._content = json.dumps(document).encode()
    return answer
