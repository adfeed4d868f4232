"""A Firestore database: reads, writes under conditions, and what decides again until it has written.

The client library wraps each value that is read or written in an object of proto-plus, and each call in layers that are
made for it alone, which takes several times the CPU of the call itself. So this calls the methods of the service on a
channel that the library makes, with protobuf's own classes and the library's metadata.
"""

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import grpc
from google.api_core.exceptions import (
    Aborted,
    GatewayTimeout,
    GoogleAPICallError,
    InvalidArgument,
    NotFound,
    from_grpc_error,
)
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.services.firestore.transports.base import DEFAULT_CLIENT_INFO

from functions.shared.clients import emulator_channel
from functions.shared.firestore.errors import ChangedMeanwhile, error_of_status, error_of_write
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.google_client import Client, google_client
from functions.shared.firestore.query import Query
from functions.shared.firestore.retry import CALL_SECONDS, LONGEST_SILENCE_SECONDS, Patience, repeated
from functions.shared.firestore.values import moment_of, set_timestamp, values_of
from functions.shared.firestore.write import Write, changed, delete

T = TypeVar("T")

Decide = Callable[[], tuple[T, Sequence[Write]]]
"""Reads, and returns its result and what to write, on the condition that the documents are as they were read; nothing
for no change. Called again in each turn."""

_Method = Callable[..., Any]
_Headers = Sequence[tuple[str, str]]

