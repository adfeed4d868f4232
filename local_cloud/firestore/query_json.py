"""An answer of a query as JSON, as protobuf's own json_format has it, in a tenth of its time: queries answer with very
many. https://protobuf.dev/programming-guides/json/"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from local_cloud.firestore.messages import Message

_USUAL_VALUES: Mapping[str, tuple[str, Callable[[Message], Any]]] = {
    "null_value": ("nullValue", lambda _value: None),
    "boolean_value": ("booleanValue", lambda value: value.boolean_value),
    "integer_value": ("integerValue", lambda value: str(value.integer_value)),
    "timestamp_value": ("timestampValue", lambda value: _timestamp(value.timestamp_value)),
    "string_value": ("stringValue", lambda value: value.string_value),
    "reference_value": ("referenceValue", lambda value: value.reference_value),
}


def to_dict(response: Message) -> dict[str, Any]:
    """A RunQueryResponse as JSON."""
    if not response.HasField("document") or response.skipped_results or response.HasField("explain_metrics"):
        return MessageToDict(response)
    document = response.document
    written: dict[str, Any] = {"name": document.name}
    if fields := {name: _value(document.fields[name]) for name in document.fields}:
        written["fields"] = fields
    if document.HasField("create_time"):
        written["createTime"] = _timestamp(document.create_time)
    if document.HasField("update_time"):
        written["updateTime"] = _timestamp(document.update_time)
    return {"document": written, "readTime": _timestamp(response.read_time)}


def _value(value: Message) -> dict[str, Any]:
    usual = _USUAL_VALUES.get(value.WhichOneof("value_type"))
    if usual is None:
        return MessageToDict(value)
    name, read = usual
    return {name: read(value)}


def _timestamp(moment: Message) -> str:
    return _timestamp_text(moment.seconds, moment.nanos)


@lru_cache(maxsize=1024)
def _timestamp_text(seconds: int, nanos: int) -> str:
    return Timestamp(seconds=seconds, nanos=nanos).ToJsonString()
