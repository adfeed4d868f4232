"""Objects of Cloud Storage, on the emulator."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from google.api_core.exceptions import NotFound, PreconditionFailed, ServiceUnavailable

from functions.shared.storage_bucket import StorageBucket
from local_cloud.clock import Clock
from local_cloud.storage.server import StorageEmulator
from tests.support import Background

failures: list[int] = []
"""How the next calls fail, after they had their effect."""


@web.middleware
async def fail(request: web.Request, handler: Any) -> web.StreamResponse:
    answer: web.StreamResponse = await handler(request)
    return web.Response(status=failures.pop(0)) if failures else answer


@pytest.fixture(scope="module")
def storage(background: Background) -> Iterator[StorageEmulator]:
    storage = StorageEmulator(host="127.0.0.1", port=0, clock=Clock(), middlewares=[fail])
    background.run(storage.start())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", storage.url)
        yield storage
    background.run(storage.stop())


@pytest.fixture
def bucket(storage: StorageEmulator) -> StorageBucket:
    storage.buckets["reports"] = {}
    failures.clear()
    return StorageBucket("reports")


def test_what_is_written_is_read_with_its_fields(storage: StorageEmulator, bucket: StorageBucket) -> None:
    content, time = gzip.compress(b"\r\n--text--\r\n"), datetime(2026, 11, 30, tzinfo=UTC)
    generation = bucket.write(
        "u%1:ü/b",
        content,
        content_type="text/html",
        content_encoding="gzip",
        custom_time=time,
        metadata={"kind": "usage"},
    )
    stored = storage.buckets["reports"]["u%1:ü/b"]
    assert (stored.content, stored.content_type, stored.generation) == (content, "text/html", generation)
    assert stored.fields["metadata"] == {"kind": "usage"}
    assert datetime.fromisoformat(stored.fields["customTime"]) == time
    assert bucket.read("u%1:ü/b") == b"\r\n--text--\r\n"
    assert (bucket.delete("u%1:ü/b"), bucket.delete("u%1:ü/b"), bucket.read("u%1:ü/b")) == (True, False, None)


def test_an_object_is_written_once(storage: StorageEmulator, bucket: StorageBucket) -> None:
    failures.append(503)
    with pytest.raises(PreconditionFailed):
        # The first call has written it, and its answer was lost.
        bucket.write("x", b"one", content_type="text/plain", if_generation_match=0)
    assert storage.buckets["reports"]["x"].content == b"one"


def test_what_fails_in_passing_is_made_again(bucket: StorageBucket) -> None:
    failures.extend([503, 429])
    bucket.write("x", b"one", content_type="text/plain")
    failures.extend([503] * 99)
    with pytest.raises(ServiceUnavailable):
        bucket.read("x", seconds=0.3)
    with pytest.raises(ServiceUnavailable):
        bucket.read("x", seconds=0)


def test_names_come_from_all_pages(storage: StorageEmulator, bucket: StorageBucket) -> None:
    for number in range(1001):
        storage.put("reports", f"a/{number:04}", b"", "text/plain")
    storage.put("reports", "b", b"", "text/plain")
    assert list(bucket.names("a/")) == [f"a/{number:04}" for number in range(1001)]


def test_a_bucket_that_is_not_there(bucket: StorageBucket) -> None:
    with pytest.raises(NotFound):
        StorageBucket("absent").write("x", b"", content_type="text/plain")
