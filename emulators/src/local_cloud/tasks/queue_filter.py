"""The filter of ListQueues, such as `state: PAUSED` or `rateLimits.maxDispatchesPerSecond > 100`.

https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues/list
"""

import operator
import re
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from local_cloud.tasks import messages
from local_cloud.tasks.refusals import invalid

_COMPARISON = re.compile(r"""\s*(?P<field>[\w.]+)\s*(?P<operator><=|>=|!=|=|<|>|:)\s*(?P<value>"[^"]*"|[^\s"]+)\s*""")
_AND = re.compile(r"\s*AND\b", re.ASCII)
_NUMBERS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    ":": operator.eq,
}

Predicate = Callable[[Any], bool]


def parse(text: str) -> Predicate:
    """A function that says whether a protobuf Queue passes a filter: comparisons joined by AND, or nothing at all.

    Raises:
        RpcError: INVALID_ARGUMENT, with what is not understood.
    """
    comparisons: list[Predicate] = []
    position = 0
    while position < len(text.rstrip()):
        if comparisons:
            joint = _AND.match(text, position)
            if joint is None:
                raise invalid(
                    f"The filter is not understood at '{text[position:].strip()}': AND is what may come here."
                )
            position = joint.end()
        match = _COMPARISON.match(text, position)
        if match is None:
            raise invalid(
                f"The filter is not understood at '{text[position:].strip()}': it takes comparisons such as "
                "'state: PAUSED', joined by AND."
            )
        comparisons.append(_comparison(match["field"], match["operator"], match["value"].strip('"')))
        position = match.end()
    return lambda queue: all(comparison(queue) for comparison in comparisons)


def _comparison(path: str, sign: str, text: str) -> Predicate:
    fields = _fields(path)
    compare = _OPERATORS[sign]
    last = fields[-1]
    if last.message_type is None and last.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if sign == ":":
            return lambda queue: text.lower() in _read(queue, fields).lower()
        return lambda queue: compare(_read(queue, fields), text)
    wanted = _value(path, last, text)
    return lambda queue: compare(_comparable(_read(queue, fields)), wanted)


def _fields(path: str) -> list[FieldDescriptor]:
    fields: list[FieldDescriptor] = []
    message: Descriptor | None = messages.Queue.DESCRIPTOR
    for name in path.split("."):
        field = None
        if message is not None:
            field = message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)
        if field is None:
            raise invalid(f"The filter names '{path}', which is no field of a queue.")
        fields.append(field)
        message = field.message_type
    return fields


def _read(queue: Any, fields: list[FieldDescriptor]) -> Any:
    value = queue
    for field in fields:
        value = getattr(value, field.name)
    return value


def _comparable(value: Any) -> Any:
    return (value.seconds, value.nanos) if isinstance(value, Duration | Timestamp) else value


def _value(path: str, field: FieldDescriptor, text: str) -> Any:
    try:
        if field.enum_type is not None:
            return field.enum_type.values_by_name[text].number
        if field.cpp_type in _NUMBERS:
            return float(text)
        if field.message_type is not None and field.message_type.full_name in (
            Duration.DESCRIPTOR.full_name,
            Timestamp.DESCRIPTOR.full_name,
        ):
            message = Duration() if field.message_type.full_name == Duration.DESCRIPTOR.full_name else Timestamp()
            message.FromJsonString(text)
            return _comparable(message)
    except (KeyError, ValueError) as error:
        raise invalid(f"The filter compares {path} with '{text}', which is no value of it.") from error
    raise invalid(f"The filter names '{path}', which cannot be compared.")
