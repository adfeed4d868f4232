"""The calls to Firestore that every report makes, with protobuf's own classes.

The client library wraps each value that is read or written in an object of proto-plus, and each call in layers that are
made for it alone, which takes several times the CPU of the call itself. So this module calls the methods on the
library's channel, with the same metadata, retries and errors. References, queries and the values of Firestore's own
types stay the library's, some of them by names that it keeps for itself: it has no others.
"""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any, NamedTuple

import grpc
from google.api_core import exceptions
from google.api_core.exceptions import GoogleAPICallError, NotFound, from_grpc_error
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.services.firestore.transports.base import DEFAULT_CLIENT_INFO
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    CommitResponse,
    Document,
    GetDocumentRequest,
    RunQueryRequest,
    RunQueryResponse,
    StructuredQuery,
    Write,
)

Headers = Sequence[tuple[str, str]]

_TRANSIENT = if_exception_type(
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


CALL_SECONDS = 10.0
"""How long a read or a write may take, with all its retries, unless its caller has less time."""

ONE_CALL_SECONDS = 5.0
"""One call of those."""

MOST_TURNS = 5
"""How often to decide again because others keep writing the documents."""

CHANGED = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""How Firestore refuses a write because the document has changed."""


class FoundDocument(NamedTuple):
    """What Firestore has at a path, with the names of google.cloud.firestore.DocumentSnapshot.

    Attributes:
        reference: where it is.
        fields: what it has; None where there is no document.
        update_time: when it was written last, as protobuf has it.
    """

    reference: Any
    fields: dict[str, Any] | None
    update_time: Any = None

    @property
    def id(self) -> str:
        """The last part of the path."""
        document_id: str = self.reference.id
        return document_id

    @property
    def exists(self) -> bool:
        """Whether there is a document."""
        return self.fields is not None

    def to_dict(self) -> dict[str, Any] | None:
        """The fields: the caller's own."""
        return self.fields


class FirestoreCalls:
    """Calls to one database. Safe for threads. Every method raises google.api_core.exceptions.GoogleAPICallError.

    Args:
        client: the database's.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client: Any = client
        self._database: str = self._client._database_string
        # As the library sends them: the service finds the database by the first two.
        # https://github.com/googleapis/gapic-generator-python/issues/1332
        self._usual = (
            ("google-cloud-resource-prefix", self._database),
            DEFAULT_CLIENT_INFO.to_grpc_metadata(),  # type: ignore[no-untyped-call]  # google-api-core
        )
        self._headers = self._headers_for("database", self._database)
        channel = self._client._firestore_api.transport.grpc_channel
        self._get = _method(channel.unary_unary, "GetDocument", GetDocumentRequest, Document)
        self._get_all = _method(
            channel.unary_stream, "BatchGetDocuments", BatchGetDocumentsRequest, BatchGetDocumentsResponse
        )
        self._run_query = _method(channel.unary_stream, "RunQuery", RunQueryRequest, RunQueryResponse)
        self._commit = _method(channel.unary_unary, "Commit", CommitRequest, CommitResponse)

    def get(self, reference: Any, *, retry: Retry, timeout: float) -> FoundDocument:
        """Read a document, for less than `get_all` does.

        Args:
            reference: the library's, of a database that exists: where there is none, there is no document either.
            retry: when to call again.
            timeout: of one call, in seconds.
        """
        name: str = reference._document_path
        request, headers = GetDocumentRequest.pb()(name=name), self._headers_for("name", name)
        try:
            document = retry(lambda: _answer(self._get, request, timeout, headers))()
        except NotFound:
            return FoundDocument(reference=reference, fields=None)
        return self._document(reference, document)

    def get_all(self, references: Sequence[Any], *, retry: Retry, timeout: float) -> dict[str, FoundDocument]:
        """Read documents, all at one moment.

        Args:
            references: the library's, of different documents.
            retry: when to call again.
            timeout: of one call, in seconds.

        Returns:
            What there is of each, by its path.
        """
        by_name = {reference._document_path: reference for reference in references}
        request = BatchGetDocumentsRequest.pb()(database=self._database, documents=by_name)
        found = {}
        for response in retry(lambda: list(_answers(self._get_all, request, timeout, self._headers)))():
            if response.HasField("found"):
                reference = by_name[response.found.name]
                found[reference.path] = self._document(reference, response.found)
            elif response.missing:
                reference = by_name[response.missing]
                found[reference.path] = FoundDocument(reference=reference, fields=None)
        return found

    def stream(self, query: Any, *, retry: Retry, timeout: float) -> Iterator[FoundDocument]:
        """Read the documents of a query. A stream that breaks off begins again behind the last document.

        Args:
            query: the library's, over one collection.
            retry: when to call again, and whether to go on after an error.
            timeout: of all calls together, in seconds.
        """
        over_at = time.monotonic() + timeout
        collection = query._parent
        parent, _ = collection._parent_info()
        headers = self._headers_for("parent", parent)
        last: FoundDocument | None = None
        while True:
            query = query if last is None else query.start_after(_as_snapshot(last))
            request = RunQueryRequest.pb()(parent=parent, structured_query=StructuredQuery.pb(query._to_protobuf()))

            def begin(request: Any = request) -> Iterator[Any]:
                left = max(over_at - time.monotonic(), 0.0)
                responses = _answers(self._run_query, request, left, headers)
                # With the first of them, since only then it is known whether the call has failed.
                return chain(list(islice(responses, 1)), responses)

            try:
                for response in retry(begin)():
                    if response.HasField("document"):
                        document = response.document
                        last = self._document(collection.document(document.name.rpartition("/")[2]), document)
                        yield last
            except GoogleAPICallError as error:
                if not retry._predicate(error):
                    raise
            else:
                return

    def commit(self, writes: Sequence[Any], *, retry: Retry, timeout: float) -> datetime:
        """Write, all or nothing.

        Args:
            writes: what `creation` and `change` make.
            retry: when to call again.
            timeout: of one call, in seconds.

        Returns:
            The version of the first document.
        """
        request = CommitRequest.pb()(database=self._database, writes=writes)
        written = retry(lambda: _answer(self._commit, request, timeout, self._headers))()
        return _moment(written.write_results[0].update_time)

    def _headers_for(self, name: str, value: str) -> Headers:
        routing: tuple[str, str] = to_grpc_metadata({name: value})  # type: ignore[no-untyped-call]  # google-api-core
        return (*self._usual, routing)

    def _document(self, reference: Any, document: Any) -> FoundDocument:
        fields = {name: _value_of(value, self._client) for name, value in document.fields.items()}
        return FoundDocument(reference=reference, fields=fields, update_time=document.update_time)


@functools.lru_cache(maxsize=8)
def firestore_calls(client: firestore.Client) -> FirestoreCalls:
    """The calls of a client, made once."""
    return FirestoreCalls(client)


def retry_for(seconds: float) -> Retry:
    """Call again after what passes by itself, for so many seconds."""
    return Retry(predicate=_TRANSIENT, initial=0.1, maximum=2.0, multiplier=2.0, timeout=seconds)


def creation(reference: Any, fields: Mapping[str, Any]) -> Any:
    """The write of a document that there must not be yet.

    Args:
        reference: the library's.
        fields: the document's.
    """
    write = _with_fields(reference, fields)
    write.current_document.exists = False
    return write


def change(reference: Any, fields: Mapping[str, Any], version: datetime | None) -> Any:
    """The write of some fields of a document that must still be as it was read.

    Args:
        reference: the library's.
        fields: those to write, by names of letters, digits and underscores.
        version: the document's.
    """
    write = _with_fields(reference, fields)
    write.update_mask.field_paths.extend(fields)
    if version is None:
        write.current_document.exists = True
    else:
        _set_timestamp(write.current_document.update_time, version)
    return write


def removal(reference: Any, version: datetime | None) -> Any:
    """The removal of a document that must still be as it was read.

    Args:
        reference: the library's.
        version: the document's.
    """
    write = Write.pb()(delete=reference._document_path)
    if version is not None:
        _set_timestamp(write.current_document.update_time, version)
    return write


def set_value(target: Any, value: Any) -> None:
    """Write a value into a message of google.firestore.v1.Value.

    Raises:
        TypeError: no document of the pipeline's own has such a value.
    """
    match value:
        case bool():
            target.boolean_value = value
        case int():
            target.integer_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value
        case bytes():
            target.bytes_value = value
        case datetime():
            _set_timestamp(target.timestamp_value, value)
        case None:
            target.null_value = 0
        case list() | tuple():
            target.array_value.SetInParent()
            for item in value:
                set_value(target.array_value.values.add(), item)
        case Mapping():
            target.map_value.SetInParent()
            for name, item in value.items():
                set_value(target.map_value.fields[name], item)
        case _:
            raise TypeError(type(value).__name__)


def _value_of(value: Any, client: Any) -> Any:
    """What the library makes of a value, but for a timestamp: a datetime of Python's own, to the microsecond, as the
    service keeps it."""
    match value.WhichOneof("value_type"):
        case "string_value" | "integer_value" | "double_value" | "boolean_value" | "bytes_value" as kind:
            return getattr(value, kind)
        case "map_value":
            fields = {name: _value_of(each, client) for name, each in value.map_value.fields.items()}
            # A value of a type that Firestore keeps as a map: no field of an application's own has such a name.
            # https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields
            is_typed = any(name.startswith("__") for name in fields)
            return _helpers.decode_value(value, client) if is_typed else fields
        case "timestamp_value":
            return _moment(value.timestamp_value)
        case "null_value":
            return None
        case "array_value":
            return [_value_of(each, client) for each in value.array_value.values]
        case _:
            return _helpers.decode_value(value, client)


def _moment(timestamp: Any) -> datetime:
    return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1_000)


def _set_timestamp(target: Any, moment: datetime) -> None:
    """As FromDatetime does it, which takes six times as long."""
    since = moment - _EPOCH
    target.seconds = since.days * 86_400 + since.seconds
    target.nanos = since.microseconds * 1_000


def _with_fields(reference: Any, fields: Mapping[str, Any]) -> Any:
    write = Write.pb()()
    write.update.name = reference._document_path
    for name, value in fields.items():
        set_value(write.update.fields[name], value)
    return write


def _as_snapshot(document: FoundDocument) -> firestore.DocumentSnapshot[Any]:
    return firestore.DocumentSnapshot(document.reference, document.fields, True, None, None, document.update_time)


def _method(make: Callable[..., Any], name: str, request: Any, response: Any) -> Callable[..., Any]:
    return make(  # type: ignore[no-any-return]
        f"/google.firestore.v1.Firestore/{name}",
        request_serializer=request.pb().SerializeToString,
        response_deserializer=response.pb().FromString,
    )


def _answer(method: Callable[..., Any], request: Any, timeout: float, headers: Headers) -> Any:
    try:
        return method(request, timeout=timeout, metadata=headers)
    except grpc.RpcError as error:
        raise from_grpc_error(error) from error  # type: ignore[no-untyped-call]  # google-api-core


def _answers(method: Callable[..., Any], request: Any, timeout: float, headers: Headers) -> Iterator[Any]:
    try:
        yield from method(request, timeout=timeout, metadata=headers)
    except grpc.RpcError as error:
        raise from_grpc_error(error) from error  # type: ignore[no-untyped-call]  # google-api-core
