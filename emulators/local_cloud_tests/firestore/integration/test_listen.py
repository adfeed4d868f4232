"""Listeners: through the client's own watch, and on the wire."""

import queue
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.cloud import firestore
from google.cloud.firestore import FieldFilter
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
from google.cloud.firestore_v1.types import TargetChange
from google.cloud.firestore_v1.vector import Vector
from google.rpc import code_pb2

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator

ADD, REMOVE, CURRENT = (
    TargetChange.TargetChangeType.ADD,
    TargetChange.TargetChangeType.REMOVE,
    TargetChange.TargetChangeType.CURRENT,
)
RESET, NO_CHANGE = TargetChange.TargetChangeType.RESET, TargetChange.TargetChangeType.NO_CHANGE


class Watched:
    """The snapshots that a watch called back with."""

    def __init__(self, target: Any) -> None:
        self._snapshots: queue.Queue[Any] = queue.Queue()
        self._watch = target.on_snapshot(lambda documents, changes, _: self._snapshots.put((documents, changes)))

    def next(self) -> tuple[list[str], list[tuple[str, str]]]:
        documents, changes = self._snapshots.get(timeout=100)
        return (
            [document.id for document in documents],
            [(change.type.name, change.document.id) for change in changes],
        )

    def close(self) -> None:
        self._watch.unsubscribe()


@pytest.fixture
def watch() -> Iterator[Callable[[Any], Watched]]:
    opened: list[Watched] = []

    def open_watch(target: Any) -> Watched:
        opened.append(Watched(target))
        return opened[-1]

    yield open_watch
    for watched in opened:
        watched.close()


def test_a_document_is_followed_from_its_absence_to_its_removal(client: Any, watch: Callable[[Any], Watched]) -> None:
    reference = client.document("users/u1")
    watched = watch(reference)
    assert watched.next() == ([], [])
    reference.set({"n": 1})
    assert watched.next() == (["u1"], [("ADDED", "u1")])
    client.document("users/other").set({})
    reference.update({"n": 2})
    assert watched.next() == (["u1"], [("MODIFIED", "u1")])
    reference.delete()
    assert watched.next() == ([], [("REMOVED", "u1")])


def test_a_query_is_followed(client: Any, watch: Callable[[Any], Watched]) -> None:
    users = client.collection("users")
    users.document("b").set({"n": 2})
    users.document("a").set({"n": 1})
    watched = watch(users.where(filter=FieldFilter("n", ">", 0)).order_by("n"))
    assert watched.next()[0] == ["a", "b"]
    batch = client.batch()
    batch.set(users.document("c"), {"n": 3})
    batch.set(users.document("d"), {"n": 0})
    batch.update(users.document("a"), {"n": 9})
    batch.commit()
    documents, changes = watched.next()
    assert documents == ["b", "c", "a"]
    assert sorted(changes) == [("ADDED", "c"), ("MODIFIED", "a")]
    users.document("b").update({"n": -1})
    assert watched.next() == (["c", "a"], [("REMOVED", "b")])
    users.document("c").delete()
    assert watched.next() == (["a"], [("REMOVED", "c")])


def test_a_limited_query_fills_up_and_pushes_out(client: Any, watch: Callable[[Any], Watched]) -> None:
    users = client.collection("users")
    for n in range(1, 5):
        users.document(f"u{n}").set({"n": n})
    watched = watch(users.order_by("n").limit(2))
    assert watched.next()[0] == ["u1", "u2"]
    users.document("u0").set({"n": 0})
    documents, changes = watched.next()
    assert documents == ["u0", "u1"]
    assert sorted(changes) == [("ADDED", "u0"), ("REMOVED", "u2")]
    users.document("u1").delete()
    documents, changes = watched.next()
    assert documents == ["u0", "u2"]
    assert sorted(changes) == [("ADDED", "u2"), ("REMOVED", "u1")]


