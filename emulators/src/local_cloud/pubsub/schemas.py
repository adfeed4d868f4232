"""google.pubsub.v1.SchemaService."""

from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from local_cloud.pubsub.broker import Broker
from local_cloud.pubsub.names import check_name, check_project, project_of
from local_cloud.pubsub.paging import page_of
from local_cloud.pubsub.publisher import already_exists
from local_cloud.pubsub.schema_definition import (
    AVRO,
    PROTOCOL_BUFFER,
    Check,
    InvalidData,
    InvalidDefinition,
    NotInstalled,
    read_definition,
)
from local_cloud.pubsub.schema_store import Schema
from local_cloud.pubsub.validation import invalid
from local_cloud.rpc import Method, RpcError

SERVICE = "google.pubsub.v1.SchemaService"

MAX_DEFINITION_BYTES = 300_000

METHODS = (
    Method(name="CreateSchema", request=types.CreateSchemaRequest.pb(), response=types.Schema.pb()),
    Method(name="GetSchema", request=types.GetSchemaRequest.pb(), response=types.Schema.pb()),
    Method(name="ListSchemas", request=types.ListSchemasRequest.pb(), response=types.ListSchemasResponse.pb()),
    Method(name="ValidateSchema", request=types.ValidateSchemaRequest.pb(), response=types.ValidateSchemaResponse.pb()),
    Method(
        name="ValidateMessage", request=types.ValidateMessageRequest.pb(), response=types.ValidateMessageResponse.pb()
    ),
    Method(name="CommitSchema", request=types.CommitSchemaRequest.pb(), response=types.Schema.pb()),
    Method(name="RollbackSchema", request=types.RollbackSchemaRequest.pb(), response=types.Schema.pb()),
    Method(
        name="ListSchemaRevisions",
        request=types.ListSchemaRevisionsRequest.pb(),
        response=types.ListSchemaRevisionsResponse.pb(),
    ),
    Method(name="DeleteSchemaRevision", request=types.DeleteSchemaRevisionRequest.pb(), response=types.Schema.pb()),
    Method(name="DeleteSchema", request=types.DeleteSchemaRequest.pb(), response=Empty),
)


class SchemaService:
    """The methods of the SchemaService. Requests and responses are plain protobuf messages."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._store = broker.schemas

    async def create_schema(self, request: Any, _context: Any) -> Any:
        check_project(request.parent)
        config = types.Schema.pb()(type_=request.schema.type_, definition=request.schema.definition)
        config.name = f"{request.parent}/schemas/{request.schema_id}"
        check_name(config.name, "schemas")
        check = await _read(config)
        if config.name in self._store.schemas:
            raise already_exists(config.name)
        schema = self._store.schemas[config.name] = Schema()
        return self._store.add_revision(schema, config, check)

    async def get_schema(self, request: Any, _context: Any) -> Any:
        schema, revision_id = self._store.find(request.name)
        return _viewed(schema.find(revision_id).config, request.view or types.SchemaView.FULL)

    async def list_schemas(self, request: Any, _context: Any) -> Any:
        check_project(request.parent)
        names, token = page_of((name for name in self._store.schemas if project_of(name) == request.parent), request)
        return types.ListSchemasResponse.pb()(
            schemas=[_viewed(self._store.schemas[name].find("").config, request.view) for name in names],
            next_page_token=token,
        )

    async def list_schema_revisions(self, request: Any, _context: Any) -> Any:
        schema, _ = self._store.find(request.name)
        # The latest first: pages go by names in their order.
        revisions = {f"{index:02}": revision.config for index, revision in enumerate(reversed(schema.revisions))}
        pages, token = page_of(revisions, request)
        return types.ListSchemaRevisionsResponse.pb()(
            schemas=[_viewed(revisions[each], request.view) for each in pages], next_page_token=token
        )

    async def commit_schema(self, request: Any, _context: Any) -> Any:
        schema, _ = self._store.find(request.name)
        latest = schema.find("").config
        if request.schema.type_ != latest.type_:
            invalid("The type of a schema cannot be changed.")
        config = types.Schema.pb()(name=latest.name, type_=latest.type_, definition=request.schema.definition)
        return self._store.add_revision(schema, config, await _read(config))

    async def rollback_schema(self, request: Any, _context: Any) -> Any:
        schema, _ = self._store.find(request.name)
        if not request.revision_id:
            invalid("A rollback needs a revision_id.")
        revision = schema.find(request.revision_id)
        return self._store.add_revision(schema, revision.config, revision.check)

    async def delete_schema_revision(self, request: Any, _context: Any) -> Any:
        schema, revision_id = self._store.find(request.name)
        revision = schema.find(revision_id or request.revision_id)
        if not (revision_id or request.revision_id):
            invalid(f"The name of a revision ends with its id, such as {request.name}@{revision.config.revision_id}.")
        if len(schema.revisions) == 1:
            raise RpcError(
                grpc.StatusCode.FAILED_PRECONDITION, "The only revision of a schema cannot be deleted; the schema can."
            )
        schema.revisions.remove(revision)
        return schema.find("").config

    async def delete_schema(self, request: Any, _context: Any) -> Any:
        self._broker.delete_schema(request.name)
        return Empty()

    async def validate_schema(self, request: Any, _context: Any) -> Any:
        check_project(request.parent)
        await _read(request.schema)
        return types.ValidateSchemaResponse.pb()()

    async def validate_message(self, request: Any, _context: Any) -> Any:
        check_project(request.parent)
        if request.encoding not in (types.Encoding.JSON, types.Encoding.BINARY):
            invalid("The encoding must be JSON or BINARY.")
        if request.WhichOneof("schema_spec") == "schema":
            check = await _read(request.schema)
        else:
            schema, revision_id = self._store.find(request.name)
            check = schema.find(revision_id).check
        try:
            check(request.message, request.encoding)
        except InvalidData as error:
            invalid(f"Invalid message: {error}.")
        return types.ValidateMessageResponse.pb()()


async def _read(config: Any) -> Check:
    if config.type_ not in (AVRO, PROTOCOL_BUFFER):
        invalid("The type of a schema must be AVRO or PROTOCOL_BUFFER.")
    if len(config.definition.encode()) > MAX_DEFINITION_BYTES:
        invalid(f"The definition of a schema must not be longer than {MAX_DEFINITION_BYTES} bytes.")
    try:
        return await read_definition(config.type_, config.definition)
    except InvalidDefinition as error:
        invalid(f"Invalid schema definition: {error}.")
    except NotInstalled as error:
        raise RpcError(grpc.StatusCode.UNIMPLEMENTED, str(error)) from error


def _viewed(config: Any, view: int) -> Any:
    """A schema as a view shows it: with its definition only in the full one."""
    viewed = types.Schema.pb()()
    viewed.CopyFrom(config)
    if view != types.SchemaView.FULL:
        viewed.ClearField("definition")
    return viewed
