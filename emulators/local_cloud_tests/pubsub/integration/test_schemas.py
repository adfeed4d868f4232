"""Schemas, their revisions, and what topics that have one refuse, by google-cloud-pubsub's own clients."""

import itertools
import json
import sys
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import SchemaServiceClient
from google.iam.v1 import policy_pb2
from google.protobuf import descriptor_pb2
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.types import Encoding, Schema, SchemaView

from local_cloud_tests.pubsub.integration.conftest import PROJECT, PubSub

PARENT = f"projects/{PROJECT}"
AVRO, PROTOCOL_BUFFER = Schema.Type.AVRO, Schema.Type.PROTOCOL_BUFFER

STATE = json.dumps(
    {
        "type": "record",
        "name": "State",
        "namespace": "utilities",
        "fields": [
            {"name": "name", "type": "string"},
            {"name": "people", "type": ["null", "long"], "default": None},
        ],
    }
)
STATE_WITH_AREA = json.dumps(
    {**json.loads(STATE), "fields": [*json.loads(STATE)["fields"], {"name": "area", "type": "double"}]}
)
PROTO_STATE = """
syntax = "proto3";
package utilities;
message State {
  enum Kind { NONE = 0; PROVINCE = 1; }
  message City { string name = 1; }
  string name = 1;
  optional int64 people = 2;
  Kind kind = 3;
  repeated City cities = 4;
}
"""

_numbers = itertools.count()


@pytest.fixture(scope="module")
def schemas(pubsub: PubSub) -> Iterator[SchemaServiceClient]:
    address = f"127.0.0.1:{pubsub.emulator.port}"
    with SchemaServiceClient(
        transport=SchemaServiceGrpcTransport(channel=grpc.insecure_channel(address), host=address)
    ) as client:
        yield client


@pytest.fixture
def create(schemas: SchemaServiceClient) -> Callable[..., Schema]:
    def create(definition: str = STATE, kind: int = AVRO) -> Schema:
        """A new schema."""
        schema: Schema = schemas.create_schema(
            parent=PARENT, schema={"type_": kind, "definition": definition}, schema_id=f"schema-{next(_numbers)}"
        )
        return schema

    return create


def topic_with(pubsub: PubSub, schema: Schema, encoding: int = Encoding.JSON, **settings: str) -> str:
    name = f"{PARENT}/topics/topic-with-schema-{next(_numbers)}"
    request = {"name": name, "schema_settings": {"schema": schema.name, "encoding": encoding, **settings}}
    pubsub.publisher.create_topic(request=request)
    return name


def commit(schemas: SchemaServiceClient, schema: Schema, definition: str = STATE_WITH_AREA) -> Schema:
    committed: Schema = schemas.commit_schema(
        name=schema.name, schema={"type_": schema.type_, "definition": definition}
    )
    return committed


def publish(pubsub: PubSub, topic: str, data: str | bytes) -> None:
    data = data.encode() if isinstance(data, str) else data
    pubsub.publisher.publish(topic, data).result(60)


def avro(name: bytes, people: bytes = b"\0") -> bytes:
    return bytes([2 * len(name)]) + name + people


def test_a_schema_is_kept_and_shown_as_much_as_is_asked_for(
    schemas: SchemaServiceClient, create: Callable[..., Schema]
) -> None:
    schema = create()
    assert (schema.type_, schema.definition) == (AVRO, STATE)
    assert schema.revision_create_time is not None

    assert schemas.get_schema(name=schema.name) == schema
    assert schemas.get_schema(request={"name": schema.name, "view": SchemaView.BASIC}).definition == ""
    [listed] = [each for each in schemas.list_schemas(parent=PARENT) if each.name == schema.name]
    assert listed.revision_id == schema.revision_id
    assert listed.definition == ""
    full = {each.name: each for each in schemas.list_schemas(request={"parent": PARENT, "view": SchemaView.FULL})}
    assert full[schema.name] == schema
    with pytest.raises(exceptions.AlreadyExists):
        schemas.create_schema(
            parent=PARENT, schema={"type_": AVRO, "definition": STATE}, schema_id=schema.name.rsplit("/", 1)[1]
        )


