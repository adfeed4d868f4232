"""The Firestore emulator: google.firestore.v1.Firestore over gRPC, and its RunQuery over REST, in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web
from google.api.http_pb2 import HttpRule
from google.protobuf.empty_pb2 import Empty

from local_cloud.clock import Clock
from local_cloud.errors import LocalCloudError
from local_cloud.firestore import data_file, messages, query_json
from local_cloud.firestore.declared_indexes import DeclaredIndexes
from local_cloud.firestore.rules.ruleset import Ruleset
from local_cloud.firestore.service import FirestoreService
from local_cloud.firestore.usage import Usage
from local_cloud.one_port import OnePort, without_rest
from local_cloud.rest import RestServer
from local_cloud.rpc import Method, Middleware, RpcError, RpcServer

_SERVICE = "google.firestore.v1.Firestore"
_ELSEWHERE = "Over REST, the local Firestore answers only runQuery: for all other calls use gRPC, the clients' default."
_MAX_REQUEST_BYTES = 10 * 1024 * 1024
"""https://firebase.google.com/docs/firestore/quotas#writes_and_transactions"""

_ROOT = "projects/*/databases/*/documents"
_CLEAR = "/emulator/v1/projects/{project}/databases/{database}/documents"
"""https://firebase.google.com/docs/emulator-suite/connect_firestore#clear_your_database_between_tests"""

_METHODS = (
    Method(name="GetDocument", request=messages.GetDocumentRequest, response=messages.Document),
    Method(name="ListDocuments", request=messages.ListDocumentsRequest, response=messages.ListDocumentsResponse),
    Method(name="CreateDocument", request=messages.CreateDocumentRequest, response=messages.Document),
    Method(name="UpdateDocument", request=messages.UpdateDocumentRequest, response=messages.Document),
    Method(name="DeleteDocument", request=messages.DeleteDocumentRequest, response=Empty),
    Method(
        name="BatchGetDocuments",
        request=messages.BatchGetDocumentsRequest,
        response=messages.BatchGetDocumentsResponse,
        server_streaming=True,
    ),
    Method(
        name="BeginTransaction", request=messages.BeginTransactionRequest, response=messages.BeginTransactionResponse
    ),
    Method(name="Commit", request=messages.CommitRequest, response=messages.CommitResponse),
    Method(name="Rollback", request=messages.RollbackRequest, response=Empty),
    Method(
        name="RunQuery",
        request=messages.RunQueryRequest,
        response=messages.RunQueryResponse,
        server_streaming=True,
        http=HttpRule(
            post=f"/v1/{{parent={_ROOT}}}:runQuery",
            body="*",
            additional_bindings=[HttpRule(post=f"/v1/{{parent={_ROOT}/*/**}}:runQuery", body="*")],
        ),
        to_json=query_json.to_json,
    ),
    Method(
        name="RunAggregationQuery",
        request=messages.RunAggregationQueryRequest,
        response=messages.RunAggregationQueryResponse,
        server_streaming=True,
    ),
    Method(name="PartitionQuery", request=messages.PartitionQueryRequest, response=messages.PartitionQueryResponse),
    Method(
        name="Write",
        request=messages.WriteRequest,
        response=messages.WriteResponse,
        client_streaming=True,
        server_streaming=True,
    ),
    Method(
        name="Listen",
        request=messages.ListenRequest,
        response=messages.ListenResponse,
        client_streaming=True,
        server_streaming=True,
    ),
    Method(
        name="ListCollectionIds",
        request=messages.ListCollectionIdsRequest,
        response=messages.ListCollectionIdsResponse,
    ),
    Method(name="BatchWrite", request=messages.BatchWriteRequest, response=messages.BatchWriteResponse),
    # It is refused, whatever is asked; client libraries before 2.22 lack its messages.
    Method(name="ExecutePipeline", request=Empty, response=Empty, server_streaming=True),
)


