"""Reads many documents of a query: in pages, resumed where a page breaks off, with few documents in memory at a time.

It calls `runQuery` of the REST API and not of gRPC, which gives each document a message of its own: in Python such a
message costs several times more CPU, in gRPC alone, than all other work of the dispatcher for a report. Over REST many
documents come at once, and the json module reads them. Google's own clients for the web and for Node read queries like
that, too (docs/explanation/decisions.md).
"""

import codecs
import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from datetime import datetime
from typing import Any

import google.auth
import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.firestore_v1.types import RunQueryRequest
from google.protobuf.json_format import MessageToDict

from functions.shared.firestore.query import Query
from functions.shared.firestore.retry import LONGEST_SILENCE_SECONDS, Patience
from functions.shared.firestore.values import set_timestamp
from functions.shared.threads import Threads

PAGE_SIZE = 5_000
"""How many documents a query returns. One query for all would exceed the service's time limit when the queues are
slower than the reading; a page takes seconds, also where several streams are read side by side, and its start costs one
round trip."""

_PIECE_BYTES = 64 * 1024
_THREADS = 8

_SCOPE = "https://www.googleapis.com/auth/datastore"
"""https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents/runQuery#authorization-scopes"""

_BETWEEN_ELEMENTS = re.compile(r"[\s,\[]*")

Document = Mapping[str, Any]
"""A document as JSON: `name`, `fields` where it has any, `createTime` and `updateTime`.
https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents#Document"""


class DocumentStream:
    """Reads the documents of queries. Not to be made at import: it asks for credentials.

    Args:
        project: the Google Cloud project's id.
        database: the Firestore database's id.
        seconds: for how long a query that fails is made again, after the last document that came.
    """

    def __init__(self, project: str, database: str, *, seconds: float) -> None:
        self._parent = f"projects/{project}/databases/{database}/documents"
        self._seconds = seconds
        # So that a query that meets a silent connection is made again.
        self._silence = min(seconds / 4, LONGEST_SILENCE_SECONDS)
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
        self._threads = Threads(_THREADS, thread_name_prefix="query")

    def read(self, query: Query, *, read_time: datetime | None = None) -> Iterator[Document]:
        """Read documents. The query begins at once, not with the first document.

        Args:
            query: which, with an order that ends with their names.
            read_time: the moment, of the last hour, whose documents to read; None for the present.

        Returns:
            an iterator over the documents.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refuses, or fails for too long.
        """
        request = RunQueryRequest.pb()()
        request.structured_query.CopyFrom(query.limit(PAGE_SIZE).to_message(f"{self._parent}/"))
        if read_time:
            set_timestamp(request.read_time, read_time)
        body = MessageToDict(request)
        return self._pages(body, [field for field, _ in query.orders[:-1]], self._threads.submit(self._begin, body))

    def _begin(self, body: Mapping[str, Any]) -> requests.Response:
        try:
            return self._session.post(self._url, json=body, timeout=self._silence, stream=True)
        except (requests.RequestException, GoogleAuthError) as error:
            # The other connections that are idle may be silent, too.
            self._session.close()
            raise exceptions.ServiceUnavailable(str(error)) from error  # type: ignore[no-untyped-call]  # google-api-core

    def _pages(
        self, body: dict[str, Any], order_by: list[str], begun: "Future[requests.Response]"
    ) -> Iterator[Document]:
        page: Future[requests.Response] | None = begun
        patience = Patience(self._seconds)
        while True:
            read = 0
            last: Document | None = None
            try:
                with closing(page.result() if page else self._begin(body)) as answer:
                    for element in _elements(answer):
                        if document := element.get("document"):
                            read += 1
                            last = document
                            yield document
            except exceptions.GoogleAPICallError as error:
                if read:
                    patience = Patience(self._seconds)
                patience.wait_after(error)
            else:
                if read < PAGE_SIZE:
                    return
                patience = Patience(self._seconds)
            page = None
            if last is not None:
                values = [*(last["fields"][path] for path in order_by), {"referenceValue": last["name"]}]
                body["structuredQuery"]["startAt"] = {"values": values, "before": False}


def path_of(document: Document) -> str:
    """The path of a document, below the root."""
    return str(document["name"].split("/", 5)[5])


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