def test_a_deleted_schema_is_gone_and_its_topic_takes_nothing(
    pubsub: PubSub, schemas: SchemaServiceClient, create: Callable[..., Schema]
) -> None:
    schema = create()
    topic = topic_with(pubsub, schema)

    schemas.delete_schema(name=schema.name)

    assert schema.name not in [each.name for each in schemas.list_schemas(parent=PARENT)]
    with pytest.raises(exceptions.NotFound):
        schemas.get_schema(name=schema.name)
    with pytest.raises(exceptions.NotFound):
        schemas.delete_schema(name=schema.name)
    assert pubsub.publisher.get_topic(topic=topic).schema_settings.schema == "_deleted-schema_"
    with pytest.raises(exceptions.FailedPrecondition, match="deleted"):
        publish(pubsub, topic, '{"name": "Ontario", "people": null}')

    pubsub.publisher.update_topic(request={"topic": {"name": topic}, "update_mask": {"paths": ["schema_settings"]}})
    publish(pubsub, topic, "anything")


def test_revisions_are_committed_rolled_back_listed_and_deleted(
    schemas: SchemaServiceClient, create: Callable[..., Schema]
) -> None:
    first = create()
    second = commit(schemas, first)
    assert second.definition == STATE_WITH_AREA
    assert schemas.get_schema(name=first.name) == second
    assert schemas.get_schema(name=f"{first.name}@{first.revision_id}") == first

    third = schemas.rollback_schema(name=first.name, revision_id=first.revision_id)
    assert third.definition == STATE
    listed = list(schemas.list_schema_revisions(request={"name": first.name, "page_size": 2, "view": SchemaView.FULL}))
    assert listed == [third, second, first]

    assert schemas.delete_schema_revision(name=f"{first.name}@{third.revision_id}") == second
    with pytest.raises(exceptions.NotFound):
        schemas.get_schema(name=f"{first.name}@{third.revision_id}")
    with pytest.raises(exceptions.InvalidArgument, match="name of a revision"):
        schemas.delete_schema_revision(name=first.name)
    schemas.delete_schema_revision(name=f"{first.name}@{second.revision_id}")
    with pytest.raises(exceptions.FailedPrecondition, match="only revision"):
        schemas.delete_schema_revision(name=f"{first.name}@{first.revision_id}")


def test_a_schema_has_twenty_revisions_at_most_and_one_type(
    schemas: SchemaServiceClient, create: Callable[..., Schema]
) -> None:
    schema = create()
    with pytest.raises(exceptions.InvalidArgument, match="type"):
        schemas.commit_schema(name=schema.name, schema={"type_": PROTOCOL_BUFFER, "definition": PROTO_STATE})
    for _ in range(19):
        commit(schemas, schema)
    with pytest.raises(exceptions.FailedPrecondition, match="20 revisions"):
        schemas.rollback_schema(name=schema.name, revision_id=schema.revision_id)


