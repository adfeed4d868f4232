"""Requests to Google's interfaces, checked against the discovery documents that google-api-python-client ships.

A path, a parameter or a field that the document does not have is an error before anything is sent.
https://developers.google.com/discovery/v1/reference/apis
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import uritemplate
from googleapiclient.discovery_cache import get_static_doc
from jsonschema import Draft3Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT3

Resource = dict[str, Any]


class InvalidRequest(ValueError):
    """The discovery document has no such request. The text names what is wrong, and where."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that the discovery document allows. The target is the resource that it is about, or the parent of that;
    the path has the version, such as v2/projects/p/metrics/m. The content is a file, in place of a body."""

    method: "Method"
    target: str
    path: str
    query: Mapping[str, str | list[str]] = field(default_factory=dict)
    body: Resource | None = None
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of an interface, such as `logging` in the version `v2`, as the discovery document describes it."""

    api: str
    version: str
    described: Mapping[str, Any] = field(repr=False, compare=False)
    service_path: str = ""

    @property
    def id(self) -> str:
        """The name that Google has for the method, such as `logging.projects.metrics.get`."""
        return str(self.described["id"])

    @property
    def verb(self) -> str:
        return self.id.rpartition(".")[2]

    @property
    def http_method(self) -> str:
        return str(self.described["httpMethod"])

    def has_parameter(self, name: str) -> bool:
        """Whether the method takes a parameter: one of its own, or one that all methods of the interface take."""
        return name in self._parameters or name in _document(self.api, self.version)["parameters"]

    @functools.cached_property
    def target_parameter(self) -> str:
        """The parameter of the path that is a full name. Cloud Storage has names of one part, and none for a bucket
        that is yet to be made."""
        in_path = list(filter(self._is_in_path, self._parameters))
        full = [name for name in in_path if "pattern" in self._parameters[name]]
        return next(iter(full or in_path), "")

    def _is_in_path(self, name: str) -> bool:
        return name in self._parameters and self._parameters[name]["location"] == "path"

    @property
    def _parameters(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.described["parameters"]
        return found

    def takes(self, target: str) -> bool:
        parameter = self._parameters.get(self.target_parameter)
        pattern = "" if parameter is None else parameter.get("pattern", "[^/]+")
        return re.fullmatch(pattern, target) is not None

    def field_schema(self, name: str, *, of: str = "request") -> Mapping[str, Any]:
        """The schema of a field of the request's, or of the response's, body; an empty one where it has none."""
        schemas = _document(self.api, self.version)["schemas"]
        found: Mapping[str, Any] = schemas[self.described[of]["$ref"]].get("properties", {}).get(name, {})
        return found

    def list_field(self) -> str:
        schema = _document(self.api, self.version)["schemas"][self.described["response"]["$ref"]]
        return next(str(name) for name, each in schema["properties"].items() if "$ref" in each.get("items", {}))

    def mask_path(self, path: str) -> str:
        """The part of a field's path that an update mask can name: a list and a map are replaced as a whole."""
        schemas = _document(self.api, self.version)["schemas"]
        schema, taken = schemas[self.described["request"]["$ref"]], []
        for key in path.partition("[")[0].split("."):
            if "properties" not in schema:
                break
            taken.append(key)
            schema = schema["properties"].get(key, {})
            schema = schemas[schema["$ref"]] if "$ref" in schema else schema
        return ".".join(taken)

    def request(
        self,
        target: str,
        body: Resource | None = None,
        *,
        ours: Resource | None = None,
        query: Mapping[str, str | list[str]] = MappingProxyType({}),
    ) -> Request:
        """A request, or InvalidRequest if the discovery document does not allow it. `target` is the full name that the
        path ends with. Of a body that was read from Google, who may know fields that the document does not, `ours` is
        the part that is checked. The query may have other parameters of the path."""
        if not self.takes(target):
            raise InvalidRequest(f"{self.id}: {target!r} is no {self.target_parameter}")
        for name in query:
            if not self.has_parameter(name):
                raise InvalidRequest(f"{self.id}: unknown parameter {name}")
        if (body is None) != ("request" not in self.described):
            raise InvalidRequest(f"{self.id}: {'needs a' if body is None else 'takes no'} body")
        if body is not None:
            check_body(self, body if ours is None else ours)
        in_path = {name: value for name, value in query.items() if self._is_in_path(name)}
        path = uritemplate.expand(self.described["path"], {self.target_parameter: target, **in_path})
        query = {name: value for name, value in query.items() if name not in in_path}
        return Request(method=self, target=target, path=self.service_path + path, query=query, body=body)

    def upload(
        self, target: str, content: bytes, *, query: Mapping[str, str | list[str]], resumable: bool = False
    ) -> Request:
        """A request that brings a file, in parts if it is resumable."""
        request = self.request(target, {}, query=query)
        template = self.described["mediaUpload"]["protocols"]["resumable" if resumable else "simple"]["path"]
        path = uritemplate.expand(template, {self.target_parameter: target}).lstrip("/")
        query = {**query, "uploadType": "resumable" if resumable else "media"}
        return replace(request, path=path, query=query, body=None, content=content)


def check_body(method: Method, body: Resource) -> None:
    """Raise InvalidRequest if a field is unknown, or doesn't take its value."""
    schema = method.described["request"]["$ref"]
    if error := _error_in(method.api, method.version, schema, json.dumps(body, sort_keys=True, default=vars)):
        raise InvalidRequest(f"{method.id}, {error}")


@functools.lru_cache(maxsize=4096)
def _error_in(api: str, version: str, schema: str, body: str) -> str:
    """What is wrong with a body; empty where nothing is. What was planned is checked again when it is sent."""
    validator = Draft3Validator({"$ref": schema}, registry=_registry(api, version))
    error = best_match(validator.iter_errors(json.loads(body)))
    return "" if error is None else f"{error.json_path.removeprefix('$.')}: {error.message}"


@functools.cache
def method(api: str, version: str, name: str) -> Method:
    *collections, verb = name.split(".")
    node = document = _document(api, version)
    for collection in collections:
        node = node["resources"][collection]
    described = node["methods"][verb]
    return Method(api=api, version=version, described=described, service_path=document["servicePath"])


def methods(api: str, version: str) -> list[Method]:
    def below(node: Mapping[str, Any]) -> Iterator[Method]:
        for described in node.get("methods", {}).values():
            yield Method(api=api, version=version, described=described)
        for inner in node.get("resources", {}).values():
            yield from below(inner)

    return list(below(_document(api, version)))


@functools.cache
def _document(api: str, version: str) -> dict[str, Any]:
    text = get_static_doc(api, version)
    if text is None:
        raise InvalidRequest(f"google-api-python-client has no discovery document of {api} {version}")
    document: dict[str, Any] = json.loads(text)
    return document


@functools.cache
def _registry(api: str, version: str) -> Registry[Any]:
    """The document's schemas, which are of JSON Schema's draft 3, by their names. A message has no other fields than
    those that its schema names."""
    schemas = _document(api, version)["schemas"]
    return Registry().with_resources((name, DRAFT3.create_resource(_closed(each))) for name, each in schemas.items())


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # An id that is a text would be the base of references in it; one that is not is a field of this name.
    kept = {key: _closed(value) for key, value in schema.items() if key != "id" or not isinstance(value, str)}
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        kept["additionalProperties"] = False
    return kept
