"""google.pubsub.v1.SchemaService, without schemas: it lists none, and says so to all who name one."""

from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from local_cloud.rpc import Method, RpcError

SERVICE = "google.pubsub.v1.SchemaService"

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

    async def create_schema(self, _request: Any, _context: Any) -> Any:
        _refuse_all()

    async def get_schema(self, request: Any, _context: Any) -> Any:
        refuse(request.name)

    async def list_schemas(self, _request: Any, _context: Any) -> Any:
        return types.ListSchemasResponse.pb()()

    async def validate_schema(self, _request: Any, _context: Any) -> Any:
        _refuse_all()

    async def validate_message(self, _request: Any, _context: Any) -> Any:
        _refuse_all()

    commit_schema = rollback_schema = list_schema_revisions = delete_schema_revision = delete_schema = get_schema


def refuse(name: str) -> NoReturn:
    """Refuse the name of a schema.

    Raises:
        RpcError: NOT_FOUND.
    """
    raise RpcError(grpc.StatusCode.NOT_FOUND, f"Schema not found (schema={name}): the local Pub/Sub has no schemas.")


def _refuse_all() -> NoReturn:
    raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "The local Pub/Sub has no schemas, and checks no message by one.")