@pytest.mark.parametrize(
    ("kind", "definition", "reason"),
    [
        (AVRO, "", "Expecting value"),
        (AVRO, "woohoo i am a schema, no really", "Expecting value"),
        (AVRO, '{"not_actually": "avro"}', "type"),
        (AVRO, '["null", "string"]', "not a mapping"),
        (AVRO, '{"type": "record", "name": "A", "fields": [{"name": "b", "type": "B"}]}', "B"),
        (AVRO, json.dumps({"type": "fixed", "name": "a" * 300_000, "size": 1}), "300000 bytes"),
        (PROTOCOL_BUFFER, STATE, "schema.proto:"),
        (PROTOCOL_BUFFER, 'syntax = "proto3"; message A { B b = 1; }', '"B" is not defined'),
        (PROTOCOL_BUFFER, 'syntax = "proto3"; message A {} message B {}', "2 messages at the top level"),
        (
            PROTOCOL_BUFFER,
            'syntax = "proto3"; import "google/protobuf/timestamp.proto";'
            " message A { google.protobuf.Timestamp at = 1; }",
            "import statements",
        ),
        (Schema.Type.TYPE_UNSPECIFIED, STATE, "AVRO or PROTOCOL_BUFFER"),
    ],
)
def test_a_wrong_definition_is_refused(schemas: SchemaServiceClient, kind: int, definition: str, reason: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=reason):
        schemas.validate_schema(parent=PARENT, schema={"type_": kind, "definition": definition})


@pytest.mark.parametrize(("kind", "definition"), [(AVRO, STATE), (PROTOCOL_BUFFER, PROTO_STATE)])
def test_a_right_definition_passes(schemas: SchemaServiceClient, kind: int, definition: str) -> None:
    schemas.validate_schema(parent=PARENT, schema={"type_": kind, "definition": definition})


UNIONS = json.dumps(
    {
        "type": "record",
        "name": "Unions",
        "fields": [
            {"name": "either", "type": ["null", {"type": "enum", "name": "E", "symbols": ["X"]}, "int", "string"]},
            {"name": "data", "type": {"type": "fixed", "name": "F", "size": 2}},
            {"name": "list", "type": {"type": "array", "items": ["null", "Unions"]}},
            {"name": "map", "type": {"type": "map", "values": "bytes"}},
        ],
    }
)


@pytest.mark.parametrize(
    ("definition", "data", "is_valid"),
    [
        (STATE, '{"name": "Ontario", "people": {"long": 14}}', True),
        (STATE, '{\n "people": null,\n "name": "Ontario"\n}', True),
        (STATE, '{"name": "Ontario", "people": 14}', False),
        (STATE, '{"name": "Ontario", "people": {"int": 14}}', False),
        (STATE, '{"name": "Ontario"}', False),
        (STATE, '{"name": "Ontario", "people": null, "capital": "Toronto"}', False),
        (STATE, '{"name": 1, "people": null}', False),
        (STATE, '{"name": "Ontario", "people": {"long": 14.5}}', False),
        (STATE, '"Ontario"', False),
        (STATE, "Ontario", False),
        (STATE, b"\xff", False),
        (STATE, "", False),
        (
            UNIONS,
            '{"either": {"E": "X"}, "data": "\\u0000\\u00ff", "map": {"a": "\\u00ff"}, "list": [null, {"Unions": '
            '{"either": {"int": 1}, "data": "ab", "map": {}, "list": []}}]}',
            True,
        ),
        (UNIONS, '{"either": {"E": "Y"}, "data": "ab", "map": {}, "list": []}', False),
        (UNIONS, '{"either": null, "data": "a", "map": {}, "list": []}', False),
        (UNIONS, '{"either": null, "data": "ab", "map": {"a": 1}, "list": []}', False),
        (UNIONS, '{"either": null, "data": "ab", "map": {}, "list": {}}', False),
        (UNIONS, '{"either": null, "data": "ab", "map": [], "list": [1]}', False),
    ],
)
def test_avro_in_json(schemas: SchemaServiceClient, definition: str, data: str | bytes, *, is_valid: bool) -> None:
    assert validates(schemas, AVRO, definition, data, Encoding.JSON) is is_valid


@pytest.mark.parametrize(
    ("data", "is_valid"),
    [
        (avro(b"Ontario"), True),
        (avro(b"Ontario", b"\2\x1c"), True),
        (avro(b"Ontario", b"\4\x1c"), False),
        (avro(b"\xff"), False),
        (avro(b"Ontario") + b"\0", False),
        (avro(b"Ontario")[:-1], False),
        (b"", False),
    ],
)
def test_avro_in_binary(schemas: SchemaServiceClient, data: bytes, *, is_valid: bool) -> None:
    assert validates(schemas, AVRO, STATE, data, Encoding.BINARY) is is_valid


