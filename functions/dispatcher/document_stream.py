"""Reads many users or subscriptions from Firestore: in pages, resumed where a page breaks off, with few documents in
memory at a time.

It calls `runQuery` of the REST API and not of gRPC, which gives each document a message of its own: in Python such a
message costs several times more CPU, in gRPC alone, than all other work of the dispatcher for a report. Over REST many
documents come at once, and the json module reads them. Google's own clients for the web and for Node read queries like
that, too (docs/explanation/decisions.md).
"""

import codecs
import json
import os
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import google.auth
import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from functions.shared.records.user import USERS

PAGE_SIZE = 5_000
"""How many documents a query returns. One query for all would exceed the service's time limit when the queues are
slower than the reading; a page takes seconds, also where several streams are read side by side, and its start costs one
round trip."""

_TIMEOUT = (10.0, 60.0)
"""Seconds until there is a connection, and between two pieces of an answer."""

_PIECE_BYTES = 64 * 1024
_THREADS = 8
_ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 8.0
_TRANSIENT = (
    exceptions.Conflict,
    exceptions.TooManyRequests,
    exceptions.Cancelled,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.ServiceUnavailable,
    exceptions.GatewayTimeout,
)

_SCOPE = "https://www.googleapis.com/auth/datastore"
"""https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents/runQuery#authorization-scopes"""

_BETWEEN_ELEMENTS = re.compile(r"[\s,\[]*")

Value = Mapping[str, Any]
"""A value as JSON. https://firebase.google.com/docs/firestore/reference/rest/Shared.Types/ArrayValue#Value"""


class Operator(StrEnum):
    """How a filter compares.

    https://firebase.google.com/docs/firestore/reference/rest/v1/StructuredQuery#operator_1
    """

    EQUAL = "EQUAL"
    IN = "IN"
    GREATER_THAN_OR_EQUAL = "GREATER_THAN_OR_EQUAL"
    LESS_THAN_OR_EQUAL = "LESS_THAN_OR_EQUAL"


Filter = tuple[str, Operator, Value]
"""Field, operator, value."""

Document = Mapping[str, Any]
"""A document as JSON: `name`, `fields` where it has any, `createTime` and `updateTime`.
https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents#Document"""


class DocumentStream:
    """Reads the documents of `users`, or of a collection below each user. Not to be made at import: it asks for
    credentials.

    Args:
        project: the Google Cloud project's id.
        database: the Firestore database's id.
        below_users: the id of the collection below each user's document; None for the users themselves.
    """

    def __init__(self, project: str, database: str, below_users: str | None = None) -> None:
        self._parent = f"projects/{project}/databases/{database}/documents"
        self._from = {"collectionId": below_users, "allDescendants": True} if below_users else {"collectionId": USERS}
        self._root = f"{self._parent}/"
        self._users = f"{self._root}{USERS}/"
        self._slashes = self._users.count("/") + (2 if below_users else 0)
        if host := _emulator():
            self._session, origin = requests.Session(), f"http://{host}"
            # A proxy of the environment is not for this machine.
            self._session.trust_env = False
        else:
            credentials, _ = google.auth.default(scopes=[_SCOPE])
            self._session, origin = AuthorizedSession(credentials), "https://firestore.googleapis.com"  # type: ignore[no-untyped-call]
        self._url = f"{origin}/v1/{self._parent}:runQuery?prettyPrint=false"
        # Packing and unpacking costs more than it saves within a region.
        self._session.headers["Accept-Encoding"] = "identity"
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="query")

    def read(
        self,
        *,
        where: Sequence[Filter],
        order_by: Sequence[str],
        select: Sequence[str],
        start_after: Sequence[Value] = (),
        read_time: datetime | None = None,
    ) -> Iterator[Document]:
        """Read documents in an order that ends with their names. The query begins at once, not with the first document.

        Args:
            where: filters, all of which must hold.
            order_by: the fields by which to order, before the name.
            select: the fields to read.
            start_after: the place in the order behind which to begin: values of the fields of `order_by`, and
                perhaps a name.
            read_time: the moment, of the last hour, whose documents to read; None for the present.

        Returns:
            an iterator over the documents.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refuses, or failed six times without a document.
        """
        query: dict[str, Any] = {
            "select": {"fields": [{"fieldPath": path} for path in select]},
            "from": [self._from],
            "orderBy": [{"field": {"fieldPath": path}, "direction": "ASCENDING"} for path in (*order_by, "__name__")],
            "limit": PAGE_SIZE,
        }
        if where:
            query["where"] = _all_of(where)
        if start_after:
            query["startAt"] = {"values": start_after, "before": False}
        body: dict[str, Any] = {"structuredQuery": query}
        if read_time:
            body["readTime"] = timestamp(read_time)["timestampValue"]
        return self._pages(body, order_by, self._threads.submit(self._begin, body))

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

    def _begin(self, body: Mapping[str, Any]) -> requests.Response:
        try:
            return self._session.post(self._url, json=body, timeout=_TIMEOUT, stream=True)
        except (requests.RequestException, GoogleAuthError) as error:
            raise exceptions.ServiceUnavailable(str(error)) from error  # type: ignore[no-untyped-call]  # google-api-core

    def _pages(
        self, body: dict[str, Any], order_by: Sequence[str], begun: "Future[requests.Response]"
    ) -> Iterator[Document]:
        page: Future[requests.Response] | None = begun
        failures = 0
        while True:
            read = 0
            last: Document | None = None
            try:
                with closing(page.result() if page else self._begin(body)) as answer:
                    for element in _elements(answer):
                        if document := element.get("document"):
                            read += 1
                            last = document
                            if self.holds(document["name"]):
                                yield document
            except _TRANSIENT:
                failures = 0 if read else failures + 1
                if failures == _ATTEMPTS:
                    raise
                longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**failures)
                time.sleep(random.uniform(0, longest))  # noqa: S311  jitter, no secret
            else:
                if read < PAGE_SIZE:
                    return
                failures = 0
            page = None
            if last is not None:
                values = [*(last["fields"][path] for path in order_by), {"referenceValue": last["name"]}]
                body["structuredQuery"]["startAt"] = {"values": values, "before": False}


