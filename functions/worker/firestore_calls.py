"""The calls to Firestore that every report makes, with protobuf's own classes.

The client library wraps each value that is read or written in an object of proto-plus, which takes several times the
CPU of the call itself. So this module calls the methods on the library's channel, with the same metadata, retries and
errors. References, queries and the values in documents stay the library's, some of them by names that it keeps for
itself: it has no others.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.api_core.gapic_v1.method import wrap_method
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.api_core.retry import Retry
from google.cloud import firestore
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.services.firestore.transports.base import DEFAULT_CLIENT_INFO
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    CommitResponse,
    RunQueryRequest,
    RunQueryResponse,
    StructuredQuery,
    Write,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundDocument:
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
        # The service finds the database by these; the library sends both.
        # https://github.com/googleapis/gapic-generator-python/issues/1332
        self._prefix = ("google-cloud-resource-prefix", self._database)
        routing: tuple[str, str] = to_grpc_metadata({"database": self._database})  # type: ignore[no-untyped-call]  # google-api-core
        self._headers = (self._prefix, routing)
        channel = self._client._firestore_api.transport.grpc_channel
        self._get = _method(
            channel.unary_stream, "BatchGetDocuments", BatchGetDocumentsRequest, BatchGetDocumentsResponse
        )
        self._run_query = _method(channel.unary_stream, "RunQuery", RunQueryRequest, RunQueryResponse)
        self._commit = _method(channel.unary_unary, "Commit", CommitRequest, CommitResponse)

    def get(self, references: Sequence[Any], *, retry: Retry, timeout: Any) -> dict[str, FoundDocument]:
        """Read documents, all at one moment.

        Args:
            references: the library's, of different documents.
            retry: when to call again.
            timeout: of one call.

        Returns:
            What there is of each, by its path.
        """
        by_name = {reference._document_path: reference for reference in references}
        request = BatchGetDocumentsRequest.pb()(database=self._database, documents=by_name)
        found = {}
        for response in self._get(request, retry=retry, timeout=timeout, metadata=self._headers):
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
            timeout: of one call.
        """
        collection = query._parent
        parent, _ = collection._parent_info()
        routing: tuple[str, str] = to_grpc_metadata({"parent": parent})  # type: ignore[no-untyped-call]  # google-api-core
        last: FoundDocument | None = None
        while True:
            query = query if last is None else query.start_after(_as_snapshot(last))
            request = RunQueryRequest.pb()(
                parent=parent,
                structured_query=StructuredQuery.pb(query._to_protobuf()),
            )
            try:
                for response in self._run_query(
                    request, retry=retry, timeout=timeout, metadata=(self._prefix, routing)
                ):
                    if response.HasField("document"):
                        document = response.document
                        last = self._document(collection.document(document.name.rpartition("/")[2]), document)
                        yield last
            except GoogleAPICallError as error:
                if not retry._predicate(error):
                    raise
            else:
                return

    def commit(self, writes: Sequence[Any], *, retry: Retry, timeout: Any) -> datetime:
        """Write, all or nothing.

        Args:
            writes: what `creation` and `change` make.
            retry: when to call again.
            timeout: of one call.

        Returns:
            The version of the first document.
        """
        request = CommitRequest.pb()(database=self._database, writes=writes)
        written = self._commit(request, retry=retry, timeout=timeout, metadata=self._headers)
        version = written.write_results[0].update_time
        return datetime.fromtimestamp(version.seconds, UTC) + timedelta(microseconds=version.nanos // 1000)

    def _document(self, reference: Any, document: Any) -> FoundDocument:
        fields: Any = _helpers.decode_dict(document.fields, self._client)
        return FoundDocument(reference=reference, fields=fields, update_time=document.update_time)


@functools.lru_cache(maxsize=8)
def firestore_calls(client: firestore.Client) -> FirestoreCalls:
    """The calls of a client, made once."""
    return FirestoreCalls(client)


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
        write.current_document.update_time.FromDatetime(version)
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
            target.timestamp_value.FromDatetime(value)
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


def _with_fields(reference: Any, fields: Mapping[str, Any]) -> Any:
    write = Write.pb()()
    write.update.name = reference._document_path
    for name, value in fields.items():
        set_value(write.update.fields[name], value)
    return write


def _as_snapshot(document: FoundDocument) -> firestore.DocumentSnapshot[Any]:
    return firestore.DocumentSnapshot(document.reference, document.fields, True, None, None, document.update_time)


def _method(make: Callable[..., Any], name: str, request: Any, response: Any) -> Callable[..., Any]:
    """A method of the service, which raises GoogleAPICallError, when it is called and when its stream is read."""
    method = make(
        f"/google.firestore.v1.Firestore/{name}",
        request_serializer=request.pb().SerializeToString,
        response_deserializer=response.pb().FromString,
    )
    wrapped: Callable[..., Any] = wrap_method(method, client_info=DEFAULT_CLIENT_INFO)  # type: ignore[no-untyped-call]  # google-api-core
    return wrapped
