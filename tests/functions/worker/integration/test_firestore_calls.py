"""Calls with protobuf's own classes do what the client library's do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied
from google.api_core.retry import Retry, if_transient_error
from google.cloud.firestore import GeoPoint
from google.cloud.firestore_v1.vector import Vector

from functions.shared.firestore_calls import FirestoreCalls, change, creation
from functions.shared.stored_fields import stored_version
from functions.worker.reports.firestore_user_data import FirestoreUserData
from local_cloud.rpc import RpcError
from tests.functions.worker.integration.conftest import Cloud

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, UTC)
WRITTEN: dict[str, Any] = {
    "text": "é",
    "empty": "",
    "whole": -7,
    "float": 0.5,
    "yes": True,
    "nothing": None,
    "bytes": b"\x00\xff",
    "time": NOW,
    "list": [1, "two", None, {"three": [3]}],
    "map": {"a.b`c": {"d": []}},
}
OF_APPLICATIONS: dict[str, Any] = {
    "place": GeoPoint(1, 2),
    "vector": Vector([1.0, 2.0]),
    "listed": [GeoPoint(3, 4), {"vector": Vector([3.0])}],
}
PATIENT = Retry(predicate=if_transient_error, initial=0.01, maximum=0.01, timeout=20)


@pytest.fixture
def calls(cloud: Cloud) -> FirestoreCalls:
    return FirestoreCalls(cloud.database)


def commit(calls: FirestoreCalls, *writes: Any) -> datetime:
    return calls.commit(writes, retry=PATIENT, timeout=10)


def test_what_is_written_is_what_the_library_reads(cloud: Cloud, calls: FirestoreCalls) -> None:
    reference = cloud.database.collection("calls").document("written")
    version = commit(calls, creation(reference, WRITTEN))
    snapshot = reference.get()
    assert snapshot.to_dict() == WRITTEN
    assert stored_version(snapshot) == version


def test_what_the_library_writes_is_read_as_the_library_reads_it(cloud: Cloud, calls: FirestoreCalls) -> None:
    collection = cloud.database.collection("calls")
    there, missing = collection.document("there"), collection.document("missing")
    there.set({**WRITTEN, **OF_APPLICATIONS, "friend": missing})
    found = calls.get_all([there, missing], retry=PATIENT, timeout=10)
    snapshot = there.get()
    assert found[there.path].to_dict() == snapshot.to_dict()
    assert (found[there.path].id, found[there.path].exists) == ("there", True)
    assert stored_version(found[there.path]) == stored_version(snapshot)
    assert (found[missing.path].id, found[missing.path].exists) == ("missing", False)


def test_a_document_is_made_once(cloud: Cloud, calls: FirestoreCalls) -> None:
    reference = cloud.database.collection("calls").document("once")
    commit(calls, creation(reference, {"by": "the first"}))
    with pytest.raises(AlreadyExists):
        commit(calls, creation(reference, {"by": "the second"}))
    assert reference.get().to_dict() == {"by": "the first"}


def test_a_change_leaves_other_fields_and_needs_the_version_that_was_read(cloud: Cloud, calls: FirestoreCalls) -> None:
    reference = cloud.database.collection("calls").document("changed")
    first = commit(calls, creation(reference, {"kept": 1, "changed": 1}))
    second = commit(calls, change(reference, {"changed": 2}, first))
    assert reference.get().to_dict() == {"kept": 1, "changed": 2}
    with pytest.raises(FailedPrecondition):
        commit(calls, change(reference, {"changed": 3}, first))
    commit(calls, change(reference, {"changed": 4}, second))
    with pytest.raises(NotFound):
        commit(calls, change(cloud.database.collection("calls").document("gone"), {"changed": 1}, None))


def test_all_is_written_or_nothing(cloud: Cloud, calls: FirestoreCalls) -> None:
    one, other = (cloud.database.collection("calls").document(name) for name in ("one", "other"))
    commit(calls, creation(one, {}))
    with pytest.raises(AlreadyExists):
        commit(calls, creation(other, {}), creation(one, {}))
    assert not other.get().exists


def test_a_stream_that_breaks_off_goes_on_behind_the_last_document(cloud: Cloud) -> None:
    user = cloud.user()
    for number in range(6):
        cloud.event(user, f"e{number}", at=NOW + timedelta(minutes=number // 2), type=f"t{number}")
    broken = 0

    async def breaking(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        return break_off(answer) if method.endswith("/RunQuery") else answer

    async def break_off(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        nonlocal broken
        async for response in stream:
            yield response
            if broken < 3:
                broken += 1
                raise RpcError(grpc.StatusCode.UNAVAILABLE, "as the test wants it")

    cloud.firestore_faults.middleware = breaking
    data = FirestoreUserData(cloud.database, user, seconds=20)
    end = NOW + timedelta(days=1)
    found = list(data.between("events", field="at", start=NOW, end=end, select=["at", "type"], limit=9))
    assert [(name, fields["type"]) for name, fields in found] == [(f"e{number}", f"t{number}") for number in range(6)]
    assert broken == 3


def test_a_refusal_ends_a_stream(cloud: Cloud) -> None:
    async def refusing(_method: str, _carry_out: Callable[[], Awaitable[Any]]) -> Any:
        raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "as the test wants it")

    cloud.firestore_faults.middleware = refusing
    with pytest.raises(PermissionDenied):
        list(FirestoreUserData(cloud.database, "u1", seconds=20).documents("events", limit=1))
