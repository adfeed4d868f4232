"""Answers as Google gives them: without defaults, with its own fields, in another order, with the project's number."""

import functools
import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deployment.engine.discovery import Method
from tests.deployment.stand_in.rest_request import Resource
from tests.deployment.stand_in.the_project import NUMBER
from tests.deployment.weather.clock import at
from tests.deployment.weather.sky import Sky

Schema = Mapping[str, Any]

BY_NUMBER = ("secretmanager", "monitoring.services", "monitoring.projects.dashboards")
"""The methods whose answers have the project's number in names."""

_OWN: dict[str, Resource] = yaml.safe_load(
    Path(__file__).with_name("own_fields.yaml").read_text(encoding="utf-8"),
)


_WITHIN = {"containers", "httpTarget", "metricDescriptor", "thresholdRules"}
"""Where Google adds fields, but not the whole."""


def dressed(sky: Sky, method: Method, answer: Resource, born: Mapping[str, float], project: str) -> Resource:
    """An answer as Google would give it.

    Args:
        sky: draws, and counts.
        method: which was called.
        answer: what the stand-in answers, which is left as it is.
        born: when what is new was made, in seconds, by names.
        project: its id.
    """
    answer = json.loads(json.dumps(answer))
    collection = method.id.rpartition(".")[0]
    schemas = _schemas(method.api, method.version)
    schema = schemas.get(method.described.get("response", {}).get("$ref", ""), {})
    drawn = sky.draw("order", method.id, round(sky.clock.seconds))
    items = [answer]
    if method.verb == "list":
        items = []
        for found in answer.values():
            if isinstance(found, list):
                drawn.shuffle(found)
                items += [each for each in found if isinstance(each, dict)]
                _strike_if(sky, "other-order", len(found) > 1)
    is_operation = method.described.get("response", {}).get("$ref", "").endswith("Operation")
    for item in items:
        if method.verb in {"get", "list", "create", "patch"} and not is_operation and "/operations/" not in str(item):
            made = born.get(str(item.get("name")))
            own = dict(_OWN.get(collection, {}))
            if made is not None and "createTime" in _properties(schemas, schema, method):
                own |= {"createTime": _text(made), "updateTime": _text(made)}
            if made is not None and collection == "storage.buckets":
                own["timeCreated"] = _text(made)
            if collection == "logging.projects.metrics":
                kind = f"logging.googleapis.com/user/{item.get('name')}"
                own["metricDescriptor"] = {"name": f"projects/{project}/metricDescriptors/{kind}", "type": kind}
                own |= {"createTime": _text(made)} if made is not None else {}
            _fill(item, own)
            _strike_if(sky, "own-fields", bool(own))
        _name_conditions(item, method)
        _reorder(sky, item, drawn)
        if method.id.startswith(BY_NUMBER) and str(item.get("name", "")).startswith(f"projects/{project}/"):
            item["name"] = item["name"].replace(f"projects/{project}/", f"projects/{NUMBER}/", 1)
            sky.strike("number-for-id")
    return answer if method.api == "storage" else _without_defaults(sky, answer, schema, schemas)


def _strike_if(sky: Sky, belief: str, is_so: bool) -> None:
    if is_so:
        sky.strike(belief)


def _text(seconds: float) -> str:
    return f"{at(seconds):%Y-%m-%dT%H:%M:%S}.123456Z"


def _properties(schemas: Mapping[str, Schema], schema: Schema, method: Method) -> Schema:
    """The fields of a resource that the method answers with, or lists."""
    if method.verb == "list":
        schema = schemas.get(schema.get("properties", {}).get(method.list_field(), {}).get("items", {}).get("$ref"), {})
    found: Schema = schema.get("properties", {})
    return found


def _fill(resource: Any, own: Resource) -> None:
    """Add what is not there."""
    for each in resource if isinstance(resource, list) else [resource]:
        for key, value in own.items():
            if isinstance(value, dict) and each.get(key):
                _fill(each[key], value)
            elif key not in _WITHIN:
                each.setdefault(key, value)


def _name_conditions(item: Resource, method: Method) -> None:
    for number, condition in enumerate(item.get("conditions", []) if "alertPolicies" in method.id else []):
        condition.setdefault("name", f"{item.get('name')}/conditions/{number}")
    if (
        "collectionGroups.indexes" in method.id
        and item.get("fields", [{}])[-1].get("fieldPath", "__name__") != "__name__"
    ):
        item["fields"].append({"fieldPath": "__name__", "order": item["fields"][-1].get("order", "ASCENDING")})
        item.setdefault("density", "SPARSE_ALL")


def _reorder(sky: Sky, item: Resource, drawn: Any) -> None:
    template = (item.get("template") or {}).get("containers") or [{}]
    found = [item.get("bindings"), (item.get("metricDescriptor") or {}).get("labels"), template[0].get("env")]
    found += [each.get("members") for each in item.get("bindings") or []]
    for each in found:
        if isinstance(each, list) and len(each) > 1:
            drawn.shuffle(each)
            sky.strike("other-order")


@functools.cache
def _schemas(api: str, version: str) -> Mapping[str, Schema]:
    """The schemas of an interface's discovery document."""
    folder = importlib.resources.files("googleapiclient.discovery_cache") / "documents"
    file = folder / f"{api}.{version}.json"
    found: Mapping[str, Schema] = json.loads(file.read_text(encoding="utf-8"))["schemas"] if file.is_file() else {}
    return found


def _without_defaults(sky: Sky, value: Any, schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    schema = schemas.get(schema["$ref"], {}) if "$ref" in schema else schema
    if isinstance(value, list):
        return [_without_defaults(sky, each, schema.get("items", {}), schemas) for each in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    kept = {}
    for key, each in value.items():
        own = schema["properties"].get(key, {})
        if own and _is_default(each, own):
            sky.strike("defaults-left-out")
        else:
            kept[key] = _without_defaults(sky, each, own, schemas)
    return kept


def _is_default(value: Any, schema: Schema) -> bool:
    """Whether a field is not written. A message that is there is, though it is empty."""
    match value:
        case bool() | int() | float():
            return not value
        case str():
            zero = "0" if schema.get("format") in {"int64", "uint64"} else ""
            return value in {zero, *schema.get("enum", [])[:1]}
        case list():
            return not value
        case dict():
            return not value and "additionalProperties" in schema
    return False
