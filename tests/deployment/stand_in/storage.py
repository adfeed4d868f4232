"""Cloud Storage: buckets, and what is uploaded to them."""

import hashlib
import json
import re
import zlib
from base64 import b64encode
from http import HTTPStatus

from deployment.engine.discovery import Method, method
from tests.deployment.stand_in.cloud_run import Act
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest
from tests.deployment.stand_in.the_project import NUMBER

_OF_UPLOAD = {"uploadType", "upload_id"}
_PATHS = {
    ("POST", "storage/v1/b()"): "buckets.insert",
    ("GET", "storage/v1/b/([^/]+)"): "buckets.get",
    ("PATCH", "storage/v1/b/([^/]+)"): "buckets.patch",
    ("DELETE", "storage/v1/b/([^/]+)"): "buckets.delete",
    ("GET", "storage/v1/projects/([^/]+)/serviceAccount"): "projects.serviceAccount.get",
    ("POST", "upload/storage/v1/b/([^/]+)/o"): "objects.insert",
    ("GET", "storage/v1/b/([^/]+)/o"): "objects.list",
    ("GET", "storage/v1/b/([^/]+)/o/(.+)"): "objects.get",
    ("DELETE", "storage/v1/b/([^/]+)/o/(.+)"): "objects.delete",
    ("POST", "resumable/upload/storage/v1/b/([^/]+)/o"): "objects.insert",
    ("PUT", "resumable/upload/storage/v1/b/([^/]+)/o"): "objects.insert",
}


def method_of(request: RestRequest) -> tuple[Method, str] | None:
    """The method that a request calls, and the bucket that it is about. Its paths are not those of other interfaces."""
    for (verb, path), name in _PATHS.items():
        if verb == request.method and (found := re.fullmatch(path, f"{request.version}/{request.name}")):
            return method("storage", "v1", name), found[1]
    return None


def query_of(request: RestRequest) -> dict[str, str]:
    """The parameters of a request, with the name of the object that its path ends with."""
    query = {name: value for name, [value] in request.query.items() if name not in _OF_UPLOAD}
    _, _, named = request.name.partition("/o/")
    return {**query, "object": named} if named else query


def generation_of(content: bytes) -> str:
    """The generation of an object: other content is another one."""
    return str(zlib.crc32(content) + 1)


def object_of(request: RestRequest) -> str:
    """The name of the object that a request is about."""
    query = query_of(request)
    return query.get("object") or query.get("name", "")


def _make_bucket(state: Resource, _target: str, body: Resource, query: dict[str, str]) -> RestAnswer:
    name = body["name"]
    if name in state["buckets"]:
        message = "Your previous request to create the named bucket succeeded and you already own it."
        return HTTPStatus.CONFLICT, {"error": {"code": 409, "message": message}}
    if query["project"] != state["project"]:
        raise KeyError(query["project"])
    state["buckets"][name] = {**body, "projectNumber": NUMBER}
    return HTTPStatus.OK, state["buckets"][name]


def _change(state: Resource, name: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    bucket = state["buckets"][name]
    labels = bucket.get("labels", {}) | body.get("labels", {})
    bucket |= body | ({"labels": labels} if labels else {})
    return HTTPStatus.OK, bucket


def _remove_bucket(state: Resource, name: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    if any(each.startswith(f"{name}/") for each in state["objects"]):
        message = "The bucket you tried to delete is not empty."
        return HTTPStatus.CONFLICT, {"error": {"code": 409, "message": message}}
    del state["buckets"][name]
    return HTTPStatus.OK, {}


def _bucket(state: Resource, name: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    return HTTPStatus.OK, state["buckets"][name]


def upload(state: Resource, bucket: str, query: dict[str, str], request: RestRequest) -> RestAnswer:
    """Keep what is sent as an object, once its last part is here.

    Args:
        state: the project's.
        bucket: the name of the bucket.
        query: the parameters, but for `uploadType` and `upload_id`.
        request: what was sent.
    """
    state["buckets"][bucket]
    name, content = f"{bucket}/{query['name']}", request.content or b""
    there = generation_of(state["objects"][name]) if name in state["objects"] else "0"
    if query.get("ifGenerationMatch", there) != there:
        # Without a name of the status, as Cloud Storage has it.
        message = "At least one of the pre-conditions you specified did not hold."
        return HTTPStatus.PRECONDITION_FAILED, {"error": {"code": 412, "message": message}}
    if request.query["uploadType"] == ["resumable"]:
        if request.method == "POST":
            state["uploads"][name] = b""
            return HTTPStatus.OK, {"uploadId": "1"}
        first, last, total = map(int, re.findall(r"\d+", request.content_range))
        content = state["uploads"][name] = state["uploads"][name][:first] + content
        if last + 1 < total:
            return HTTPStatus.PERMANENT_REDIRECT, {"range": f"bytes=0-{last}"}
    state["objects"][name] = content
    return HTTPStatus.OK, {"bucket": bucket, "name": query["name"], "generation": generation_of(content)}


def _objects(state: Resource, bucket: str, _body: Resource, query: dict[str, str]) -> RestAnswer:
    names = (name.removeprefix(f"{bucket}/") for name in state["objects"] if name.startswith(f"{bucket}/"))
    return HTTPStatus.OK, {"items": [{"name": name} for name in names if name.startswith(query.get("prefix", ""))]}


def _object(state: Resource, bucket: str, _body: Resource, query: dict[str, str]) -> RestAnswer:
    content = state["objects"][f"{bucket}/{query['object']}"]
    if query.get("alt") == "media":
        return HTTPStatus.OK, json.loads(content)
    md5 = b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    named = {"bucket": bucket, "name": query["object"], "generation": generation_of(content)}
    return HTTPStatus.OK, {**named, "md5Hash": md5}


def _remove(state: Resource, bucket: str, _body: Resource, query: dict[str, str]) -> RestAnswer:
    del state["objects"][f"{bucket}/{query['object']}"]
    return HTTPStatus.OK, {}


def _own_account(state: Resource, _target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    email = f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    state["agents"].append(email)
    return HTTPStatus.OK, {"email_address": email}


ACTS: dict[str, Act] = {
    "storage.buckets.delete": _remove_bucket,
    "storage.buckets.get": _bucket,
    "storage.buckets.insert": _make_bucket,
    "storage.buckets.patch": _change,
    "storage.objects.list": _objects,
    "storage.objects.get": _object,
    "storage.objects.delete": _remove,
    "storage.projects.serviceAccount.get": _own_account,
}
