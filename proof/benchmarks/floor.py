"""The least that a function in Python can cost which sends a report: functions-framework, the five calls to Firestore
that a report makes, and the email's request. Their messages are made beforehand, their answers are dropped, and nothing
is checked, decided or rendered.
"""

import functools
import http.client
import json
import os
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from typing import Any

import functions_framework
import grpc
from flask import Request
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    CommitRequest,
    Document,
    GetDocumentRequest,
    RunQueryRequest,
    StructuredQuery,
    Value,
    Write,
)

_HTML_BYTES = 10_000
_FIELDS = 20


@functions_framework.http
def send_report(request: Request) -> dict[str, str]:
    """Call Firestore and the email provider as often as a report does."""
    request.get_data()
    read, query, claim, read_again, settle = _calls()
    read()
    query()
    claim()
    read_again()
    _send_mail()
    settle()
    return {"result": "sent"}


@functools.cache
def _calls() -> list[Callable[[], Any]]:
    # With the first request: gRPC's clients do not survive the server's fork.
    options = [(grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1)]  # type: ignore[attr-defined]
    channel = grpc.insecure_channel(os.environ["FIRESTORE_EMULATOR_HOST"], options=options)
    database = f"projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/databases/(default)"
    user = f"{database}/documents/users/floor"
    subscription = f"{user}/report_subscriptions/default"
    delivery = _write(f"{database}/documents/deliveries/floor")
    query = StructuredQuery(from_=[StructuredQuery.CollectionSelector(collection_id="event_figures")])
    requests = {
        "BatchGetDocuments": BatchGetDocumentsRequest(database=database, documents=[user, subscription]),
        "RunQuery": RunQueryRequest(parent=user, structured_query=query),
        "Commit": CommitRequest(database=database, writes=[delivery]),
        "GetDocument": GetDocumentRequest(name=f"{database}/documents/deliveries/floor"),
    }
    settle = CommitRequest(database=database, writes=[delivery, _write(subscription)])
    return [
        *(_call(channel, method, request) for method, request in requests.items()),
        _call(channel, "Commit", settle),
    ]


def _call(channel: grpc.Channel, method: str, request: Any) -> Callable[[], Any]:
    path, message = f"/google.firestore.v1.Firestore/{method}", type(request).serialize(request)
    if method in {"Commit", "GetDocument"}:
        return functools.partial(channel.unary_unary(path), message, timeout=10)
    stream: Any = channel.unary_stream(path)
    return lambda: list(stream(message, timeout=10))


def _write(name: str) -> Write:
    fields = {f"field_{number}": Value(string_value="value") for number in range(_FIELDS)}
    return Write(update=Document(name=name, fields=fields))


def _send_mail() -> None:
    body, headers = _mail()
    host = os.environ["SENDGRID_HOST"].removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.request("POST", "/v3/mail/send", body=body, headers=headers)
        if (status := connection.getresponse().status) != HTTPStatus.ACCEPTED:
            raise RuntimeError(f"the email provider answered {status}")


@functools.cache
def _mail() -> tuple[bytes, dict[str, str]]:
    mail = {
        "personalizations": [{"to": [{"email": "floor@example.com"}]}],
        "from": {"email": os.environ["MAIL_FROM"]},
        "subject": "Floor",
        "content": [{"type": "text/plain", "value": "Floor"}, {"type": "text/html", "value": "x" * _HTML_BYTES}],
    }
    authorization = f"Bearer {os.environ['SENDGRID_API_KEY']}"
    return json.dumps(mail).encode(), {"Authorization": authorization, "Content-Type": "application/json"}
