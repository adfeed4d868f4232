"""JSON as it is exchanged over HTTP."""

import json
from http import HTTPStatus
from typing import Any

from local_pipeline.inbox.faults import Answer


def decode(body: bytes) -> Any:
    """Read a body: UTF-8, and without Python's NaN.

    Raises:
        ValueError: it is no JSON.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(body.decode(), parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def json_answer(status: HTTPStatus, body: object) -> Answer:
    """An answer with a body of JSON."""
    return Answer(status=status, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
