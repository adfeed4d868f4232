"""The local Cloud Storage: buckets and objects of the JSON API, in memory, with generations and lifecycle rules.

https://cloud.google.com/storage/docs/json_api/v1
It answers 501 to uploads in pieces, which Google's client makes of more than 8 MB.
"""

import asyncio
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.typedefs import Middleware

from local_cloud.clock import Clock
from local_cloud.http import HttpServer
from local_cloud.storage.lifecycle import is_to_be_deleted, unknown_in
from local_cloud.storage.stored_object import StoredObject, to_text

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LONGEST_NAME = 1024
_MOST_BYTES = 64 * 1024 * 1024
_MOST_OBJECTS = 1_000
"""Of one page of a list."""
_WRITABLE = (
    *("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "customTime", "metadata"),
    *("storageClass", "temporaryHold"),
)


class _Refusal(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class StorageEmulator(HttpServer):
    """A Cloud Storage on one port, all in memory. Clients find it by STORAGE_EMULATOR_HOST, which is its `url`.

    Args:
        host: the address to bind.
        port: the port, 0 for any free one.
        clock: what generations, times and lifecycle rules are counted by.
        middlewares: of aiohttp, wrapped around every call, the first outermost.
    """

    def __init__(self, *, host: str, port: int, clock: Clock, middlewares: Sequence[Middleware] = ()) -> None:
        self._clock = clock
        self._generation = 0
        self._settings: dict[str, dict[str, Any]] = {}
        self.buckets: dict[str, dict[str, StoredObject]] = {}
        """Objects by their names, by buckets."""
        app = web.Application(client_max_size=_MOST_BYTES, middlewares=[*middlewares, _refusals])
        app.router.add_post("/storage/v1/b", self._make_bucket)
        app.router.add_get("/storage/v1/b/{bucket}", self._get_bucket)
        app.router.add_patch("/storage/v1/b/{bucket}", self._patch_bucket)
        app.router.add_delete("/storage/v1/b/{bucket}", self._delete_bucket)
        app.router.add_post("/upload/storage/v1/b/{bucket}/o", self._upload)
        app.router.add_get("/download/storage/v1/b/{bucket}/o/{name:.+}", self._download)
        app.router.add_get("/storage/v1/b/{bucket}/o", self._list)
        app.router.add_get("/storage/v1/b/{bucket}/o/{name:.+}", self._get)
        app.router.add_patch("/storage/v1/b/{bucket}/o/{name:.+}", self._patch)
        app.router.add_delete("/storage/v1/b/{bucket}/o/{name:.+}", self._delete)
        super().__init__("Cloud Storage", app, host, port)

    def make_bucket(self, name: str, *, days_since_custom_time: int | None = None) -> None:
        """Make a bucket.

        Args:
            name: the bucket's.
            days_since_custom_time: after how many days since its custom time an object is deleted; None for never.
        """
        condition = {"daysSinceCustomTime": days_since_custom_time}
        rules = [] if days_since_custom_time is None else [{"action": {"type": "Delete"}, "condition": condition}]
        self._set_up(name, {"lifecycle": {"rule": rules}})
        self.buckets[name] = {}

    def put(self, bucket: str, name: str, content: bytes, content_type: str, **fields: Any) -> StoredObject:
        """Write an object, in place of an existing one."""
        self._generation += 1
        now = self._clock.now()
        stored = StoredObject(
            content=content,
            generation=self._generation,
            content_type=content_type,
            created=now,
            updated=now,
            fields=fields,
        )
        self.buckets.setdefault(bucket, {})[name] = stored
        return stored

    async def _make_bucket(self, request: web.Request) -> web.Response:
        resource = await _json(request)
        name = resource.get("name")
        if not isinstance(name, str) or not _BUCKET.fullmatch(name):
            raise _Refusal(HTTPStatus.BAD_REQUEST, f"Invalid bucket name: '{name}'")
        if name in self.buckets:
            raise _Refusal(HTTPStatus.CONFLICT, "Your previous request to create the named bucket succeeded.")
        self._set_up(name, resource)
        self.buckets[name] = {}
        return self._bucket_answer(name)

    async def _get_bucket(self, request: web.Request) -> web.Response:
        self._bucket(request)
        return self._bucket_answer(request.match_info["bucket"])

    async def _patch_bucket(self, request: web.Request) -> web.Response:
        self._bucket(request)
        self._set_up(request.match_info["bucket"], await _json(request))
        return self._bucket_answer(request.match_info["bucket"])

    async def _delete_bucket(self, request: web.Request) -> web.Response:
        if self._bucket(request):
            raise _Refusal(HTTPStatus.CONFLICT, "The bucket you tried to delete is not empty.")
        del self.buckets[request.match_info["bucket"]]
        self._settings.pop(request.match_info["bucket"], None)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _upload(self, request: web.Request) -> web.Response:
        bucket = self._bucket(request)
        match kind := request.query.get("uploadType"):
            case "multipart":
                resource, content, content_type = await _parts(request)
            case "media":
                resource, content, content_type = {}, await request.read(), request.content_type
            case _:
                raise _Refusal(HTTPStatus.NOT_IMPLEMENTED, f"uploadType={kind} is not here: objects of up to 8 MB are")
        name = resource.get("name") or request.query.get("name")
        if not isinstance(name, str) or not 1 <= len(name.encode()) <= _LONGEST_NAME or set(name) & set("\r\n"):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "The object's name is missing or malformed.")
        _check_generation(request, bucket.get(name))
        fields = _written(resource, {})
        stored = self.put(
            request.match_info["bucket"], name, content, resource.get("contentType") or content_type, **fields
        )
        if resource.get("md5Hash") not in {None, stored.md5}:
            del bucket[name]
            raise _Refusal(HTTPStatus.BAD_REQUEST, "Provided MD5 hash doesn't match calculated MD5 hash.")
        return web.json_response(stored.to_resource(request.match_info["bucket"], name))

    async def _download(self, request: web.Request) -> web.Response:
        """A gzip object comes as it is to those who accept that, and unpacked to all others.

        https://cloud.google.com/storage/docs/transcoding
        """
        _, stored = self._object(request)
        headers = {
            "X-Goog-Hash": f"md5={stored.md5}",
            "X-Goog-Generation": str(stored.generation),
            "Content-Type": stored.content_type,
        }
        content = stored.content
        if encoding := stored.fields.get("contentEncoding"):
            headers["X-Goog-Stored-Content-Encoding"] = encoding
            if encoding == "gzip" and "gzip" not in request.headers.get("Accept-Encoding", ""):
                content = gzip.decompress(content)
            else:
                headers["Content-Encoding"] = encoding
        return web.Response(body=content, headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        if request.query.get("alt") == "media":
            return await self._download(request)
        name, stored = self._object(request)
        return web.json_response(stored.to_resource(request.match_info["bucket"], name))

    async def _list(self, request: web.Request) -> web.Response:
        bucket, query = self._bucket(request), request.query
        prefix, after, delimiter = query.get("prefix", ""), query.get("pageToken", ""), query.get("delimiter")
        most = min(int(query.get("maxResults", _MOST_OBJECTS)), _MOST_OBJECTS)
        answer: dict[str, Any] = {"kind": "storage#objects"}
        items: list[dict[str, Any]] = []
        prefixes: list[str] = []
        for name, stored in sorted(bucket.items()):
            if not name.startswith(prefix) or name <= after:
                continue
            if len(items) == most:
                answer["nextPageToken"] = items[-1]["name"]
                break
            rest = name.removeprefix(prefix)
            if delimiter and delimiter in rest:
                prefixes.append(prefix + rest[: rest.index(delimiter) + len(delimiter)])
            else:
                items.append(stored.to_resource(request.match_info["bucket"], name))
        return web.json_response({**answer, "items": items, "prefixes": [*dict.fromkeys(prefixes)]})

    async def _patch(self, request: web.Request) -> web.Response:
        name, stored = self._object(request)
        resource = await _json(request)
        changed = replace(
            stored,
            fields=_written(resource, stored.fields),
            content_type=resource.get("contentType") or stored.content_type,
            metageneration=stored.metageneration + 1,
            updated=self._clock.now(),
        )
        self._bucket(request)[name] = changed
        return web.json_response(changed.to_resource(request.match_info["bucket"], name))

    async def _delete(self, request: web.Request) -> web.Response:
        name, _ = self._object(request)
        del self._bucket(request)[name]
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _set_up(self, bucket: str, resource: Mapping[str, Any]) -> None:
        rules = (resource.get("lifecycle") or {}).get("rule", [])
        if unknown := unknown_in(rules):
            raise _Refusal(HTTPStatus.NOT_IMPLEMENTED, f"Lifecycle: {unknown} is not here.")
        now = to_text(self._clock.now())
        self._settings[bucket] = {"timeCreated": now, **self._settings.get(bucket, {}), **resource, "updated": now}

    def _bucket_answer(self, bucket: str) -> web.Response:
        own = {"kind": "storage#bucket", "id": bucket, "name": bucket}
        return web.json_response(self._settings.get(bucket, {}) | own)

    def _bucket(self, request: web.Request) -> dict[str, StoredObject]:
        name = request.match_info["bucket"]
        if not _BUCKET.fullmatch(name):
            raise _Refusal(HTTPStatus.BAD_REQUEST, f"Invalid bucket name: '{name}'")
        if name not in self.buckets:
            raise _Refusal(HTTPStatus.NOT_FOUND, "The specified bucket does not exist.")
        objects, rules = self.buckets[name], (self._settings.get(name, {}).get("lifecycle") or {}).get("rule", [])
        if rules:
            now = self._clock.now()
            for old in [each for each, stored in objects.items() if is_to_be_deleted(each, stored, rules, now)]:
                del objects[old]
        return objects

    def _object(self, request: web.Request) -> tuple[str, StoredObject]:
        name = request.match_info["name"]
        stored = self._bucket(request).get(name)
        generation = request.query.get("generation")
        if stored is None or generation not in {None, str(stored.generation)}:
            raise _Refusal(HTTPStatus.NOT_FOUND, f"No such object: {request.match_info['bucket']}/{name}")
        _check_generation(request, stored)
        return name, stored


def _check_generation(request: web.Request, stored: StoredObject | None) -> None:
    """https://cloud.google.com/storage/docs/request-preconditions"""
    generation = request.query.get("ifGenerationMatch")
    metageneration = request.query.get("ifMetagenerationMatch")
    if generation not in {None, str(stored.generation if stored else 0)} or metageneration not in {
        None,
        str(stored.metageneration if stored else 0),
    }:
        raise _Refusal(HTTPStatus.PRECONDITION_FAILED, "At least one of the pre-conditions you specified did not hold.")


def _written(resource: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an object after a write; null takes one away."""
    metadata = resource.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str | None) for value in metadata.values()):
        raise _Refusal(HTTPStatus.BAD_REQUEST, "metadata: values must be strings")
    given = {key: resource[key] for key in _WRITABLE if key in resource}
    if "metadata" in given:
        given["metadata"] = _without_null({**before.get("metadata", {}), **metadata})
    if "customTime" in given:
        try:
            moment, earlier = datetime.fromisoformat(given["customTime"] or ""), before.get("customTime")
        except ValueError as error:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "customTime: cannot be taken away, and must be a time") from error
        if moment.tzinfo is None or (earlier and moment < datetime.fromisoformat(earlier)):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "customTime: must have a zone, and not be earlier than it was")
    return _without_null({**before, **given})


def _without_null(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


@web.middleware
async def _refusals(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except _Refusal as refusal:
        error = {"code": refusal.status.value, "message": str(refusal)}
        return web.json_response({"error": {**error, "errors": [{"message": str(refusal)}]}}, status=refusal.status)
    return response


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        resource = await request.json()
    except ValueError as error:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "Parse Error") from error
    if not isinstance(resource, dict):
        raise _Refusal(HTTPStatus.BAD_REQUEST, "Parse Error")
    return resource


async def _parts(request: web.Request) -> tuple[dict[str, Any], bytes, str]:
    """The two parts of an upload: what the object is to be, and its content."""
    # All of it: a middleware may have read it before.
    body = StreamReader(request.protocol, _MOST_BYTES, loop=asyncio.get_running_loop())
    body.feed_data(await request.read())
    body.feed_eof()
    try:
        reader = MultipartReader(request.headers, body)
        resource = json.loads(await _read(await reader.next()))
        media = await reader.next()
        content = await _read(media)
    except (ValueError, AssertionError) as error:
        raise _Refusal(HTTPStatus.BAD_REQUEST, f"The upload is malformed: {error}") from error
    if not isinstance(resource, dict):
        raise _Refusal(HTTPStatus.BAD_REQUEST, "The upload is malformed: its first part is not a JSON object")
    return resource, content, (media.headers if media else {}).get("Content-Type", "application/octet-stream")


async def _read(part: object) -> bytes:
    if not isinstance(part, BodyPartReader):
        raise ValueError("two parts are required")  # noqa: TRY004  a malformed request, not a wrong argument
    return bytes(await part.read())
