"""Translates HTTP requests into calls of a gRPC service, by the rules of `google.api.http`.

https://github.com/googleapis/googleapis/blob/master/google/api/http.proto. JSON is that of protobuf
(https://protobuf.dev/programming-guides/json/), and error messages use the wording of Google's services.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

import grpc
from google.api.http_pb2 import HttpRule
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest

from local_cloud.rpc import RpcError

_VARIABLE = re.compile(r"\{([^=}]+)(?:=([^}]*))?\}")
_WILDCARD = re.compile(r"\*\*?")
_SLASH = re.compile("(%2[Ff])")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")

_OF_NO_EFFECT = frozenset({".xgafv", "access_token", "key", "oauth_token", "prettyPrint", "quotaUser", "userProject"})
"""https://cloud.google.com/apis/docs/system-parameters: those that do not change what an answer says."""

_NOT_HERE = frozenset({"callback", "fields"})


class Binding:
    """One way to call a method over HTTP.

    Args:
        rule: an HttpRule, whose additional bindings are left out of account.

    Attributes:
        http_method: such as `POST`.
        path: the template, such as `/v2/{name=projects/*/locations/*/queues/*}:pause`.
        body: the field that the body stands for, `*` for the whole request, empty for none.
        has_verb: whether the path ends in a verb, which goes before a path that would take it for part of a name.
    """

    def __init__(self, rule: HttpRule) -> None:
        kind = rule.WhichOneof("pattern")
        self.http_method = (rule.custom.kind if kind == "custom" else kind or "").upper()
        self.path: str = rule.custom.path if kind == "custom" else getattr(rule, kind or "get")
        self.body = rule.body
        self.has_verb = ":" in _VARIABLE.sub("", self.path).rpartition("/")[2]
        self._variables = [name for name, _ in _VARIABLE.findall(self.path)]
        self._pattern = re.compile(_pattern(self.path))

    def match(self, path: str) -> dict[str, str] | None:
        """The values in a path, by the fields of the request; None if the path does not match.

        Args:
            path: as it stands in the URL, percent-encoded.
        """
        found = self._pattern.fullmatch(path)
        return None if found is None else dict(zip(self._variables, map(_decode, found.groups()), strict=True))


def bindings(rule: HttpRule) -> Iterator[Binding]:
    """All ways to call a method."""
    yield Binding(rule)
    yield from map(Binding, rule.additional_bindings)


@dataclass(frozen=True)
class Parameters:
    """The query parameters of a URL.

    Attributes:
        fields: names and values that are fields of the request.
        numeric_enums: whether enums are to be numbers in the answer, as Google's own clients want them.
    """

    fields: Sequence[tuple[str, str]]
    numeric_enums: bool


def read_parameters(query: Sequence[tuple[str, str]]) -> Parameters:
    """Separate the parameters of all services from those of the method.

    Raises:
        RpcError: UNIMPLEMENTED, for a parameter that would change the answer in a way that is not implemented.
    """
    fields: list[tuple[str, str]] = []
    numeric_enums = False
    for name, value in query:
        system = name.removeprefix("$")
        if system == "alt" and value in {"json", "json;enum-encoding=int"}:
            numeric_enums = value != "json"
        elif system == "alt" or system in _NOT_HERE:
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, f"The parameter {name}={value} is not implemented here.")
        elif system not in _OF_NO_EFFECT:
            fields.append((name, value))
    return Parameters(fields, numeric_enums)


def read_request(
    binding: Binding, request: Message, *, variables: Mapping[str, str], fields: Sequence[tuple[str, str]], body: bytes
) -> None:
    """Fill in the request message from an HTTP request.

    Args:
        binding: the one that the path matches.
        request: an empty message, which is filled.
        variables: the values from the path.
        fields: the values from the parameters.
        body: JSON, or nothing.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    if binding.body:
        value = _read_json(body) if body else {}
        _merge(value if binding.body == "*" else {binding.body: value}, request)
    if fields:
        descriptor: Any = request.DESCRIPTOR
        _merge(_from_parameters(binding, descriptor, fields), request)
    for path, text in variables.items():
        *parents, last = path.split(".")
        target: Any = request
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, last, text)


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON as it is sent."""


def to_json(response: Message, *, numeric_enums: bool = False) -> str:
    """An answer as JSON; fields that have their default are left out."""
    return _dump(json_format.MessageToDict(response, use_integers_for_enums=numeric_enums))


def error_to_json(error: RpcError, http_status: int) -> str:
    """A refusal as JSON: https://cloud.google.com/apis/design/errors#http_mapping."""
    body: dict[str, Any] = {"code": http_status, "message": error.message, "status": error.code.name}
    if error.details:
        body["details"] = [json_format.MessageToDict(detail) for detail in error.to_status().details]
    return _dump({"error": body})


