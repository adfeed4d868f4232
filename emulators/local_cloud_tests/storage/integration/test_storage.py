"""The local Cloud Storage, through Google's own client and plain requests."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.storage.server import StorageEmulator


class Storage:
    """The emulator, its clock, and Google's client."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._clock = Clock(still=True)
        self.emulator = StorageEmulator(host="127.0.0.1", port=0, clock=self._clock)
        background.run(self.emulator.start())
        self.client = Client(
            project="local-project",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": self.emulator.url},
        )

    def advance(self, days: float) -> None:
        async def advance() -> None:
            self._clock.advance(timedelta(days=days))

        self._background.run(advance())

    @property
    def now(self) -> datetime:
        return self._clock.now()


@pytest.fixture(scope="module")
def storage(background: Background) -> Iterator[Storage]:
    storage = Storage(background)
    yield storage
    background.run(storage.emulator.stop())


@pytest.fixture
def bucket(storage: Storage, request: pytest.FixtureRequest) -> Any:
    return storage.client.create_bucket(f"b{abs(hash(request.node.name))}")


def test_an_object_comes_back_with_what_was_said_of_it(bucket: Any) -> None:
    blob = bucket.blob("u1:a/b%3Ac")
    blob.metadata, blob.custom_time = {"kind": "usage"}, datetime(2026, 11, 30, tzinfo=UTC)
    blob.upload_from_string(b"content", content_type="text/html")
    (found,) = bucket.list_blobs(prefix="u1:")
    assert (found.name, found.size, found.content_type) == ("u1:a/b%3Ac", 7, "text/html")
    assert (found.metadata, found.custom_time) == (blob.metadata, blob.custom_time)
    assert found.download_as_bytes() == b"content"
    found.metadata = {"kind": None, "other": "x"}
    found.patch()
    assert (bucket.get_blob(found.name).metadata, found.metageneration) == ({"other": "x"}, 2)


def test_preconditions_keep_what_is_there(bucket: Any) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"one", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("x").upload_from_string(b"two", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        blob.delete(if_generation_match=blob.generation + 1)
    blob.delete(if_generation_match=blob.generation)
    with pytest.raises(NotFound):
        blob.delete()


def test_a_list_comes_in_pages_and_by_folders(bucket: Any) -> None:
    for name in ("a/1", "a/2", "b/1", "c"):
        bucket.blob(name).upload_from_string(b"")
    pages = bucket.list_blobs(page_size=3).pages
    assert [[blob.name for blob in page] for page in pages] == [["a/1", "a/2", "b/1"], ["c"]]
    listed = bucket.list_blobs(delimiter="/")
    assert [blob.name for blob in listed] == ["c"]
    assert listed.prefixes == {"a/", "b/"}


def test_gzip_is_unpacked_for_those_who_do_not_accept_it(storage: Storage, bucket: Any) -> None:
    blob = bucket.blob("page")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(b"text"))
    url = f"{storage.emulator.url}/storage/v1/b/{bucket.name}/o/page?alt=media"
    packed = requests.get(url, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=100).raw.read()
    plain = requests.get(url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=100).raw.read()
    assert (gzip.decompress(packed), plain) == (b"text", b"text")


def test_a_bucket_has_a_name_of_its_own_and_is_deleted_when_it_is_empty(storage: Storage, bucket: Any) -> None:
    with pytest.raises(Conflict):
        storage.client.create_bucket(bucket.name)
    bucket.blob("x").upload_from_string(b"")
    with pytest.raises(Conflict):
        bucket.delete()
    bucket.blob("x").delete()
    bucket.delete()
    with pytest.raises(NotFound):
        storage.client.get_bucket(bucket.name)


def test_lifecycle_rules_delete(storage: Storage, bucket: Any) -> None:
    bucket.add_lifecycle_delete_rule(days_since_custom_time=0)
    bucket.add_lifecycle_delete_rule(age=5, matches_prefix=["old/"])
    bucket.patch()
    for name, days in (("soon", 1), ("later", 3), ("old/x", 30), ("never", None)):
        blob = bucket.blob(name)
        if days is not None:
            blob.custom_time = storage.now + timedelta(days=days)
        blob.upload_from_string(b"")

    def left_after(days: float) -> list[str]:
        storage.advance(days)
        return [blob.name for blob in bucket.list_blobs()]

    assert left_after(0.9) == ["later", "never", "old/x", "soon"]
    assert left_after(0.2) == ["later", "never", "old/x"]
    assert left_after(4) == ["never"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/storage/v1/b", {"name": "X"}, 400),
        ("POST", "/storage/v1/b", [], 400),
        ("GET", "/storage/v1/b/absent/o", None, 404),
        ("POST", "/upload/storage/v1/b/bucket/o?uploadType=resumable&name=x", {}, 501),
        ("POST", "/upload/storage/v1/b/bucket/o?uploadType=multipart&name=x", {}, 400),
        ("POST", "/upload/storage/v1/b/bucket/o?uploadType=media", {}, 400),
        ("PATCH", "/storage/v1/b/bucket/o/x", {"customTime": "yesterday"}, 400),
        ("PATCH", "/storage/v1/b/bucket/o/x", {"metadata": {"a": 1}}, 400),
        (
            "PATCH",
            "/storage/v1/b/bucket",
            {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"isLive": True}}]}},
            501,
        ),
    ],
)
def test_a_refusal_says_why(storage: Storage, method: str, path: str, body: object, status: int) -> None:
    storage.emulator.put("bucket", "x", b"", "text/plain")
    answer = requests.request(method, storage.emulator.url + path, json=body, timeout=100)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)
    assert answer.json()["error"]["message"]
