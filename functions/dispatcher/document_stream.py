"""Reads many users or subscriptions from Firestore: in pages, resumed where a page breaks off, with one document in
memory at a time.

It reads Google's protobuf classes directly: the client library's snapshots cost several times more than all other work
of the dispatcher for a report, and the proto-plus classes of its lower layer cost more than decoding an answer. So this
module calls the method on the channel itself, with the same metadata and the same errors as the library.
"""

import random
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import grpc
from google.api_core import exceptions
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.services.firestore.transports.base import DEFAULT_CLIENT_INFO
from google.cloud.firestore_v1.types import Cursor, RunQueryRequest, RunQueryResponse, StructuredQuery, Value

from functions.shared.clients import emulator_channel
from functions.shared.user import USERS

PAGE_SIZE = 5_000
"""How many documents a query returns. One query for all would exceed the service's time limit when the queues are
slower than the reading; a page takes seconds, also where several streams are read side by side, and its start costs one
round trip."""

_PAGE_SECONDS = 300.0
_ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 8.0
_TRANSIENT = (
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
)

Operator = StructuredQuery.FieldFilter.Operator

Filter = tuple[str, int, Value]
"""Field, operator (an Operator), value."""


class DocumentStream:
    """Reads the documents of `users`, or of a collection below each user. It opens a channel at once: do not make one
    at import (shared/clients.py).

    Args:
        project: the Google Cloud project's id.
        database: the Firestore database's id.
        below_users: the id of the collection below each user's document; None for the users themselves.
    """

    def __init__(self, project: str, database: str, below_users: str | None = None) -> None:
        root = f"projects/{project}/databases/{database}"
        self._parent = f"{root}/documents"
        self._from = StructuredQuery.CollectionSelector(
            collection_id=below_users or USERS, all_descendants=below_users is not None
        )
        self._root = f"{self._parent}/"
        self._users = f"{self._root}{USERS}/"
        self._slashes = self._users.count("/") + (2 if below_users else 0)
        # The service finds the database by these; the client library sends both.
        # https://github.com/googleapis/gapic-generator-python/issues/1332
        routing: tuple[str, str] = to_grpc_metadata({"parent": self._parent})  # type: ignore[no-untyped-call]  # google-api-core
        client: tuple[str, str] = DEFAULT_CLIENT_INFO.to_grpc_metadata()  # type: ignore[no-untyped-call]  # google-api-core
        self._headers = (("google-cloud-resource-prefix", root), routing, client)
        # One thread reads the stream, instead of handing each message to another.
        # https://grpc.github.io/grpc/python/grpc.html#grpc.experimental.ChannelOptions.SingleThreadedUnaryStream
        options = [(grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1)]
        channel = emulator_channel("FIRESTORE_EMULATOR_HOST", options)
        # Kept because a channel without a reference closes.
        self._channel = channel or FirestoreGrpcTransport.create_channel(options=options)
        self._run_query = self._channel.unary_stream(
            "/google.firestore.v1.Firestore/RunQuery",
            request_serializer=RunQueryRequest.pb().SerializeToString,
            response_deserializer=RunQueryResponse.pb().FromString,
        )

    def read(
        self,
        *,
        where: Sequence[Filter],
        order_by: Sequence[str],
        select: Sequence[str],
        start_after: Sequence[Value] = (),
        end_before: Sequence[Value] = (),
        end_at: Sequence[Value] = (),
        read_time: datetime | None = None,
    ) -> Iterator[Any]:
        """Read documents in an order that ends with their names. The query begins at once, not with the first document.

        Args:
            where: filters, all of which must hold.
            order_by: the fields by which to order, before the name.
            select: the fields to read.
            start_after: the place in the order behind which to begin: values of the fields of `order_by`, and
                perhaps a name.
            end_before: the place in the order before which to end.
            end_at: the last place, as an alternative to `end_before`.
            read_time: the moment, of the last hour, whose documents to read; None for the present.

        Returns:
            an iterator over google.firestore.v1.Document, the protobuf class.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refuses, or failed six times without a document.
        """
        query = StructuredQuery(
            select=StructuredQuery.Projection(fields=[_field(path) for path in select]),
            from_=[self._from],
            where=_all_of(where),
            order_by=[
                StructuredQuery.Order(field=_field(path), direction=StructuredQuery.Direction.ASCENDING)
                for path in (*order_by, "__name__")
            ],
            limit=PAGE_SIZE,
        )
        if start_after:
            query.start_at = Cursor(values=start_after, before=False)
        if end_before:
            query.end_at = Cursor(values=end_before, before=True)
        if end_at:
            query.end_at = Cursor(values=end_at, before=False)
        request = RunQueryRequest.pb(RunQueryRequest(parent=self._parent, structured_query=query, read_time=read_time))
        return self._pages(request, order_by, self._begin(request))

    def name_of(self, path: str) -> str:
        """The name of the document at a path below the root."""
        return self._root + path

    def path_of(self, name: str) -> str:
        """The path below the root of the document of a name."""
        return name.removeprefix(self._root)

    def holds(self, name: str) -> bool:
        """Whether a document of this name belongs to a user: other software may keep a collection of the same
        name elsewhere."""
        return name.startswith(self._users) and name.count("/") == self._slashes

    def _begin(self, request: Any) -> Iterator[Any]:
        return self._run_query(request, timeout=_PAGE_SECONDS, metadata=self._headers)

    def _pages(self, request: Any, order_by: Sequence[str], first_page: Iterator[Any]) -> Iterator[Any]:
        start_at = request.structured_query.start_at
        page: Iterator[Any] | None = first_page
        failures = 0
        while True:
            read = 0
            last: Any = None
            try:
                for response in page or self._begin(request):
                    if response.HasField("document"):
                        read += 1
                        last = response.document
                        if self.holds(last.name):
                            yield last
            except grpc.RpcError as failure:
                error = exceptions.from_grpc_error(failure)  # type: ignore[no-untyped-call]  # google-api-core
                failures = 0 if read else failures + 1
                if failures == _ATTEMPTS or not isinstance(error, _TRANSIENT):
                    raise error from failure
                longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**failures)
                time.sleep(random.uniform(0, longest))  # noqa: S311  jitter, no secret
            else:
                if read < PAGE_SIZE:
                    return
                failures = 0
            page = None
            if last is not None:
                start_at.Clear()
                start_at.values.extend(last.fields[path] for path in order_by)
                start_at.values.add().reference_value = last.name


def _all_of(filters: Sequence[Filter]) -> StructuredQuery.Filter | None:
    if not filters:
        return None
    return StructuredQuery.Filter(
        composite_filter=StructuredQuery.CompositeFilter(
            op=StructuredQuery.CompositeFilter.Operator.AND,
            filters=[
                StructuredQuery.Filter(
                    field_filter=StructuredQuery.FieldFilter(field=_field(path), op=operator, value=value)
                )
                for path, operator, value in filters
            ],
        )
    )


def _field(path: str) -> StructuredQuery.FieldReference:
    return StructuredQuery.FieldReference(field_path=path)
