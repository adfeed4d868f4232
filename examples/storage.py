"""Cloud Storage's JSON API in memory, with generations: the part that its client needs to read and write objects.

https://cloud.google.com/storage/docs/json_api/v1
It answers 501 to objects of more than 8 MB, which the client sends in pieces, and to everything that is not about
objects.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import google_crc32c
from aiohttp import BodyPartReader, MultipartReader, web

from local_cloud.clock import Clock
from local_cloud.http import HttpServer

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LONGEST_NAME = 1024
_MOST_BYTES = 64 * 1024 * 1024
_WRITABLE = ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "metadata")


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One generation of an object.

    Attributes:
        content: its bytes.
        generation: counts up with every write.
        content_type: as its writer named it.
        updated: when it was written, as RFC 3339 has it.
        fields: other fields that its writer set.
    """

    content: bytes
    generation: int
    content_type: str
    updated: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class _Refusal(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class StorageEmulator(HttpServer):
    """Cloud Storage on one port. A client finds it by STORAGE_EMULATOR_HOST, which is its `url`.

    Args:
        host: the address to bind.
        port: the port, 0 for any free one.
        clock: what time it is.
    """

    def __init__(self, *, host: str, port: int, clock: Clock) -> None:
        self._clock = clock
        self._generation = 0
        self.buckets: dict[str, dict[str, StoredObject]] = {}
        """Objects by their names, by buckets. A bucket is made by putting an empty one here."""
        app = web.Application(client_max_size=_MOST_BYTES, middlewares=[_refusals])
        app.router.add_post("/upload/storage/v1/b/{bucket}/o", self._upload)
        app.router.add_get("/download/storage/v1/b/{bucket}/o/{name:.+}", self._download)
        app.router.add_get("/storage/v1/b/{bucket}/o", self._list)
        app.router.add_get("/storage/v1/b/{bucket}/o/{name:.+}", self._get)
        app.router.add_delete("/storage/v1/b/{bucket}/o/{name:.+}", self._delete)
        super().__init__("storage", app, host, port)

    def put(self, bucket: str, name: str, content: bytes, content_type: str, **fields: Any) -> StoredObject:
        """Write an object, in place of an existing one."""
        self._generation += 1
        stored = StoredObject(
            content=content,
            generation=self._generation,
            content_type=content_type,
            updated=self._clock.now().isoformat().replace("+00:00", "Z"),
            fields=fields,
        )
        self.buckets.setdefault(bucket, {})[name] = stored
        return stored

    async def _upload(self, request: web.Request) -> web.Response:
        bucket = self._bucket(request)
        kind = request.query.get("uploadType")
        if kind != "multipart":
            raise _Refusal(HTTPStatus.NOT_IMPLEMENTED, f"uploadType={kind} is not here: objects of up to 8 MB are")
        resource, content, content_type = await _parts(request)
        name = resource.get("name") or request.query.get("name")
        if not isinstance(name, str) or not 1 <= len(name.encode()) <= _LONGEST_NAME or set(name) & set("\r\n"):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "The object's name is missing or malformed.")
        metadata = resource.get("metadata") or {}
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "metadata: values must be strings")
        self._check_generation(request, bucket.get(name))
        fields = {key: resource[key] for key in _WRITABLE if resource.get(key)}
        media_type = resource.get("contentType") or content_type
        stored = self.put(request.match_info["bucket"], name, content, media_type, **fields)
        if resource.get("md5Hash") not in {None, _md5(stored)}:
            del bucket[name]
            raise _Refusal(HTTPStatus.BAD_REQUEST, "Provided MD5 hash doesn't match calculated MD5 hash.")
        return web.json_response(_resource(request.match_info["bucket"], name, stored))

    async def _download(self, request: web.Request) -> web.Response:
        _, stored = self._object(request)
        headers = {
            "X-Goog-Hash": f"crc32c={_crc32c(stored)},md5={_md5(stored)}",
            "X-Goog-Generation": str(stored.generation),
            "Content-Type": stored.content_type,
        }
        return web.Response(body=stored.content, headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        if request.query.get("alt") == "media":
            return await self._download(request)
        name, stored = self._object(request)
        return web.json_response(_resource(request.match_info["bucket"], name, stored))

    async def _list(self, request: web.Request) -> web.Response:
        bucket = self._bucket(request)
        prefix = request.query.get("prefix", "")
        named = ((name, stored) for name, stored in sorted(bucket.items()) if name.startswith(prefix))
        items = [_resource(request.match_info["bucket"], name, stored) for name, stored in named]
        return web.json_response({"kind": "storage#objects", "items": items})

    async def _delete(self, request: web.Request) -> web.Response:
        name, _ = self._object(request)
        del self._bucket(request)[name]
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _bucket(self, request: web.Request) -> dict[str, StoredObject]:
        name = request.match_info["bucket"]
        if not _BUCKET.fullmatch(name):
            raise _Refusal(HTTPStatus.BAD_REQUEST, f"Invalid bucket name: '{name}'")
        if name not in self.buckets:
            raise _Refusal(HTTPStatus.NOT_FOUND, "The specified bucket does not exist.")
        return self.buckets[name]

    def _object(self, request: web.Request) -> tuple[str, StoredObject]:
        name = request.match_info["name"]
        stored = self._bucket(request).get(name)
        generation = request.query.get("generation")
        if stored is None or generation not in {None, str(stored.generation)}:
            raise _Refusal(HTTPStatus.NOT_FOUND, f"No such object: {request.match_info['bucket']}/{name}")
        self._check_generation(request, stored)
        return name, stored

    def _check_generation(self, request: web.Request, stored: StoredObject | None) -> None:
        """https://cloud.google.com/storage/docs/request-preconditions"""
        wanted = request.query.get("ifGenerationMatch")
        found = stored.generation if stored else 0
        if wanted is not None and wanted != str(found):
            raise _Refusal(
                HTTPStatus.PRECONDITION_FAILED,
                "At least one of the pre-conditions you specified did not hold.",
            )


@web.middleware
async def _refusals(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except _Refusal as refusal:
        error = {"code": refusal.status.value, "message": str(refusal)}
        return web.json_response({"error": {**error, "errors": [{"message": str(refusal)}]}}, status=refusal.status)
    return response


async def _parts(request: web.Request) -> tuple[dict[str, Any], bytes, str]:
    """The two parts of an upload: what the object is to be, and its content."""
    try:
        reader = MultipartReader(request.headers, request.content)
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


def _resource(bucket: str, name: str, stored: StoredObject) -> dict[str, Any]:
    """https://cloud.google.com/storage/docs/json_api/v1/objects#resource"""
    return {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{stored.generation}",
        "bucket": bucket,
        "name": name,
        "generation": str(stored.generation),
        "metageneration": "1",
        "contentType": stored.content_type,
        "size": str(len(stored.content)),
        "md5Hash": _md5(stored),
        "crc32c": _crc32c(stored),
        "updated": stored.updated,
        "timeCreated": stored.updated,
        **stored.fields,
    }


def _md5(stored: StoredObject) -> str:
    return base64.b64encode(hashlib.md5(stored.content, usedforsecurity=False).digest()).decode()


def _crc32c(stored: StoredObject) -> str:
    return base64.b64encode(google_crc32c.value(stored.content).to_bytes(4, "big")).decode()