def _emulator() -> str | None:
    """`host:port` of an emulator's REST API, where there is an emulator. Google's has it on the same port as gRPC."""
    return os.environ.get("FIRESTORE_REST_EMULATOR_HOST") or os.environ.get("FIRESTORE_EMULATOR_HOST")


def _elements(answer: requests.Response) -> Iterator[dict[str, Any]]:
    """The elements of the array that an answer is, each as soon as it is complete.

    https://cloud.google.com/apis/docs/http#streaming

    Raises:
        google.api_core.exceptions.GoogleAPICallError: the service refuses, or the answer breaks off.
    """
    if answer.status_code != requests.codes.ok:
        raise exceptions.from_http_response(answer)  # type: ignore[no-untyped-call]  # google-api-core
    to_text = codecs.getincrementaldecoder("utf-8")()
    decode = json.JSONDecoder().raw_decode
    skip = _BETWEEN_ELEMENTS.match
    text, place = "", 0
    try:
        for piece in answer.iter_content(_PIECE_BYTES):
            text, place = text[place:] + to_text.decode(piece), 0
            while True:
                place = skip(text, place).end()  # type: ignore[union-attr]  # it matches anything
                if text.startswith("]", place):
                    return
                try:
                    element, place = decode(text, place)
                except ValueError:
                    break
                if error := element.get("error"):
                    raise exceptions.from_http_status(error.get("code"), error.get("message", ""))  # type: ignore[no-untyped-call]
                yield element
    except requests.RequestException as error:
        raise exceptions.ServiceUnavailable(str(error)) from error  # type: ignore[no-untyped-call]  # google-api-core
    raise exceptions.ServiceUnavailable("the answer broke off")  # type: ignore[no-untyped-call]  # google-api-core


def timestamp(at: datetime) -> Value:
    """A moment as a value."""
    return {"timestampValue": at.astimezone(UTC).isoformat().replace("+00:00", "Z")}


def _all_of(filters: Sequence[Filter]) -> dict[str, Any]:
    return {
        "compositeFilter": {
            "op": "AND",
            "filters": [
                {"fieldFilter": {"field": {"fieldPath": path}, "op": operator, "value": value}}
                for path, operator, value in filters
            ],
        }
    }