class FirestoreEmulator:
    """A Firestore for development and tests; clients find it by `FIRESTORE_EMULATOR_HOST`.

    Any project and any database may be named; each begins empty. Nothing is kept when it stops, and no credentials
    are looked at without rules.

    Args:
        host: the address to bind.
        port: the port, 0 for any free one.
        answers_http: whether the port also answers what Google's emulator does over HTTP/1: `GET /`, and
            `DELETE /emulator/v1/projects/P/databases/D/documents`, which deletes all documents of a database. It costs
            a third more CPU.
        rest_port: that of RunQuery over REST, 0 for any free one; None for none.
        clock: the time of commits and read times.
        middleware: wrapped around every call.
        declared_indexes: for a collection id what an index file says of it. Queries are answered without it, too, but
            may have to look into more documents.
        on_missing_index: called with what Firestore would say of each query that lacks an index among these. It may
            refuse the query, too (local_cloud.firestore.required_indexes.refuse).
        ruleset: the rules for clients; None: they may do everything. Server libraries always may.

    Attributes:
        usage: what Firestore would have billed.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        answers_http: bool = False,
        rest_port: int | None = None,
        clock: Clock,
        middleware: Sequence[Middleware] = (),
        declared_indexes: Mapping[str, DeclaredIndexes] | None = None,
        on_missing_index: Callable[[str], None] | None = None,
        ruleset: Ruleset | None = None,
    ) -> None:
        self.usage = Usage()
        self._service = FirestoreService(clock, self.usage, declared_indexes or {}, on_missing_index, ruleset)
        self._server = RpcServer(
            "Firestore", host, 0 if answers_http else port, middleware, max_request_bytes=_MAX_REQUEST_BYTES
        )
        self._server.add_service(_SERVICE, _METHODS, self._service)
        clear = web.delete(_CLEAR, self._delete_all)
        self._front = (
            OnePort("Firestore", host, port, without_rest("Firestore", clear), lambda: self._server.port)
            if answers_http
            else None
        )
        self._rest = (
            None
            if rest_port is None
            else RestServer("Firestore over REST", host, rest_port, middleware, elsewhere=_ELSEWHERE)
        )
        if self._rest is not None:
            self._rest.add_service(_SERVICE, _METHODS, self._service)

    @property
    def port(self) -> int:
        """The port; the bound one after `start`."""
        return self._server.port if self._front is None else self._front.port

    @property
    def rest_port(self) -> int | None:
        """The port of REST; the bound one after `start`. None: there is none."""
        return self._rest.port if self._rest is not None else None

    async def start(self) -> None:
        """Begin to serve.

        Raises:
            PortInUse: another process has the port.
        """
        async with AsyncExitStack() as undo:
            for server in self._servers:
                await server.start()
                undo.push_async_callback(server.stop)
            undo.pop_all()

    async def indexed(self) -> None:
        """Return when the composite indexes that queries caused are complete."""
        await self._service.indexed()

    def fill(self, database: str, documents: Iterable[messages.Message]) -> None:
        """Write very many new documents in one go, without a call. Nothing else is served meanwhile.

        Args:
            database: `projects/P/databases/D`.
            documents: with their names.
        """
        self._service.fill(database, documents)

    def seed(self, file: Path) -> None:
        """Write the documents of a file (local_cloud.firestore.data_file), without a call.

        Raises:
            LocalCloudError: the file cannot be read, or has what Firestore would refuse. The text names the place.
        """
        try:
            for database, documents in data_file.read_documents(file.read_text(encoding="utf-8")):
                self._service.seed(database, documents)
        except (OSError, LocalCloudError, RpcError) as error:
            raise LocalCloudError(f"{file}: {error}") from error

    def export(self, file: Path) -> None:
        """Write all documents into a file, from which `seed` takes them.

        Raises:
            LocalCloudError: the file cannot be written.
        """
        written = file.with_name(f"{file.name}.part")
        try:
            written.write_text(data_file.write_documents(self._service.documents()), encoding="utf-8")
            written.replace(file)
        except OSError as error:
            raise LocalCloudError(f"{file}: {error}") from error

    async def clear(self) -> None:
        """Forget all documents and transactions, without a call. No other call is under way."""
        self._service.clear()

    async def stop(self) -> None:
        """Stop serving and forget everything."""
        for server in reversed(self._servers):
            await server.stop()
        self._service.clear()

    @property
    def _servers(self) -> list[RpcServer | OnePort | RestServer]:
        servers: list[RpcServer | OnePort | RestServer | None] = [self._server, self._front, self._rest]
        return [server for server in servers if server is not None]

    async def _delete_all(self, http: web.Request) -> web.Response:
        self._service.delete_all(f"projects/{http.match_info['project']}/databases/{http.match_info['database']}")
        return web.json_response({})