_OPTIONS = [
    # The thread that reads a stream takes its messages itself. By default another thread, which is started for each
    # stream, takes them and hands them over.
    # https://grpc.github.io/grpc/python/grpc.html#grpc.experimental.ChannelOptions.SingleThreadedUnaryStream
    (grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1),
    # As often as Google's front ends take it: https://github.com/googleapis/java-bigtable/pull/528
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # By which gRPC's newer code ends a connection that answers no ping; its own is a minute.
    ("grpc.http2.ping_timeout_ms", 5_000),
    # A new channel has connections of its own, and none that another has and that may be silent.
    ("grpc.use_local_subchannel_pool", 1),
    # The library's own.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]

STREAM_SECONDS = 300.0
"""How long reading all documents of a query may take, unless its caller has less time."""

_READ_AT_ONCE = 1_000
_WRITTEN_AT_ONCE = 300
"""Firestore takes 500."""


class Aggregate(NamedTuple):
    """What documents come to.

    Attributes:
        number: how many there are.
        total: the sum of a field; 0 where none was asked for.
        read_time: the moment at which this was so.
    """

    number: int
    total: float
    read_time: datetime


class Database:
    """A database. Safe for threads. Documents are named by their paths, such as `users/ada`.

    Each method makes its call again where an error may pass, until its `seconds` are over. Every method raises
    google.api_core.exceptions.GoogleAPICallError when Firestore refuses, or does not answer in time.

    Args:
        project: the Google Cloud project's id.
        database: the database's id.
        connect: makes a channel to the service. A further one takes over where an attempt at a call got no answer in
            its time: the connection may be silent, which gRPC would notice only after a while.
        seconds: how long a read or a write may take, unless its caller says so.
        stream_seconds: the same of reading all documents of a query.
    """

    def __init__(
        self,
        project: str,
        database: str,
        connect: Callable[[], grpc.Channel],
        *,
        seconds: float = CALL_SECONDS,
        stream_seconds: float = STREAM_SECONDS,
    ) -> None:
        self._project, self._id = project, database
        self._seconds, self._stream_seconds = seconds, stream_seconds
        self._name = f"projects/{project}/databases/{database}"
        self._parent = f"{self._name}/documents"
        self._root = f"{self._parent}/"
        # As the library sends them: the service finds the database by the first two.
        # https://github.com/googleapis/gapic-generator-python/issues/1332
        self._usual = (
            ("google-cloud-resource-prefix", self._name),
            DEFAULT_CLIENT_INFO.to_grpc_metadata(),  # type: ignore[no-untyped-call]  # google-api-core
        )
        self._headers = self._headers_for("database", self._name)
        self._connect = connect
        self._connecting = threading.Lock()
        self._methods = _Methods.on(connect())

    @property
    def client(self) -> Client:
        """Google's own client of this database, for kinds of report."""
        return google_client(self._project, self._id)

    # Reading

    def get(self, path: str, *, fields: Sequence[str] | None = None, seconds: float | None = None) -> FoundDocument:
        """Read a document, for less than `get_all` does.

        Args:
            path: the document's, in a database that exists: where there is none, there is no document either.
            fields: the only ones to read; None for all.
            seconds: how long it may take.
        """
        name = self._root + path
        request = types.GetDocumentRequest.pb()(name=name, mask=_mask(fields))
        headers = self._headers_for("name", name)
        try:
            document = self._answer("get", request, headers, seconds)
        except NotFound:
            return FoundDocument(path, None)
        return self._found(document)

    def get_all(self, paths: Iterable[str], *, fields: Sequence[str] | None = None) -> dict[str, FoundDocument]:
        """Read documents, all at one moment where they are 1,000 at most.

        Args:
            paths: the documents'.
            fields: the only ones to read; None for all.

        Returns:
            what there is of each, by its path.
        """
        found = {}
        for some in _chunks(list(dict.fromkeys(self._root + path for path in paths)), _READ_AT_ONCE):
            request = types.BatchGetDocumentsRequest.pb()(database=self._name, documents=some, mask=_mask(fields))
            for response in self._answers("get_all", request, self._headers, None):
                if response.HasField("found"):
                    document = self._found(response.found)
                    found[document.path] = document
                elif response.missing:
                    path = self._path_of(response.missing)
                    found[path] = FoundDocument(path, None)
        return found

    def stream(self, query: Query, *, seconds: float | None = None) -> Iterator[FoundDocument]:
        """Read the documents of a query. A stream that breaks off begins again behind the last document.

        Args:
            query: which.
            seconds: how long it may take, all of it together.
        """
        patience = Patience(seconds or self._stream_seconds)
        parent, headers = self._parent_of(query.parent)
        last: FoundDocument | None = None
        read = 0
        while True:
            if last is not None:
                query = query.behind(last).limit(query.most and query.most - read)
                last, read = None, 0
            if query.most == 0:
                return
            request = types.RunQueryRequest.pb()(parent=parent, structured_query=query.to_message(self._root))
            methods, attempt_seconds = self._methods, min(patience.attempt_seconds, LONGEST_SILENCE_SECONDS)
            try:
                for response in _stream(methods.run_query, request, attempt_seconds, headers):
                    if response.HasField("document"):
                        last, read = self._found(response.document), read + 1
                        patience.renew()
                        yield last
            except GoogleAPICallError as error:
                if last is None:
                    self._reconnect_after(error, methods)
                patience.wait_after(error)
            else:
                return

    def count(self, query: Query, *, seconds: float | None = None) -> int:
        """How many documents a query finds, counted in the index."""
        return self.aggregate(query, seconds=seconds).number

    def aggregate(
        self,
        query: Query,
        *,
        total_of: str | None = None,
        read_time: datetime | None = None,
        seconds: float | None = None,
    ) -> Aggregate:
        """What the documents of a query come to, counted in the index.

        Args:
            query: which.
            total_of: the field to add up; None for none.
            read_time: count as of this moment, at most an hour ago; None for now.
            seconds: how long it may take.
        """
        parent, headers = self._parent_of(query.parent)
        request = types.RunAggregationQueryRequest.pb()(parent=parent)
        asked = request.structured_aggregation_query
        asked.structured_query.CopyFrom(query.to_message(self._root))
        asked.aggregations.add(alias="count").count.SetInParent()
        if total_of is not None:
            asked.aggregations.add(alias="total").sum.field.field_path = total_of
        if read_time is not None:
            set_timestamp(request.read_time, read_time)
        answers = self._answers("aggregate", request, headers, seconds)
        [answer] = [each for each in answers if each.HasField("result")]
        found = values_of(answer.result.aggregate_fields)
        return Aggregate(found["count"], found.get("total", 0), moment_of(answer.read_time))

    def collections(self, below: str = "") -> list[str]:
        """The ids of the collections below a document, or of those at the top, in their order.

        Args:
            below: the document's path; empty for the top.
        """
        parent, headers = self._parent_of(below)
        request = types.ListCollectionIdsRequest.pb()(parent=parent)
        found: list[str] = []
        while True:
            answer = self._answer("list", request, headers, None)
            found += answer.collection_ids
            request.page_token = answer.next_page_token
            if not request.page_token:
                return sorted(found)

    # Writing

    def commit(self, writes: Sequence[Write], *, seconds: float | None = None) -> datetime:
        """Write, all or nothing.

        Args:
            writes: what, one for each document.
            seconds: how long it may take.

        Returns:
            the version of the first document.

        Raises:
            ChangedMeanwhile: a condition does not hold.
        """
        messages = [each.to_message(self._root) for each in writes]
        request = types.CommitRequest.pb()(database=self._name, writes=messages)
        try:
            written = self._answer("commit", request, self._headers, seconds)
        except GoogleAPICallError as error:
            raise error_of_write(error) from error
        return moment_of(written.write_results[0].update_time)

    def commit_each(self, groups: Sequence[Sequence[Write]]) -> list[GoogleAPICallError | None]:
        """Write groups, each all or nothing, by one commit where all of them go through.

        Args:
            groups: together at most as many writes as a commit takes, 500.

        Returns:
            why each was not carried out, such as ChangedMeanwhile, or InvalidArgument for a document that would become
            too large; None where it was.
        """
        writes = [write for group in groups for write in group]
        try:
            if writes:
                self.commit(writes)
        except (Aborted, InvalidArgument) as error:
            if len(groups) == 1:
                return [error]
            # One failed, so the commit wrote none of them.
            middle = len(groups) // 2
            return [*self.commit_each(groups[:middle]), *self.commit_each(groups[middle:])]
        return [None] * len(groups)

    def write_each(self, writes: Sequence[Write], *, seconds: float | None = None) -> list[GoogleAPICallError | None]:
        """Write, each on its own: one that is refused holds up no other.

        https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#batchwriterequest

        Args:
            writes: what, one for each document.
            seconds: how long each call for some of them may take.

        Returns:
            why each was not carried out, such as ChangedMeanwhile; None where it was.
        """
        found = []
        for some in _chunks(writes, _WRITTEN_AT_ONCE):
            messages = [each.to_message(self._root) for each in some]
            request = types.BatchWriteRequest.pb()(database=self._name, writes=messages)
            found += self._answer("batch_write", request, self._headers, seconds).status
        return [error_of_status(each.code, each.message) if each.code else None for each in found]

    def delete_each(self, found: Sequence[FoundDocument]) -> None:
        """Delete documents, each on its own; what another process has written since it was found stays."""
        for error in self.write_each([delete(each.path, each.update_time) for each in found]):
            if error and not isinstance(error, ChangedMeanwhile):
                raise error

    def change(self, path: str, decide: Callable[[FoundDocument], tuple[T, Mapping[str, Any]]]) -> T:
        """Read a document, decide, and write; begin again where another process has written it in between.

        Args:
            path: the document's.
            decide: given what there is of it, returns the result and the fields to write; none for no change.

        Returns:
            the result.

        Raises:
            ChangedMeanwhile: others have written first every time.
        """

        def turn() -> tuple[T, list[Write]]:
            found = self.get(path)
            result, fields = decide(found)
            return result, [changed(found, fields)] if fields else []

        return self.until_written(turn)

    def until_written(self, decide: Decide[T]) -> T:
        """Read, decide, and write; begin again where another process has written in between.

        A transaction would do the same with two more calls, and hold locks meanwhile.

        Args:
            decide: see Decide.

        Returns:
            the result.

        Raises:
            ChangedMeanwhile: others have written first every time.
        """
        return self.written(decide)[0]

    def written(self, decide: Decide[T]) -> tuple[T, datetime | None]:
        """The same, with the version of the first document that was written; None where nothing was."""
        patience = Patience(max(self._seconds, CALL_SECONDS))
        while True:
            result, writes = decide()
            try:
                return result, self.commit(writes) if writes else None
            except ChangedMeanwhile as error:
                patience.wait_after(error)

    def _answer(self, method: str, request: Any, headers: _Headers, seconds: float | None) -> Any:
        return self._repeated(method, lambda call, timeout: _answer(call, request, timeout, headers), seconds)

    def _answers(self, method: str, request: Any, headers: _Headers, seconds: float | None) -> list[Any]:
        return self._repeated(method, lambda call, timeout: list(_stream(call, request, timeout, headers)), seconds)

    def _repeated(self, method: str, call: Callable[[_Method, float], T], seconds: float | None) -> T:
        def attempt(timeout: float) -> T:
            methods = self._methods
            try:
                return call(getattr(methods, method), timeout)
            except GoogleAPICallError as error:
                self._reconnect_after(error, methods)
                raise

        return repeated(attempt, seconds or self._seconds)

    def _reconnect_after(self, error: GoogleAPICallError, methods: "_Methods") -> None:
        """Have the next calls take a new channel if one got no answer in its time. What is under way on the former one
        ends there, and it closes when nothing uses it any more."""
        if not isinstance(error, GatewayTimeout):
            return
        with self._connecting:
            # One reconnects for all.
            if self._methods is methods:
                self._methods = _Methods.on(self._connect())

    def _headers_for(self, name: str, value: str) -> _Headers:
        routing: tuple[str, str] = to_grpc_metadata({name: value})  # type: ignore[no-untyped-call]  # google-api-core
        return (*self._usual, routing)

    def _parent_of(self, path: str) -> tuple[str, _Headers]:
        parent = self._root + path if path else self._parent
        return parent, self._headers_for("parent", parent)

    def _path_of(self, name: str) -> str:
        return name[len(self._root) :]

    def _found(self, document: Any) -> FoundDocument:
        return FoundDocument(self._path_of(document.name), values_of(document.fields), moment_of(document.update_time))


@functools.cache
def firestore_database(
    project: str, database: str, *, seconds: float = CALL_SECONDS, stream_seconds: float = STREAM_SECONDS
) -> Database:
    """A database, kept for the life of the process. Not to be made at import (functions.shared.clients).

    Args:
        project: the Google Cloud project's id.
        database: the database's id. FIRESTORE_EMULATOR_HOST, where set, is what it is asked for.
        seconds: how long a read or a write may take, unless its caller says so.
        stream_seconds: the same of reading all documents of a query.
    """

    def connect() -> grpc.Channel:
        channel = emulator_channel("FIRESTORE_EMULATOR_HOST", _OPTIONS)
        return channel or FirestoreGrpcTransport.create_channel(options=_OPTIONS)

    return Database(project, database, connect, seconds=seconds, stream_seconds=stream_seconds)


class _Methods(NamedTuple):
    """The methods of the service, on one channel."""

    get: _Method
    get_all: _Method
    run_query: _Method
    aggregate: _Method
    list: _Method
    commit: _Method
    batch_write: _Method

    @classmethod
    def on(cls, channel: grpc.Channel) -> "_Methods":
        return cls(
            get=_method(channel.unary_unary, "GetDocument", types.Document),
            get_all=_method(channel.unary_stream, "BatchGetDocuments"),
            run_query=_method(channel.unary_stream, "RunQuery"),
            aggregate=_method(channel.unary_stream, "RunAggregationQuery"),
            list=_method(channel.unary_unary, "ListCollectionIds"),
            commit=_method(channel.unary_unary, "Commit"),
            batch_write=_method(channel.unary_unary, "BatchWrite"),
        )


def _mask(fields: Sequence[str] | None) -> Any:
    return None if fields is None else types.DocumentMask.pb()(field_paths=fields)


def _method(make: Callable[..., Any], name: str, response: Any = None) -> _Method:
    response = response or getattr(types, f"{name}Response")
    return make(  # type: ignore[no-any-return]
        f"/google.firestore.v1.Firestore/{name}",
        request_serializer=getattr(types, f"{name}Request").pb().SerializeToString,
        response_deserializer=response.pb().FromString,
    )


def _answer(method: _Method, request: Any, timeout: float, headers: _Headers) -> Any:
    try:
        return method(request, timeout=timeout, metadata=headers)
    except grpc.RpcError as error:
        raise from_grpc_error(error) from error  # type: ignore[no-untyped-call]  # google-api-core


def _stream(method: _Method, request: Any, timeout: float, headers: _Headers) -> Iterator[Any]:
    try:
        yield from method(request, timeout=timeout, metadata=headers)
    except grpc.RpcError as error:
        raise from_grpc_error(error) from error  # type: ignore[no-untyped-call]  # google-api-core


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
