"""What Google leaves out of an answer since it is a default is no difference, in each field that is sent."""

import importlib.resources
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deployment.engine.declared import Declared, resolved
from deployment.engine.differences import differences
from deployment.resources.accounts import accounts, repository
from deployment.resources.firestore import indexes
from deployment.resources.monitoring import monitoring
from deployment.resources.queues import queues
from deployment.resources.schedule import job
from deployment.resources.services import SERVICE, configuration
from deployment.resources.topics import topics
from tests.deployment.declared_settings import NOW, SETTINGS

SERVICES = [
    Declared(
        what=f"service {name}",
        kind=SERVICE,
        parent=SETTINGS.place,
        id=name,
        fields=configuration(SETTINGS, name, variables={"A": "b"}, secrets={}),
    )
    for name in SETTINGS.deployed
]
DECLARED = [
    *accounts(SETTINGS),
    *repository(SETTINGS),
    *indexes(SETTINGS),
    *topics(SETTINGS),
    *queues(SETTINGS, NOW.date()),
    job(SETTINGS),
    *monitoring(SETTINGS),
    *SERVICES,
]


@pytest.mark.parametrize("declared", [each for each in DECLARED if each.fields], ids=lambda each: each.what)
def test_a_default_that_is_left_out_is_no_difference(declared: Declared) -> None:
    verb = "create" if declared.kind.has("create") else "patch"
    method = declared.kind.method(verb)
    folder = importlib.resources.files("googleapiclient.discovery_cache") / "documents"
    schemas = json.loads((folder / f"{method.api}.{method.version}.json").read_text(encoding="utf-8"))["schemas"]
    wanted = json.loads(json.dumps(resolved(dict(declared.fields), {}), default=vars))
    answered = _without_defaults(wanted, schemas[method.described["request"]["$ref"]], schemas)
    assert list(differences(answered, wanted)) == []


def _without_defaults(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A message as Protocol Buffers' JSON has it: https://protobuf.dev/programming-guides/json/#presence"""
    schema = schemas.get(schema.get("$ref", ""), schema)
    if isinstance(value, list):
        return [_without_defaults(each, schema.get("items", {}), schemas) for each in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    return dict(_kept(value, schema["properties"], schemas))


def _kept(value: Mapping[str, Any], fields: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        if each is None:
            continue
        is_zero = each in ("", *fields[key].get("enum", [])[:1]) or (isinstance(each, int | float) and not each)
        if not is_zero and each != []:
            yield key, _without_defaults(each, fields[key], schemas)


def test_a_default_that_is_another_one_is_a_difference() -> None:
    wanted = {"metricDescriptor": {"labels": [{"key": "result", "valueType": "STRING"}]}}
    actual = {"metricDescriptor": {"labels": [{"key": "result", "valueType": "INT64"}]}}
    assert list(differences(actual, wanted)) == ["metricDescriptor.labels[0].valueType"]