def test_a_watch_goes_on_when_firestore_begins_empty_on_the_same_port(
    background: Background, clock: Clock, watch: Callable[[Any], Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's client goes deaf where a restarted server takes its old token."""
    first = FirestoreEmulator(host="127.0.0.1", port=0, clock=clock)
    background.run(first.start())
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{first.port}")
    users = firestore.Client(project="p").collection("users")
    users.document("u1").set({})
    watched = watch(users)
    assert watched.next() == (["u1"], [("ADDED", "u1")])

    background.run(first.stop())
    second = FirestoreEmulator(host="127.0.0.1", port=first.port, clock=clock)
    background.run(second.start())

    assert watched.next() == ([], [("REMOVED", "u1")])
    users.document("u2").set({})
    assert watched.next() == (["u2"], [("ADDED", "u2")])
    watched.close()
    background.run(second.stop())


class Stream:
    """A listen stream on the wire."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._requests: queue.Queue[Any] = queue.Queue()
        self._responses: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            # The library waits for the first response before it returns.
            call = self._client._firestore_api.listen(
                requests=iter(self._requests.get, None),
                metadata=[("google-cloud-resource-prefix", self._client._database_string)],
            )
            for response in call:
                self._responses.put(response)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self._responses.put(error)

    def add(self, target_id: int, collection: str = "users", **options: Any) -> None:
        root = self._client._database_string + "/documents"
        target: dict[str, Any] = {"target_id": target_id, **options}
        if "documents" not in target:
            query = {"from_": [{"collection_id": collection}]}
            target["query"] = {"parent": root, "structured_query": query}
        self._requests.put(types.ListenRequest(database=self._client._database_string, add_target=target))

    def add_query(self, target_id: int, query: Any) -> None:
        target = {"parent": self._client._database_string + "/documents", "structured_query": query._to_protobuf()}
        add_target = {"target_id": target_id, "query": target}
        self._requests.put(types.ListenRequest(database=self._client._database_string, add_target=add_target))

    def remove(self, target_id: int) -> None:
        self._requests.put(types.ListenRequest(database=self._client._database_string, remove_target=target_id))

    def next(self) -> Any:
        response = self._responses.get(timeout=100)
        if isinstance(response, Exception):
            raise response
        return response

    def until(self, kind: Any) -> list[Any]:
        """The responses up to a target change of a kind, that one included."""
        responses = [self.next()]
        while responses[-1].target_change.target_change_type != kind or not responses[-1]._pb.HasField("target_change"):
            responses.append(self.next())
        return responses

    def close(self) -> None:
        self._requests.put(None)


@pytest.fixture
def stream(client: Any) -> Iterator[Callable[[], Stream]]:
    opened: list[Stream] = []

    def open_stream() -> Stream:
        opened.append(Stream(client))
        return opened[-1]

    yield open_stream
    for each in opened:
        each.close()


def names(responses: list[Any], kind: str) -> list[str]:
    found = []
    for response in responses:
        if response._pb.WhichOneof("response_type") == kind:
            part = getattr(response, kind)
            name = part.document.name if kind == "document_change" else part.document
            found.append(name.rpartition("/")[2])
    return found


def test_the_first_snapshot_ends_with_a_token(client: Any, stream: Callable[[], Stream]) -> None:
    client.document("users/a").set({})
    client.document("users/b").set({})
    listening = stream()
    listening.add(5)
    responses = listening.until(NO_CHANGE)
    changes = [response.target_change for response in responses if response._pb.HasField("target_change")]
    assert [change.target_change_type for change in changes] == [ADD, CURRENT, NO_CHANGE]
    assert [list(change.target_ids) for change in changes] == [[5], [5], []]
    assert names(responses, "document_change") == ["a", "b"]
    assert changes[1].resume_token
    assert changes[1].read_time


def test_a_resumed_target_hears_only_of_what_changed(client: Any, stream: Callable[[], Stream]) -> None:
    users = client.collection("users")
    for name in "abcd":
        users.document(name).set({"n": 1})
    first = stream()
    first.add(1)
    token = first.until(NO_CHANGE)[-1].target_change.resume_token
    first.close()
    users.document("a").update({"n": 2})
    users.document("b").delete()
    users.document("e").set({"n": 1})
    again = stream()
    again.add(1, resume_token=token, expected_count=4)
    responses = again.until(NO_CHANGE)
    assert sorted(names(responses, "document_change")) == ["a", "e"]
    assert names(responses, "document_delete") == ["b"]
    filters = [response.filter for response in responses if response._pb.HasField("filter")]
    assert [(found.target_id, found.count) for found in filters] == [(1, 4)]


def test_a_target_that_is_resumed_too_late_begins_anew(
    client: Any, stream: Callable[[], Stream], clock: Clock, background: Background
) -> None:
    async def wait() -> None:
        clock.advance(timedelta(hours=2))

    client.document("users/a").set({})
    first = stream()
    first.add(1)
    token = first.until(NO_CHANGE)[-1].target_change.resume_token
    first.close()
    background.run(wait())
    again = stream()
    again.add(1, resume_token=token)
    responses = again.until(NO_CHANGE)
    kinds = [found.target_change.target_change_type for found in responses if found._pb.HasField("target_change")]
    assert kinds == [ADD, RESET, CURRENT, NO_CHANGE]
    assert names(responses, "document_change") == ["a"]


def test_several_targets_share_a_stream(client: Any, stream: Callable[[], Stream]) -> None:
    listening = stream()
    listening.add(1, "users")
    listening.until(NO_CHANGE)
    root = client._database_string + "/documents"
    listening.add(2, documents={"documents": [f"{root}/users/a", f"{root}/users/b"]})
    assert sorted(names(listening.until(NO_CHANGE), "document_delete")) == ["a", "b"]
    client.document("users/a").set({})
    responses = listening.until(NO_CHANGE)
    targets = [list(found.document_change.target_ids) for found in responses if found._pb.HasField("document_change")]
    assert sorted(target for each in targets for target in each) == [1, 2]
    listening.remove(1)
    assert list(listening.until(REMOVE)[-1].target_change.target_ids) == [1]
    client.document("users/c").set({})
    client.document("users/b").set({})
    assert names(listening.until(NO_CHANGE), "document_change") == ["b"]


def test_a_target_that_is_wanted_once_ends_by_itself(client: Any, stream: Callable[[], Stream]) -> None:
    client.document("users/a").set({})
    listening = stream()
    listening.add(3, once=True)
    assert names(listening.until(REMOVE), "document_change") == ["a"]


def test_a_target_that_cannot_be_listened_to_ends_alone(client: Any, stream: Callable[[], Stream]) -> None:
    listening = stream()
    listening.add(1)
    listening.until(NO_CHANGE)
    root = client._database_string + "/documents"
    listening.add(2, documents={"documents": [f"{root}/a/__badpath__/b/c"]})
    listening.add(3, resume_token=b"of another service")
    listening.add(4, "a/b")
    listening.add(-5)
    for target, problem in ((2, "reserved"), (3, "resume_token"), (4, 'contains a "/"'), (-5, "negative")):
        change = listening.until(REMOVE)[-1].target_change
        assert (list(change.target_ids), change.cause.code) == ([target], code_pb2.INVALID_ARGUMENT)
        assert problem in change.cause.message
    client.document("users/a").set({})
    assert names(listening.until(NO_CHANGE), "document_change") == ["a"]


def test_a_query_that_cannot_be_listened_to_ends_alone(client: Any, stream: Callable[[], Stream]) -> None:
    users = client.collection("users")
    nearest = users.find_nearest("v", Vector([1.0]), limit=1, distance_measure=DistanceMeasure.EUCLIDEAN)
    listening = stream()
    for target_id, (query, problem) in enumerate(((users.select(["a"]), "'select'"), (nearest, "'findNearest'")), 1):
        listening.add_query(target_id, query)
        change = listening.until(REMOVE)[-1].target_change
        assert (list(change.target_ids), change.cause.code) == ([target_id], code_pb2.INVALID_ARGUMENT)
        assert f"{problem} " in change.cause.message


def test_a_stream_whose_targets_get_their_ids_takes_no_others(client: Any, stream: Callable[[], Stream]) -> None:
    listening = stream()
    listening.add(0)
    [added, *_] = listening.until(NO_CHANGE)
    assert list(added.target_change.target_ids) == [1]
    listening.add(7)
    assert list(listening.next().target_change.target_ids) == [7]
    listening.add(0)
    assert list(listening.until(NO_CHANGE)[0].target_change.target_ids) == [2]