def invalid(message: str, field: str = "") -> RpcError:
    """INVALID_ARGUMENT, with the field that it is about."""
    violation = BadRequest.FieldViolation(field=field, description=message)
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, message, [BadRequest(field_violations=[violation])])


def _pattern(template: str) -> str:
    """A regular expression whose groups are the template's variables."""
    pattern, position = "", 0
    for variable in _VARIABLE.finditer(template):
        pattern += _segments(template[position : variable.start()]) + f"({_segments(variable[2] or '*')})"
        position = variable.end()
    return pattern + _segments(template[position:])


def _segments(template: str) -> str:
    pattern, position = "", 0
    for wildcard in _WILDCARD.finditer(template):
        pattern += re.escape(template[position : wildcard.start()]) + (".*" if wildcard[0] == "**" else "[^/]+")
        position = wildcard.end()
    return pattern + re.escape(template[position:])


def _decode(text: str) -> str:
    """A slash that is part of a name stays encoded, where several segments are one variable."""
    if "/" not in text:
        return unquote(text)
    return "".join(part if _SLASH.fullmatch(part) else unquote(part) for part in _SLASH.split(text))


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error


def _merge(value: Any, message: Message) -> None:
    """Put JSON into a message."""
    if not isinstance(value, dict):
        raise invalid('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    descriptor: Any = message.DESCRIPTOR
    _check(value, descriptor, "")
    try:
        json_format.ParseDict(value, message)
    except json_format.ParseError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error


def _check(value: Any, descriptor: Descriptor, path: str) -> None:
    """Refuse values that json_format would misread, or would refuse without naming the place.

    json_format skips characters that are not base64: a body that a client forgot to encode would become a different
    one.
    """
    fields = _fields(descriptor)
    for name, item in value.items():
        field = fields.get(name)
        if field is None:
            place = f" at '{path}'" if path else ""
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.', path)
        if item is None or not (field.message_type or field.type == FieldDescriptor.TYPE_BYTES):
            continue
        inner = f"{path}.{field.name}" if path else field.name
        if not _is_repeated(field):
            _check_item(item, field, inner)
        elif isinstance(item, list):
            for index, element in enumerate(item):
                _check_item(element, field, f"{inner}[{index}]")


def _check_item(item: Any, field: FieldDescriptor, path: str) -> None:
    if (inner := field.message_type) is None:
        if not isinstance(item, str) or not _BASE64.fullmatch(item) or len(item.rstrip("=")) % 4 == 1:
            shown = _shown(item)
            raise invalid(f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for {shown}", path)
    elif inner.GetOptions().map_entry or inner.file.package == "google.protobuf":
        return  # json_format handles these types itself: their JSON is not that of a message.
    elif isinstance(item, dict):
        _check(item, inner, path)
    else:
        raise invalid(f"Invalid value at '{path}' (type.googleapis.com/{inner.full_name}), {_shown(item)}", path)


def _from_parameters(binding: Binding, descriptor: Descriptor, fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The JSON that parameters such as `queue.name=…&readMask=…` stand for."""
    tree: dict[str, Any] = {}
    for path, text in fields:
        if binding.body == "*" or not _put(tree, descriptor, path.split("."), text):
            raise invalid(
                f'Invalid JSON payload received. Unknown name "{path}": Cannot bind query parameter. '
                f"Field '{path.rpartition('.')[2]}' could not be found in request message."
            )
    return tree


def _put(tree: dict[str, Any], descriptor: Descriptor | None, names: Sequence[str], text: str) -> bool:
    """Put a parameter's value at the place that its name gives. Returns whether there is such a place."""
    name, *rest = names
    field = _fields(descriptor).get(name) if descriptor is not None else None
    if field is None:
        return False
    if rest:
        if _is_repeated(field):
            return False
        inner = tree.setdefault(field.json_name, {})
        return isinstance(inner, dict) and _put(inner, field.message_type, rest, text)
    value = text == "true" if field.type == FieldDescriptor.TYPE_BOOL and text in {"true", "false"} else text
    if _is_repeated(field):
        tree.setdefault(field.json_name, []).append(value)
    else:
        tree[field.json_name] = value
    return True


@cache
def _fields(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    """The fields, by both names that JSON may use."""
    return {field.name: field for field in descriptor.fields} | {field.json_name: field for field in descriptor.fields}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _is_repeated(field: Any) -> bool:
    # protobuf 5 has no `is_repeated`, and 7 no `label`.
    return bool(field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED)
