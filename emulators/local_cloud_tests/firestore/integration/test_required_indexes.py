"""A Firestore that has the indexes of a file and no others, as a deployed one has."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.types import ListenRequest

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.firestore.required_indexes import refuse
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.index_file import read_index_file

_FILE = """{"indexes": [{"collectionGroup": "cities", "fields": [
    {"fieldPath": "country", "order": "ASCENDING"}, {"fieldPath": "population", "order": "DESCENDING"}]}]}"""
_MESSAGE = r"The query requires an index\. You can create it here: https://console\.firebase\.google\.com/\S+$"


@pytest.fixture(scope="module")
def emulator(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirestoreEmulator]:
    file: Path = tmp_path_factory.mktemp("indexes") / "firestore.indexes.json"
    file.write_text(_FILE)
    emulator = FirestoreEmulator(
        host="127.0.0.1", port=0, clock=Clock(), declared_indexes=read_index_file(file), on_missing_index=refuse
    )
    background.run(emulator.start())
    yield emulator
    background.run(emulator.stop())


@pytest.fixture
def cities(make_client: Callable[..., Any]) -> Any:
    return make_client().collection("cities")


def test_a_query_without_its_index_is_refused(cities: Any) -> None:
    cities.document("LA").set({"country": "USA", "population": 4})
    of_usa = cities.where(filter=FieldFilter("country", "==", "USA"))

    assert [found.id for found in of_usa.order_by("population", direction="DESCENDING").stream()] == ["LA"]
    for refused in (of_usa.order_by("population"), of_usa.order_by("population").count()):
        with pytest.raises(FailedPrecondition, match=_MESSAGE):
            list(refused.get())


def test_a_listener_without_its_index_is_refused(cities: Any) -> None:
    query = cities.where(filter=FieldFilter("country", "==", "USA")).order_by("population")
    target = {
        "target_id": 1,
        "query": {"parent": cities._client._database_string + "/documents", "structured_query": query._to_protobuf()},
    }
    request = ListenRequest(database=cities._client._database_string, add_target=target)
    changes = cities._client._firestore_api.listen(iter([request]))

    kinds = [response.target_change for response in changes]
    assert [kind.target_change_type.name for kind in kinds] == ["ADD", "REMOVE"]
    assert kinds[1].cause.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert kinds[1].cause.message.startswith("The query requires an index.")