@pytest.mark.parametrize(
    ("data", "is_valid"),
    [
        ('{"name": "Ontario", "people": "14", "kind": "PROVINCE", "cities": [{"name": "Toronto"}]}', True),
        ("{}", True),
        ('{"name": 1}', False),
        ('{"capital": "Toronto"}', False),
        ("Ontario", False),
        (b"\xff", False),
    ],
)
def test_protocol_buffers_in_json(schemas: SchemaServiceClient, data: str | bytes, *, is_valid: bool) -> None:
    assert validates(schemas, PROTOCOL_BUFFER, PROTO_STATE, data, Encoding.JSON) is is_valid


def test_protocol_buffers_in_binary(schemas: SchemaServiceClient) -> None:
    # A message whose first field is a string, too.
    right = descriptor_pb2.FileOptions(java_package="Ontario").SerializeToString()
    assert validates(schemas, PROTOCOL_BUFFER, PROTO_STATE, right, Encoding.BINARY)
    assert not validates(schemas, PROTOCOL_BUFFER, PROTO_STATE, right[:-1], Encoding.BINARY)
    required = 'syntax = "proto2"; message A { required string a = 1; }'
    assert validates(schemas, PROTOCOL_BUFFER, required, right, Encoding.BINARY)
    assert not validates(schemas, PROTOCOL_BUFFER, required, b"", Encoding.BINARY)


def validates(schemas: SchemaServiceClient, kind: int, definition: str, data: str | bytes, encoding: int) -> bool:
    try:
        schemas.validate_message(
            request={
                "parent": PARENT,
                "schema": {"type_": kind, "definition": definition},
                "message": data.encode() if isinstance(data, str) else data,
                "encoding": encoding,
            }
        )
    except exceptions.InvalidArgument:
        return False
    return True


def test_a_message_is_validated_by_a_revision_that_is_kept(
    schemas: SchemaServiceClient, create: Callable[..., Schema]
) -> None:
    first = create()
    commit(schemas, first)
    request = {"parent": PARENT, "message": b'{"name": "Ontario", "people": null}', "encoding": Encoding.JSON}
    schemas.validate_message(request={**request, "name": f"{first.name}@{first.revision_id}"})
    with pytest.raises(exceptions.InvalidArgument, match="area"):
        schemas.validate_message(request={**request, "name": first.name})
    with pytest.raises(exceptions.InvalidArgument, match="encoding"):
        schemas.validate_message(request={**request, "name": first.name, "encoding": 0})


@pytest.mark.parametrize(
    ("kind", "definition", "encoding", "data"),
    [
        (AVRO, STATE, Encoding.JSON, b'{"name": "Ontario", "people": null}'),
        (AVRO, STATE, Encoding.BINARY, avro(b"Ontario")),
        (PROTOCOL_BUFFER, PROTO_STATE, Encoding.JSON, b'{"name": "Ontario"}'),
        (PROTOCOL_BUFFER, PROTO_STATE, Encoding.BINARY, b"\n\7Ontario"),
    ],
)
def test_what_a_topic_takes_says_what_it_is(
    pubsub: PubSub, create: Callable[..., Schema], kind: int, definition: str, encoding: int, data: bytes
) -> None:
    schema = create(definition, kind)
    topic = topic_with(pubsub, schema, encoding)
    subscription = pubsub.subscription(topic)

    publish(pubsub, topic, data)
    with pytest.raises(exceptions.InvalidArgument, match=f"Invalid data in message: {schema.revision_id}"):
        publish(pubsub, topic, b"\xff")

    [received] = pubsub.subscriber.pull(subscription=subscription, max_messages=10).received_messages
    assert received.message.data == data
    assert dict(received.message.attributes) == {
        "googclient_schemaencoding": Encoding(encoding).name,
        "googclient_schemaname": schema.name,
        "googclient_schemarevisionid": schema.revision_id,
    }


