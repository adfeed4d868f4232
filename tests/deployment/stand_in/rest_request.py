"""A request to one of Google's REST interfaces, and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

Resource = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RestRequest:
    """One request.

    Attributes:
        method: of HTTP.
        version: of the interface, such as v1.
        name: the resource's, or the collection's.
        query: the parameters, each with all of its values.
        body: as JSON has it; empty where there is none.
        content: a file, or a part of one, where that is the body.
        content_range: which part; empty where it is no part.
    """

    method: str
    version: str
    name: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    body: Resource = field(default_factory=dict)
    content: bytes | None = None
    content_range: str = ""


RestAnswer = tuple[HTTPStatus, Resource]


def headers_of(document: Resource, url: str) -> dict[str, str]:
    """The headers of an answer about a part of a file.

    Args:
        document: the answer.
        url: of the request.
    """
    if "uploadId" in document:
        return {"location": f"{url}&upload_id={document['uploadId']}"}
    return {"range": document["range"]} if "range" in document else {}


def rest_error(status: HTTPStatus, code: str, message: str = "", *, reason: str = "") -> RestAnswer:
    """An error as Google's interfaces give it. https://cloud.google.com/apis/design/errors#http_mapping"""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return status, {"error": {"code": status.value, "status": code, "message": message, "details": details}}
