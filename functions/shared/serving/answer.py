"""What a function answers whose callers are programs: JSON with a `result` in one word."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import flask

Answer = tuple[str, int, dict[str, str]]
"""Body, status and headers: what Flask makes a response of. It is not imported for that: its server has it already."""


def json_answer(
    status: HTTPStatus,
    result: str,
    details: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make an answer.

    Args:
        status: the HTTP status.
        result: in one word.
        details: more about it.
        headers: beside that of the content's type.
    """
    body = json.dumps({"result": result, **(details or {})}) + "\n"
    return body, status.value, {"Content-Type": "application/json", **(headers or {})}


def answer_by_route(request: "flask.Request", *paths: str) -> Answer | None:
    """Answer a request that is none for the function's work, such as the question whether its process is up.

    Args:
        request: the request.
        paths: to which work comes, by POST.

    Returns:
        None where it is work.
    """
    method = {**dict.fromkeys(paths, "POST"), "/health": "GET"}.get(request.path)
    if method is None:
        return json_answer(HTTPStatus.NOT_FOUND, "not-found")
    if request.method != method:
        return json_answer(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", headers={"Allow": method})
    return json_answer(HTTPStatus.OK, "healthy") if request.path == "/health" else None
