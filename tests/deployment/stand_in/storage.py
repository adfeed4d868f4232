"""Cloud Storage: buckets, and what is uploaded to them."""

import re
from http import HTTPStatus

from deployment.engine.discovery import Method, method
from tests.deployment.stand_in.cloud_run import Act
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error
from tests.deployment.stand_in.the_project import NUMBER

_PATHS = {
    ("POST", "storage/v1/b()"): "buckets.insert",
    ("GET", "storage/v1/b/([^/]+)"): "buckets.get",
    ("POST", "upload/storage/v1/b/([^/]+)/o"): "objects.insert",
}


def method_of(request: RestRequest) -> tuple[Method, str] | None:
    """The method that a request calls, and the bucket that it is about. Its paths are not those of other interfaces."""
    for (verb, path), name in _PATHS.items():
        if verb == request.method and (found := re.fullmatch(path, f"{request.version}/{request.name}")):
            return method("storage", "v1", name), found[1]
    return None


def _make_bucket(state: Resource, _target: str, body: Resource, query: dict[str, str]) -> RestAnswer:
    name = body["name"]
    if name in state["buckets"]:
        return rest_error(HTTPStatus.CONFLICT, "ALREADY_EXISTS", name)
    if query["project"] != state["project"]:
        raise KeyError(query["project"])
    state["buckets"][name] = {**body, "projectNumber": NUMBER}
    return HTTPStatus.OK, state["buckets"][name]


def _bucket(state: Resource, name: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    return HTTPStatus.OK, state["buckets"][name]


def upload(state: Resource, bucket: str, query: dict[str, str], content: bytes) -> RestAnswer:
    """Keep what is sent as an object.

    Args:
        state: the project's.
        bucket: the name of the bucket.
        query: the parameters.
        content: what was sent.
    """
    state["buckets"][bucket]
    name = f"{bucket}/{query['name']}"
    if query.get("ifGenerationMatch") == "0" and name in state["objects"]:
        # Without a name of the status, as Cloud Storage has it.
        message = "At least one of the pre-conditions you specified did not hold."
        return HTTPStatus.PRECONDITION_FAILED, {"error": {"code": 412, "message": message}}
    state["objects"][name] = content
    return HTTPStatus.OK, {"bucket": bucket, "name": query["name"], "generation": "1"}


ACTS: dict[str, Act] = {"storage.buckets.get": _bucket, "storage.buckets.insert": _make_bucket}
