"""What the port answers over HTTP, as Google's emulator does, and gRPC beside it."""

import math
import queue
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core.exceptions import Aborted
from google.cloud import firestore
from google.cloud.firestore_v1.vector import Vector

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.errors import LocalCloudError, PortInUse
from local_cloud.firestore.server import FirestoreEmulator


@pytest.fixture(scope="module")
def emulator(background: Background) -> Iterator[FirestoreEmulator]:
    emulator = FirestoreEmulator(host="127.0.0.1", port=0, answers_http=True, clock=Clock())
    background.run(emulator.start())
    yield emulator
    background.run(emulator.stop())


@pytest.fixture
def url(emulator: FirestoreEmulator) -> str:
    return f"http://127.0.0.1:{emulator.port}"


def _clear(url: str, client: Any) -> requests.Response:
    return requests.delete(f"{url}/emulator/v1/{client._database_string}/documents", timeout=100)


def test_all_documents_of_a_database_are_deleted(url: str, client: Any, make_client: Callable[..., Any]) -> None:
    other = make_client(database="other")
    for each in (client, other):
        each.document("users/u1/events/e1").set({})
    transaction = client.transaction()
    transaction._begin()
    client.document("users/u1/events/e1").get(transaction=transaction)

    answer = _clear(url, client)

    assert (answer.status_code, answer.json()) == (200, {})
    assert list(client.collections()) == []
    assert other.document("users/u1/events/e1").get().exists
    transaction.set(client.document("users/u2"), {})
    with pytest.raises(Aborted):
        transaction._commit()


def test_listeners_hear_of_it(url: str, client: Any) -> None:
    heard: Any = queue.Queue()
    client.document("users/u1").set({})
    watch = client.collection("users").on_snapshot(lambda documents, *_: heard.put([each.id for each in documents]))
    assert heard.get(timeout=100) == ["u1"]
    _clear(url, client)
    assert heard.get(timeout=100) == []
    watch.unsubscribe()


def test_rest_is_refused_by_naming_grpc(url: str) -> None:
    assert requests.get(url, timeout=100).text == "Ok\n"
    for method, path in (("GET", "documents/users/u1"), ("POST", "documents:commit")):
        answer = requests.request(method, f"{url}/v1/projects/p/databases/(default)/{path}", timeout=100)
        assert answer.status_code == 501
        assert "gRPC" in answer.json()["error"]["message"]


def test_a_web_page_clears_nothing(url: str, client: Any) -> None:
    client.document("users/u1").set({})
    answer = requests.delete(
        f"{url}/emulator/v1/{client._database_string}/documents",
        headers={"Origin": "https://evil.example"},
        timeout=100,
    )
    assert answer.status_code == 403
    assert client.document("users/u1").get().exists


def test_much_goes_through_at_once(url: str, client: Any) -> None:
    """More than the buffers of the connection hold."""
    batch = client.batch()
    for number in range(18):
        batch.set(client.document(f"large/{number:02}"), {"text": str(number % 10) * 500_000})
    batch.commit()
    assert [each.get("text")[0] for each in client.collection("large").stream()] == [str(n % 10) for n in range(18)]
    _clear(url, client)


def test_a_port_that_is_taken_is_named(background: Background, emulator: FirestoreEmulator) -> None:
    second = FirestoreEmulator(host="127.0.0.1", port=emulator.port, answers_http=True, clock=Clock())
    with pytest.raises(PortInUse, match=str(emulator.port)):
        background.run(second.start())


def test_documents_go_through_a_file(
    background: Background, emulator: FirestoreEmulator, client: Any, url: str, tmp_path: Path
) -> None:
    fields = {
        "n": None,
        "nan": math.nan,
        "when": datetime(2026, 11, 24, 13, 5, 6, 789_012, tzinfo=UTC),
        "who": client.document("users/u2"),
        "where": firestore.GeoPoint(1.5, -2.25),
        "bytes": b"\x00\xff",
        "vector": Vector([1.0, 2.0]),
        "map": {"é": [1, 2.0, {"deep": True}]},
    }
    client.document("users/u1").set(fields)
    client.document("users/u1/events/e1").set({})
    first, second = tmp_path / "first.json", tmp_path / "second.json"

    async def export(file: Path) -> None:
        emulator.export(file)

    async def seed(file: Path) -> None:
        emulator.seed(file)

    background.run(export(first))
    _clear(url, client)
    background.run(seed(first))
    background.run(export(second))

    assert first.read_text() == second.read_text()
    read = client.document("users/u1").get().to_dict()
    assert math.isnan(read.pop("nan"))
    assert read == {name: value for name, value in fields.items() if name != "nan"}
    broken = tmp_path / "broken.json"
    broken.write_text('{"projects/p/databases/d": {"users": {}}}')
    with pytest.raises(LocalCloudError, match=r"broken.json: projects/p/databases/d/documents/users: "):
        background.run(seed(broken))
