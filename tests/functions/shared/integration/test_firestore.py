"""The pipeline's own door to Firestore does what Google's client library does."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple

import grpc
import pytest
from google.api_core.exceptions import DeadlineExceeded, InvalidArgument, PermissionDenied, ServiceUnavailable
from google.cloud.firestore import GeoPoint
from google.cloud.firestore_v1.base_query import FieldFilter, Or
from google.cloud.firestore_v1.vector import Vector

from functions.shared.firestore.database import Database, firestore_database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, changed, create, delete, replaced, update, without
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.rpc import RpcError
from tests.firestore_client import client_of, database_of
from tests.silent_relay import relaying
from tests.support import Background, Faults

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, UTC)
DOCUMENT: dict[str, Any] = {
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
    "place": GeoPoint(1, 2),
    "vector": Vector([1.0, 2.0]),
    "listed": [GeoPoint(3, 4), {"vector": Vector([3.0])}],
    "a name.of `any` sort": 1,
}
_projects = itertools.count(1)


class Both(NamedTuple):
    """A database, by the pipeline's own door and by Google's client, and what goes wrong on the way."""

    database: Database
    impatient: Database
    google: Any
    faults: Faults


@pytest.fixture(scope="module")
def emulator(background: Background) -> Iterator[tuple[FirestoreEmulator, Faults]]:
    faults = Faults()
    emulator = FirestoreEmulator(host="127.0.0.1", port=0, clock=Clock(), middleware=[faults])
    background.run(emulator.start())
    yield emulator, faults
    background.run(emulator.stop())


@pytest.fixture
def both(emulator: tuple[FirestoreEmulator, Faults]) -> Iterator[Both]:
    server, faults = emulator
    project = f"project-{next(_projects)}"
    yield Both(
        database_of(server.port, project),
        database_of(server.port, project, seconds=0.3),
        client_of(server.port, project),
        faults,
    )
    faults.middleware = None


def stored(both: Both, path: str) -> Any:
    return both.google.document(path).get().to_dict()


def test_what_is_written_is_what_googles_client_reads(both: Both) -> None:
    version = both.database.commit([create("c/written", DOCUMENT)])
    snapshot = both.google.document("c/written").get()
    assert snapshot.to_dict() == DOCUMENT
    assert snapshot.update_time == version


def test_what_googles_client_writes_is_read_as_it_reads_it(both: Both) -> None:
    friend = both.google.document("c/d/e/friend")
    both.google.document("c/there").set({**DOCUMENT, "friend": friend})
    found = both.database.get_all(["c/there", "c/missing"])
    there, snapshot = found["c/there"], both.google.document("c/there").get()
    read = there.fields or {}
    assert (read.pop("friend").path, read) == (friend.path, DOCUMENT)
    assert (there.id, there.exists, there.update_time) == ("there", True, snapshot.update_time)
    assert (found["c/missing"].id, found["c/missing"].exists) == ("missing", False)
    assert both.database.get("c/there", fields=["whole"]).fields == {"whole": -7}
    assert both.database.get("c/missing") == found["c/missing"]


def test_a_reference_is_written_as_it_was_read(both: Both) -> None:
    both.google.document("c/one").set({"friend": both.google.document("c/d")})
    fields = both.database.get("c/one").fields or {}
    both.database.commit([create("c/other", fields)])
    assert stored(both, "c/other") == stored(both, "c/one")


def test_a_moment_without_a_time_zone_is_in_utc_as_it_is_for_googles_client(both: Both) -> None:
    """A kind of report may ask for what is between two of them."""
    both.google.document("c/d").set({"time": NOW.replace(tzinfo=None)})
    query = Query.of("c").where("time", "<=", NOW.replace(tzinfo=None))
    assert [each.fields for each in both.database.stream(query)] == [{"time": NOW}]


def test_a_document_is_made_once(both: Both) -> None:
    both.database.commit([create("c/once", {"by": "the first"})])
    with pytest.raises(ChangedMeanwhile):
        both.database.commit([create("c/once", {"by": "the second"})])
    assert stored(both, "c/once") == {"by": "the first"}


def test_an_update_leaves_other_fields_and_needs_the_version_that_was_read(both: Both) -> None:
    first = both.database.commit([create("c/d", {"kept": 1, "a.b": 1})])
    second = both.database.commit([update("c/d", {"a.b": 2}, first)])
    assert stored(both, "c/d") == {"kept": 1, "a.b": 2}
    with pytest.raises(ChangedMeanwhile):
        both.database.commit([update("c/d", {"a.b": 3}, first)])
    both.database.commit([update("c/d", {"a.b": 4}, second)])
    both.database.commit([without("c/d", ["kept", "a.b"])])
    assert stored(both, "c/d") == {}
    with pytest.raises(ChangedMeanwhile):
        both.database.commit([update("c/gone", {"changed": 1})])


def test_what_was_found_is_changed_replaced_or_deleted_unless_it_is_another_by_now(both: Both) -> None:
    missing = both.database.get("c/d")
    both.database.commit([changed(missing, {"a": 1})])
    for write in (changed(missing, {"b": 1}), replaced(missing, {"b": 1})):
        with pytest.raises(ChangedMeanwhile):
            both.database.commit([write])
    found = both.database.get("c/d")
    both.database.commit([changed(found, {"b": 2})])
    assert stored(both, "c/d") == {"a": 1, "b": 2}
    with pytest.raises(ChangedMeanwhile):
        both.database.commit([delete("c/d", found.update_time)])
    both.database.commit([replaced(both.database.get("c/d"), {"c": 3})])
    assert stored(both, "c/d") == {"c": 3}
    both.database.commit([delete("c/d", both.database.get("c/d").update_time)])
    assert stored(both, "c/d") is None


def test_all_is_written_or_nothing(both: Both) -> None:
    both.database.commit([create("c/one", {})])
    with pytest.raises(ChangedMeanwhile):
        both.database.commit([create("c/other", {}), create("c/one", {})])
    assert stored(both, "c/other") is None


def test_each_is_written_on_its_own(both: Both) -> None:
    both.database.commit([create("c/one", {})])
    too_large = create("c/large", {"text": "a" * 1_100_000})
    made, other, refused = both.database.write_each([create("c/two", {}), create("c/one", {}), too_large])
    assert made is None
    assert isinstance(other, ChangedMeanwhile)
    assert isinstance(refused, InvalidArgument)
    assert stored(both, "c/two") == {}


def test_of_several_who_decide_at_once_none_undoes_the_others_work(both: Both) -> None:
    def add_one(number: int) -> int:
        def decide() -> tuple[int, list[Write]]:
            found = both.database.get("c/d")
            return number, [changed(found, {**(found.fields or {}), f"by-{number}": True})]

        return both.database.until_written(decide)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(add_one, range(16))) == list(range(16))
    assert stored(both, "c/d") == {f"by-{number}": True for number in range(16)}


def test_who_is_overtaken_every_time_is_told(both: Both) -> None:
    times = itertools.count()

    def decide() -> tuple[None, list[Write]]:
        found = both.database.get("c/d")
        both.google.document("c/d").set({"by": "another", "time": next(times)})
        return None, [changed(found, {"by": "this"})]

    with pytest.raises(ChangedMeanwhile):
        both.database.until_written(decide)


def test_what_is_decided_against_is_not_written(both: Both) -> None:
    assert both.database.written(lambda: ("nothing", [])) == ("nothing", None)


def put_some(both: Both) -> Any:
    """Documents whose fields say in which order they come."""
    writes = [
        create(f"c/{number:02}", {"group": number % 3, "place": number // 2, "in": {"map": number}, "none": None})
        for number in range(12)
    ]
    both.database.commit([*writes, create("c/00/c/below", {"group": 0}), create("c/00/other/x", {"group": 0})])
    return both.google.collection("c")


def ids(found: Any) -> list[str]:
    return [each.id for each in found]


def test_a_query_finds_what_that_of_googles_client_finds(both: Both) -> None:
    google: Any = put_some(both)
    mine = Query.of("c")

    def filtered(field: str, operator: str, value: Any) -> FieldFilter:
        return FieldFilter(field, operator, value)

    either = Or([filtered("group", "==", 0), filtered("in.map", "==", 7)])
    by_place = google.order_by("place", direction="DESCENDING")
    pairs = [
        (mine, google),
        (mine.where("group", "==", 1), google.where(filter=filtered("group", "==", 1))),
        (mine.where("none", "==", None).limit(3), google.where(filter=filtered("none", "==", None)).limit(3)),
        (mine.where("group", "in", [0, 2]), google.where(filter=filtered("group", "in", [0, 2]))),
        (mine.where_any(("group", "==", 0), ("in.map", "==", 7)), google.where(filter=either)),
        (
            mine.where("group", "==", 0).where("place", ">", 1).where("place", "<=", 4),
            google.where(filter=filtered("group", "==", 0))
            .where(filter=filtered("place", ">", 1))
            .where(filter=filtered("place", "<=", 4)),
        ),
        (
            mine.where("__name__", ">=", "c/03").where("__name__", "<", "c/05"),
            google.where(filter=filtered("__name__", ">=", google.document("03"))).where(
                filter=filtered("__name__", "<", google.document("05"))
            ),
        ),
        (
            mine.order_by("place", descending=True).start_after(4).end_at(2),
            by_place.start_after({"place": 4}).end_at({"place": 2}),
        ),
        (
            mine.order_by("place", descending=True).start_at(4).end_before(2),
            by_place.start_at({"place": 4}).end_before({"place": 2}),
        ),
        (Query.of_group("c"), both.google.collection_group("c")),
    ]
    for mine_of_pair, google_of_pair in pairs:
        expected = ids(google_of_pair.stream())
        assert ids(both.database.stream(mine_of_pair)) == expected != []
        assert both.database.count(mine_of_pair) == len(expected)


def test_a_page_begins_behind_a_document(both: Both) -> None:
    put_some(both)
    query = Query.of("c").where("place", ">=", 2).select(["group"]).limit(4)
    first = list(both.database.stream(query))
    second = list(both.database.stream(query.behind(first[-1])))
    assert ids([*first, *second]) == [f"{number:02}" for number in range(4, 12)]


def test_everything_below_a_document_is_found(both: Both) -> None:
    put_some(both)
    assert [each.path for each in both.database.stream(Query.below("c/00"))] == ["c/00/c/below", "c/00/other/x"]
    assert both.database.collections("c/00") == ["c", "other"]
    assert both.database.collections() == ["c"]


def test_documents_are_counted_and_added_up_as_of_a_moment(both: Both) -> None:
    put_some(both)
    query = Query.of("c").where("group", "==", 0)
    now = both.database.aggregate(query, total_of="place")
    assert (now.number, now.total) == (4, 0 + 1 + 3 + 4)
    both.database.commit([create("c/later", {"group": 0})])
    assert both.database.aggregate(query, read_time=now.read_time).number == 4
    assert both.database.count(query) == 5


def test_a_stream_that_breaks_off_goes_on_behind_the_last_document(both: Both) -> None:
    put_some(both)
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

    both.faults.middleware = breaking
    query = Query.of("c").order_by("place", descending=True).select(["group"]).limit(7)
    assert ids(both.database.stream(query)) == ["11", "10", "09", "08", "07", "06", "05"]
    assert broken == 3


@pytest.mark.parametrize("most", [None, 7])
def test_a_stream_that_breaks_off_behind_its_last_document_is_over(both: Both, most: int | None) -> None:
    put_some(both)

    async def breaking(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        return break_off(answer) if method.endswith("/RunQuery") else answer

    async def break_off(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        both.faults.middleware = None
        async for response in stream:
            yield response
        raise RpcError(grpc.StatusCode.DEADLINE_EXCEEDED, "as the test wants it")

    both.faults.middleware = breaking
    assert ids(both.database.stream(Query.of("c").limit(most))) == [f"{number:02}" for number in range(most or 12)]


def test_a_stream_that_says_nothing_begins_again_long_before_its_time_is_over(
    emulator: tuple[FirestoreEmulator, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, faults = emulator
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    monkeypatch.setattr("functions.shared.firestore.database.LONGEST_SILENCE_SECONDS", 0.5)
    database = firestore_database(f"silent-{next(_projects)}", "(default)")
    database.commit([create("users/ada", {})])

    async def silent(_method: str, _carry_out: Callable[[], Awaitable[Any]]) -> Any:
        faults.middleware = None
        await asyncio.sleep(60)
        raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "the stream still waits")

    faults.middleware = silent
    assert ids(database.stream(Query.of("users"))) == ["ada"]


def test_a_call_is_made_again_while_its_error_may_pass(both: Both) -> None:
    passing = ("UNAVAILABLE", "ABORTED", "INTERNAL", "DEADLINE_EXCEEDED")
    codes = [grpc.StatusCode[name] for name in passing]

    async def refusing(_method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if codes:
            raise RpcError(codes.pop(), "as the test wants it")
        return await carry_out()

    both.faults.middleware = refusing
    both.database.commit([create("c/d", {})])
    assert stored(both, "c/d") == {}


def test_a_refusal_ends_a_call_at_once_and_an_outage_in_time(both: Both) -> None:
    code = grpc.StatusCode.PERMISSION_DENIED

    async def refusing(_method: str, _carry_out: Callable[[], Awaitable[Any]]) -> Any:
        raise RpcError(code, "as the test wants it")

    both.faults.middleware = refusing
    with pytest.raises(PermissionDenied):
        list(both.database.stream(Query.of("c")))
    code = grpc.StatusCode.UNAVAILABLE
    # The time may be over within an attempt or between two.
    with pytest.raises((ServiceUnavailable, DeadlineExceeded)):
        both.impatient.get("c/d")


def test_a_kind_of_report_has_googles_own_client(
    emulator: tuple[FirestoreEmulator, Faults], both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{emulator[0].port}")
    both.google.document("c/one").set({"friend": both.google.document("c/d")})
    both.google.document("c/d").set({"a": 1})
    reference = (both.database.get("c/one").fields or {})["friend"]
    assert both.database.client.document(reference.path).get(timeout=10).to_dict() == {"a": 1}


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda database: database.get("users/ada"), id="get"),
        pytest.param(lambda database: database.get_all(["users/ada"]), id="get all"),
        pytest.param(lambda database: list(database.stream(Query.of("users"))), id="stream"),
        pytest.param(lambda database: database.count(Query.of("users")), id="count"),
        pytest.param(lambda database: database.commit([create("users/bob", {"name": "Bob"})]), id="commit"),
        pytest.param(lambda database: database.write_each([create("users/cy", {"name": "Cy"})]), id="write each"),
    ],
)
def test_a_connection_that_is_silent_fails_no_call(
    emulator: tuple[FirestoreEmulator, Faults], call: Callable[[Database], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = emulator
    with relaying(server.port) as relay:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{relay.port}")
        database = firestore_database(f"silent-{next(_projects)}", "(default)", seconds=3, stream_seconds=3)
        database.get("users/ada")
        relay.silence_open()
        # By the call's own deadline it would raise an error.
        call(database)