def test_a_topic_takes_what_is_of_a_revision_in_its_range(
    pubsub: PubSub, schemas: SchemaServiceClient, create: Callable[..., Schema]
) -> None:
    first = create()
    second = commit(schemas, first)
    third = commit(schemas, first, STATE_WITH_AREA.replace("area", "size"))
    data = {
        "first": '{"name": "a", "people": null}',
        "second": '{"name": "a", "people": null, "area": 1}',
        "third": '{"name": "a", "people": null, "size": 1}',
    }

    def taken(topic: str) -> dict[str, str]:
        """The revisions by which messages were found right."""
        subscription = pubsub.subscription(topic)
        for each in data.values():
            try:
                publish(pubsub, topic, each)
            except exceptions.InvalidArgument:
                continue
        names = {body: name for name, body in data.items()}
        return {
            names[each.message.data.decode()]: each.message.attributes["googclient_schemarevisionid"]
            for each in pubsub.subscriber.pull(subscription=subscription, max_messages=10).received_messages
        }

    ids = {"first": first.revision_id, "second": second.revision_id, "third": third.revision_id}
    whole = topic_with(pubsub, first)
    assert taken(whole) == ids
    later = topic_with(pubsub, first, first_revision_id=second.revision_id)
    assert taken(later) == {name: ids[name] for name in ("second", "third")}
    earlier = topic_with(pubsub, first, last_revision_id=second.revision_id)
    assert taken(earlier) == {name: ids[name] for name in ("first", "second")}

    schemas.delete_schema_revision(name=f"{first.name}@{second.revision_id}")
    assert taken(later) == {"third": ids["third"]}
    assert taken(earlier) == {"first": ids["first"]}


def test_wrong_settings_of_a_topic_are_refused(
    pubsub: PubSub, schemas: SchemaServiceClient, create: Callable[..., Schema]
) -> None:
    first = create()
    second = commit(schemas, first)
    topic_with(pubsub, first, first_revision_id=first.revision_id, last_revision_id=second.revision_id)
    with pytest.raises(exceptions.InvalidArgument, match="later revision"):
        topic_with(pubsub, first, first_revision_id=second.revision_id, last_revision_id=first.revision_id)
    with pytest.raises(exceptions.NotFound, match="0123abcd"):
        topic_with(pubsub, first, first_revision_id="0123abcd")
    with pytest.raises(exceptions.InvalidArgument, match="encoding"):
        topic_with(pubsub, first, Encoding.ENCODING_UNSPECIFIED)
    with pytest.raises(exceptions.NotFound, match="schemas/nowhere"):
        topic_with(pubsub, Schema(name=f"{PARENT}/schemas/nowhere"))


def test_a_schema_has_a_policy(schemas: SchemaServiceClient, create: Callable[..., Schema]) -> None:
    schema = create()
    policy = policy_pb2.Policy(bindings=[policy_pb2.Binding(role="roles/pubsub.viewer", members=["user:a@b.example"])])
    schemas.set_iam_policy(request={"resource": schema.name, "policy": policy})
    assert schemas.get_iam_policy(request={"resource": schema.name}).bindings == policy.bindings


def test_a_missing_package_is_named(schemas: SchemaServiceClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("fastavro", "fastavro.validation", "grpc_tools"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(exceptions.MethodNotImplemented, match="pip install fastavro"):
        schemas.validate_schema(parent=PARENT, schema={"type_": AVRO, "definition": STATE})
    with pytest.raises(exceptions.MethodNotImplemented, match="pip install grpcio-tools"):
        schemas.validate_schema(parent=PARENT, schema={"type_": PROTOCOL_BUFFER, "definition": PROTO_STATE})
