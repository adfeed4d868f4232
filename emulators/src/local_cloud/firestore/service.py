"""google.firestore.v1.Firestore: a request in, a response out.

https://firebase.google.com/docs/firestore/reference/rpc/google.firestore.v1
"""

import asyncio
import random
import string
import time as system_time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status

from local_cloud.clock import Clock
from local_cloud.errors import LocalCloudError
from local_cloud.firestore import aggregation, explain, fields, pages, timestamps, writes
from local_cloud.firestore import query as queries
from local_cloud.firestore.declared_indexes import DeclaredIndexes
from local_cloud.firestore.errors import invalid_argument, not_found, unimplemented
from local_cloud.firestore.execution import Execution
from local_cloud.firestore.index_builder import IndexBuilder
from local_cloud.firestore.listen import ListenStream
from local_cloud.firestore.listing import list_documents
from local_cloud.firestore.messages import (
    BatchGetDocumentsResponse,
    BatchWriteResponse,
    BeginTransactionResponse,
    CommitResponse,
    Cursor,
    Document,
    ListCollectionIdsResponse,
    ListDocumentsResponse,
    Message,
    PartitionQueryResponse,
    RunAggregationQueryResponse,
    RunQueryResponse,
    Write,
    WriteResponse,
    WriteResult,
)
from local_cloud.firestore.paths import FieldPath, check_single_id, parse_field_path, split_database, split_parent
from local_cloud.firestore.required_indexes import missing_index
from local_cloud.firestore.rules.guard import Guard
from local_cloud.firestore.rules.ruleset import Ruleset
from local_cloud.firestore.store import Database, Version
from local_cloud.firestore.transactions import QueryRead, Transaction, Transactions
from local_cloud.firestore.usage import Usage
from local_cloud.rpc import RpcError

MAX_BATCH_WRITES = 500
"""Writes of one BatchWrite; a Commit is limited by the size of its request only."""

_SMALLEST_PARTITION = 128
_ID_LETTERS = string.ascii_letters + string.digits


