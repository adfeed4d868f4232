"""An answer of a query as JSON, as protobuf's own json_format has it, in a twentieth of its time: queries answer with
very many. https://protobuf.dev/programming-guides/json/"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring as text_to_json

from google.protobuf.timestamp_pb2 import Timestamp

from local_cloud import transcoding
from local_cloud.firestore.messages import Message

_USUAL_VALUES: Mapping[str, Callable[[Message], str]] = {
    "null_value": lambda _value: '{"nullValue":null}',
    "boolean_value": lambda value: f'{{"booleanValue":{"true" if value.boolean_value else "false"}}}',
    "integer_value": lambda value: f'{{"integerValue":"{value.integer_value}"}}',
    "timestamp_value": lambda value: f'{{"timestampValue":{_timestamp(value.timestamp_value)}}}',
    "string_value": lambda value: f'{{"stringValue":{text_to_json(value.string_value)}}}',
    "reference_value": lambda value: f'{{"referenceValue":{text_to_json(value.reference_value)}}}',
}


def to_json(response: Message) -> str:
    """A RunQueryResponse as JSON."""
    document = response.document
    if not document.HasField("create_time") or response.skipped_results or response.HasField("explain_metrics"):
        return transcoding.to_json(response)
    fields = document.fields
    values = ",".join([f"{text_to_json(name)}:{_value(fields[name])}" for name in fields])
    written = f'"fields":{{{values}}},' if values else ""
    return (
        f'{{"document":{{"name":{text_to_json(document.name)},{written}'
        f'"createTime":{_timestamp(document.create_time)},"updateTime":{_timestamp(document.update_time)}}},'
        f'"readTime":{_timestamp(response.read_time)}}}'
    )


def _value(value: Message) -> str:
    usual = _USUAL_VALUES.get(value.WhichOneof("value_type"))
    return usual(value) if usual else transcoding.to_json(value)


def _timestamp(moment: Message) -> str:
    return _timestamp_text(moment.seconds, moment.nanos)


@lru_cache(maxsize=1024)
def _timestamp_text(seconds: int, nanos: int) -> str:
    return f'"{Timestamp(seconds=seconds, nanos=nanos).ToJsonString()}"'