class FirestoreService:
    """All databases, and the methods of the service, each named and described as in its reference.

    Args:
        clock: the time of commits.
        usage: where billed operations are counted.
        declared_indexes: for a collection id what an index file says of it.
        on_missing_index: told what Firestore would say of each query that lacks an index among these.
        ruleset: what clients may do; None: everything.
    """

    def __init__(
        self,
        clock: Clock,
        usage: Usage,
        declared_indexes: Mapping[str, DeclaredIndexes],
        on_missing_index: Callable[[str], None] | None,
        ruleset: Ruleset | None = None,
    ) -> None:
        self._clock = clock
        self._guard = None if ruleset is None else Guard(ruleset, self._now)
        self._usage = usage
        self._declared_indexes = declared_indexes
        self._on_missing_index = on_missing_index
        self._databases: dict[str, Database] = {}
        self._transactions = Transactions(self._now)
        self._index_builder = IndexBuilder()
        self._listeners: dict[asyncio.Queue[Any], str] = {}

    # Documents

    async def get_document(self, request: Message, context: object) -> Message:
        database = self._database(request.name)
        path = database.path_of(request.name)
        mask = _mask(request)
        time, transaction = self._snapshot(request, database)
        self._check_get(context, database, [path], time)
        if transaction is not None:
            transaction.documents.add(path)
        self._usage.reads += 1
        version = database.at(path, time)
        if version is None:
            raise not_found(f'Document "{request.name}" not found.')
        return _masked(version, mask)

    async def batch_get_documents(self, request: Message, context: object) -> AsyncIterator[Message]:
        database = self._database(request.database)
        paths = {name: database.path_of(name) for name in request.documents}
        mask = _mask(request)
        time, transaction, begun = await self._snapshot_or_begin(request, database)
        self._check_get(context, database, paths.values(), time)
        if begun is not None:
            yield BatchGetDocumentsResponse(transaction=begun.id)
        read_time = timestamps.to_proto(time)
        missing: list[str] = []
        # Take one snapshot for all, before the first answer lets other calls run in between.
        found = [(name, database.at(path, time)) for name, path in paths.items()]
        if transaction is not None:
            transaction.documents.update(paths.values())
        self._usage.reads += len(found)
        for name, version in found:
            if version is None:
                missing.append(name)
            else:
                yield BatchGetDocumentsResponse(found=_masked(version, mask), read_time=read_time)
        for name in missing:
            yield BatchGetDocumentsResponse(missing=name, read_time=read_time)

    async def create_document(self, request: Message, context: object) -> Message:
        database_name, parent = split_parent(request.parent)
        database = self._database(database_name)
        if request.document.name:
            raise invalid_argument("document.name is set, in the place of document_id.")
        check_single_id(request.collection_id)
        document_id = request.document_id or "".join(random.choices(_ID_LETTERS, k=20))  # noqa: S311 - an id is no secret
        path = "/".join(filter(None, (parent, request.collection_id, document_id)))
        check_single_id(document_id)
        write = Write()
        write.update.CopyFrom(request.document)
        write.update.name = f"{database.root}/{path}"
        write.current_document.exists = False
        return self._write_one(database, write, request, context)

    async def update_document(self, request: Message, context: object) -> Message:
        database = self._database(request.document.name)
        write = Write(update=request.document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        return self._write_one(database, write, request, context)

    async def delete_document(self, request: Message, context: object) -> Message:
        database = self._database(request.name)
        write = Write(delete=request.name)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        self._commit(database, [write], context)
        return Empty()

    async def list_documents(self, request: Message, context: object) -> Message:
        database_name, parent = split_parent(request.parent)
        database = self._database(database_name)
        time, transaction = self._snapshot(request, database)
        mask = _mask(request)
        page = await list_documents(request, database, parent, time, self._usage)
        self._check_list(context, database, replace(page.query, limit=request.page_size or None), time)
        if transaction is not None:
            transaction.queries.append(QueryRead(page.query))
        response = ListDocumentsResponse(next_page_token=page.next_token)
        for name, version in page.documents:
            if version is None:
                response.documents.append(Document(name=name))
            else:
                self._usage.reads += 1
                response.documents.append(_masked(version, mask))
        return response

    async def list_collection_ids(self, request: Message, context: object) -> Message:
        self._check_is_server(context, "a list of collections")
        database_name, parent = split_parent(request.parent)
        database = self._database(database_name)
        time, _ = self._snapshot(request, database)
        after = pages.place(request).decode()
        ids = [collection_id for collection_id in database.collection_ids(parent, time) if collection_id > after]
        self._usage.reads += 1
        size = pages.page_size(request) or len(ids)
        response = ListCollectionIdsResponse(collection_ids=ids[:size])
        if len(ids) > size:
            response.next_page_token = pages.next_token(request, ids[size - 1].encode())
        return response

    # Queries

    async def run_query(self, request: Message, context: object) -> AsyncIterator[Message]:
        database, query = self._parse(request)
        self._look_for_indexes(query, database)
        time, transaction, begun = await self._snapshot_or_begin(request, database)
        self._check_list(context, database, query, time)
        read_time = timestamps.to_proto(time)
        if begun is not None:
            yield RunQueryResponse(transaction=begun.id)
        started = system_time.perf_counter()
        with Execution(database, query, time, self._usage) as execution:
            if request.HasField("explain_options") and not request.explain_options.analyze:
                yield RunQueryResponse(explain_metrics=explain.plan(query, execution))
                return
            read = QueryRead(query)
            if transaction is not None:
                transaction.queries.append(read)
            returned = 0
            projection = query.projection
            is_explained = request.HasField("explain_options")
            last: Message | None = None
            async for result in execution.results():
                document = result.version.document() if result.document is None else result.document
                if transaction is not None and query.limit is not None and query.nearest is None:
                    read.last = query.sort_key(document.fields, result.version.path_key)
                response = RunQueryResponse()
                response.read_time.CopyFrom(read_time)
                if projection is None:
                    response.document.CopyFrom(document)
                else:
                    fields.project(document, projection, response.document)
                if not returned:
                    response.skipped_results = execution.skipped
                returned += 1
                self._usage.reads += 1
                if not is_explained:
                    yield response
                    continue
                # The metrics come with the last result.
                if last is not None:
                    yield last
                last = response
            if query.limit is None or returned < query.limit:
                read.last = None
            self._usage.reads += execution.skipped if returned or execution.skipped else 1
            if not returned:
                last = RunQueryResponse(read_time=read_time, skipped_results=execution.skipped)
            self._index_builder.consider(execution, returned)
            if is_explained and last is not None:
                elapsed = system_time.perf_counter() - started
                reads = max(returned + execution.skipped, 1)
                last.explain_metrics.CopyFrom(explain.analysis(query, execution, returned, reads, elapsed))
            if last is not None:
                yield last

    async def run_aggregation_query(self, request: Message, context: object) -> AsyncIterator[Message]:
        database_name, parent = split_parent(request.parent)
        database = self._database(database_name)
        aggregated = request.structured_aggregation_query
        aggregations = aggregation.parse(aggregated)
        query = queries.parse(
            aggregated.structured_query,
            parent=parent,
            root=database.root,
            aggregated=(found.path for found in aggregations if found.kind != "count"),
        )
        self._look_for_indexes(query, database)
        time, transaction, begun = await self._snapshot_or_begin(request, database)
        self._check_list(context, database, query, time)
        started = system_time.perf_counter()
        with Execution(database, query, time, self._usage) as execution:
            if request.HasField("explain_options") and not request.explain_options.analyze:
                yield RunAggregationQueryResponse(explain_metrics=explain.plan(query, execution))
                return
            if transaction is not None:
                transaction.queries.append(QueryRead(query))
            await aggregation.run(aggregations, execution)
        entries = max((found.counted for found in aggregations), default=0)
        self._index_builder.consider(execution, entries)
        reads = max(1, -(-entries // 1000))
        self._usage.reads += reads
        response = RunAggregationQueryResponse(read_time=timestamps.to_proto(time))
        if begun is not None:
            response.transaction = begun.id
        for found in aggregations:
            response.result.aggregate_fields[found.alias].CopyFrom(found.result())
        if request.HasField("explain_options"):
            elapsed = system_time.perf_counter() - started
            response.explain_metrics.CopyFrom(explain.analysis(query, execution, 1, reads, elapsed))
        yield response

    def _look_for_indexes(self, query: queries.Query, database: Database) -> None:
        if self._on_missing_index is not None:
            missing = missing_index(query, self._declared_indexes, database.name)
            if missing is not None:
                self._on_missing_index(missing)

    async def partition_query(self, request: Message, context: object) -> Message:
        self._check_is_server(context, "a partition query")
        database, query = self._parse(request)
        if not query.is_whole_group:
            raise invalid_argument(
                "A partition query is of a collection group of the whole database, ordered by __name__ ascending, and "
                "has no filters, limit, offset or cursors."
            )
        if request.partition_count <= 0:
            raise invalid_argument("partition_count must be greater than zero.")
        time, _ = self._snapshot(request, database)
        with Execution(database, query, time, self._usage) as execution:
            paths = [result.version.path async for result in execution.results()]
        points = max(0, min(request.partition_count, len(paths) // _SMALLEST_PARTITION - 1))
        starts = [paths[len(paths) * point // (points + 1)] for point in range(1, points + 1)]
        after = pages.place(request).decode()
        if after:
            starts = starts[starts.index(after) + 1 :] if after in starts else []
        response = PartitionQueryResponse()
        size = pages.page_size(request) or len(starts)
        for path in starts[:size]:
            cursor = Cursor(before=True)
            cursor.values.add(reference_value=f"{database.root}/{path}")
            response.partitions.append(cursor)
        if len(starts) > size:
            response.next_page_token = pages.next_token(request, starts[size - 1].encode())
        return response

    def execute_pipeline(self, _request: Message, _context: object) -> AsyncIterator[Message]:
        raise unimplemented(
            "Pipelines belong to Firestore's Enterprise edition; the local Firestore is Standard edition."
        )

    # Writes and transactions

    async def begin_transaction(self, request: Message, _context: object) -> Message:
        database = self._database(request.database)
        return BeginTransactionResponse(transaction=(await self._begin(request.options, database)).id)

    async def commit(self, request: Message, context: object) -> Message:
        database = self._database(request.database)
        transaction = None
        if request.transaction:
            transaction = self._transactions.get(request.transaction, database)
            if transaction.read_only and request.writes:
                raise invalid_argument("Cannot modify entities in a read-only transaction.")
            self._transactions.check(transaction, map(writes.written_document, request.writes))
        done = self._commit(database, request.writes, context)
        if transaction is not None:
            # Closed only now: after a refused write, the client rolls the transaction back.
            self._transactions.close(transaction)
        return CommitResponse(write_results=done.results, commit_time=timestamps.to_proto(done.time))

    async def rollback(self, request: Message, _context: object) -> Message:
        database = self._database(request.database)
        self._transactions.close(self._transactions.get(request.transaction, database))
        return Empty()

    async def batch_write(self, request: Message, context: object) -> Message:
        self._check_is_server(context, "a batch write")
        database = self._database(request.database)
        if len(request.writes) > MAX_BATCH_WRITES:
            raise invalid_argument(f"maximum {MAX_BATCH_WRITES} writes allowed per request")
        response = BatchWriteResponse()
        written: set[str] = set()
        for write in request.writes:
            name = writes.written_document(write)
            if name in written:
                raise invalid_argument("A batch write cannot write to the same document more than once.")
            written.add(name)
        for write in request.writes:
            try:
                result = self._commit(database, [write], context).results[0]
                status = Status()
            except RpcError as error:
                result = WriteResult()
                status = error.to_status()
            response.write_results.append(result)
            response.status.append(status)
        return response

    async def write(self, requests: AsyncIterator[Message], context: object) -> AsyncIterator[Message]:
        database: Database | None = None
        stream_id = ""
        token = 0
        async for request in requests:
            if database is None:
                database = self._database(request.database)
                if request.writes:
                    raise invalid_argument("The first request of a Write stream has writes.")
                stream_id = request.stream_id or "".join(random.choices(_ID_LETTERS, k=20))  # noqa: S311 - no secret
            token += 1
            response = WriteResponse(stream_id=stream_id, stream_token=str(token).encode())
            if request.writes:
                done = self._commit(database, request.writes, context)
                response.write_results.extend(done.results)
                response.commit_time.CopyFrom(timestamps.to_proto(done.time))
            yield response

    async def listen(self, requests: AsyncIterator[Message], context: object) -> AsyncIterator[Message]:
        # Requests and commits go through one queue, so that the stream tells of them in one order.
        events: asyncio.Queue[Any] = asyncio.Queue()

        async def read_requests() -> None:
            try:
                async for request in requests:
                    events.put_nowait(request)
            finally:
                events.put_nowait(None)

        reading = asyncio.create_task(read_requests())

        def check(database: Database, target: queries.Query | Sequence[str]) -> None:
            if isinstance(target, queries.Query):
                self._look_for_indexes(target, database)
                self._check_list(context, database, target, database.read_time())
            else:
                self._check_get(context, database, target, database.read_time())

        stream = ListenStream(self._usage, check)
        try:
            while (event := await events.get()) is not None:
                if isinstance(event, writes.Commit):
                    async for response in stream.commit(event.versions, event.time):
                        yield response
                else:
                    database = self._database(event.database)
                    self._listeners.setdefault(events, database.name)
                    async for response in stream.request(event, database):
                        yield response
        finally:
            self._listeners.pop(events, None)
            reading.cancel()

    # What they share

    async def indexed(self) -> None:
        """Return when the composite indexes that queries caused are complete."""
        await self._index_builder.wait()

    def fill(self, database: str, documents: Iterable[Message]) -> None:
        """Write new documents into a database, without a call: see Database.fill."""
        self._database(database).fill(documents)

    def delete_all(self, database_name: str) -> None:
        """Delete all documents of a database, in one commit that listeners and transactions see. It is not billed."""
        database = self._database(database_name)
        deletes = [Write(delete=f"{database.root}/{version.path}") for version in database.documents()]
        self._tell(database, writes.commit(database, deletes, Usage()))

    def seed(self, database_name: str, documents: Iterable[Message]) -> None:
        """Write documents, each as a client would. It is not billed.

        Raises:
            LocalCloudError: Firestore would refuse a document. The text names it.
        """
        database = self._database(database_name)
        for document in documents:
            try:
                writes.commit(database, [Write(update=document)], Usage())
            except RpcError as error:
                raise LocalCloudError(f"{document.name}: {error.message}") from error

    def documents(self) -> dict[str, Iterator[Message]]:
        """The documents of each database that has any, by its name."""
        return {
            name: (version.document() for version in database.documents())
            for name, database in self._databases.items()
            if any(database.documents())
        }

    def clear(self) -> None:
        """Forget all documents of all databases, and all transactions."""
        self._index_builder.stop()
        for database in self._databases.values():
            database.clear()
        self._transactions.clear()

    def _now(self) -> int:
        return timestamps.from_datetime(self._clock.now())

    def _database(self, name: str) -> Database:
        name, _ = split_database(name)
        database = self._databases.get(name)
        if database is None:
            database = self._databases[name] = Database(name, self._now, self._declared_indexes)
        return database

    def _parse(self, request: Message) -> tuple[Database, queries.Query]:
        database_name, parent = split_parent(request.parent)
        database = self._database(database_name)
        return database, queries.parse(request.structured_query, parent=parent, root=database.root)

    def _snapshot(self, request: Message, database: Database) -> tuple[int, Transaction | None]:
        """The time to read at, and the transaction that reads."""
        kind = request.WhichOneof("consistency_selector")
        if kind == "transaction":
            transaction = self._transactions.get(request.transaction, database)
            return transaction.read_time, transaction
        if kind == "read_time":
            return _past(database, request.read_time), None
        return database.read_time(), None

    async def _snapshot_or_begin(
        self, request: Message, database: Database
    ) -> tuple[int, Transaction | None, Transaction | None]:
        """The time to read at, the transaction that reads, and the same if it begins with this request."""
        if request.WhichOneof("consistency_selector") == "new_transaction":
            begun = await self._begin(request.new_transaction, database)
            return begun.read_time, begun, begun
        time, transaction = self._snapshot(request, database)
        return time, transaction, None

    async def _begin(self, options: Message, database: Database) -> Transaction:
        if options.WhichOneof("mode") == "read_only":
            read_time = None
            if options.read_only.HasField("read_time"):
                read_time = _past(database, options.read_only.read_time)
            return await self._transactions.begin(database, read_only=True, read_time=read_time)
        return await self._transactions.begin(database, retries=options.read_write.retry_transaction)

    def _commit(self, database: Database, listed: Sequence[Message], context: object) -> writes.Commit:
        check = None
        if (guard := self._guard) is not None and (caller := guard.caller(context)) is not None:

            def check(changes: writes.Changes, time: int) -> None:
                guard.check_writes(caller, database, changes, time)

        done = writes.commit(database, listed, self._usage, check)
        self._tell(database, done)
        return done

    def _check_get(self, context: object, database: Database, paths: Iterable[str], time: int) -> None:
        if self._guard is not None and (caller := self._guard.caller(context)) is not None:
            self._guard.check_get(caller, database, paths, time)

    def _check_list(self, context: object, database: Database, query: queries.Query, time: int) -> None:
        if self._guard is not None and (caller := self._guard.caller(context)) is not None:
            self._guard.check_list(caller, database, query, time)

    def _check_is_server(self, context: object, what: str) -> None:
        if self._guard is not None and self._guard.caller(context) is not None:
            self._guard.refuse(what)

    def _tell(self, database: Database, done: writes.Commit) -> None:
        """Tell those who listen."""
        if done.versions:
            for events, name in self._listeners.items():
                if name == database.name:
                    events.put_nowait(done)

    def _write_one(self, database: Database, write: Message, request: Message, context: object) -> Message:
        path = database.path_of(write.update.name)
        mask = _mask(request)
        self._commit(database, [write], context)
        version = database.latest(path)
        if version is None:
            raise not_found(f'Document "{write.update.name}" not found.')
        return _masked(version, mask)


def _past(database: Database, read_time: Timestamp) -> int:
    if not timestamps.is_aligned(read_time):
        raise invalid_argument("read_time is not aligned to microseconds.")
    return database.past(timestamps.from_proto(read_time))


def _mask(request: Message) -> list[FieldPath] | None:
    """The fields that a request wants of documents, None if it wants them whole."""
    if not request.HasField("mask"):
        return None
    return list(map(parse_field_path, request.mask.field_paths))


def _masked(version: Version, mask: list[FieldPath] | None) -> Message:
    document = version.document()
    if mask is None:
        return document
    masked = Document()
    fields.project(document, mask, masked)
    return masked
