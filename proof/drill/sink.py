"""The function that stands in for SendGrid in a drill: it takes each email as SendGrid does, sends none, and keeps in
Firestore which delivery it was for, so that a second one shows.

It answers mail send and the Email Logs, and both as far as the worker uses them.
"""

import contextlib
import hmac
import json
import os
import re
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from functions.shared.firestore.database import Database, firestore_database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import create
from functions.shared.serving.answer import Answer
from functions.shared.serving.request_body import read_body
from functions.shared.serving.server import configure_server
from local_pipeline.inbox.sendgrid import MOST_BYTES, find_problems, is_sandboxed
from proof.drill.records import EMAILS

if TYPE_CHECKING:
    import flask

_LOGS = "/v3/logs"
_RECIPIENT = re.compile(r"""to_email = (?:'([^']*)'|"([^"]*)")""")
_MOST_LISTED = 100

configure_server()


def sink(request: "flask.Request") -> Answer:
    """Answer one request, as an HTTP function of functions-framework."""
    body = read_body(request.stream, MOST_BYTES)
    expected = f"Bearer {os.environ['SENDGRID_API_KEY']}"
    if not hmac.compare_digest(request.headers.get("Authorization", ""), expected):
        return _errors(HTTPStatus.UNAUTHORIZED, "The provided authorization grant is invalid, expired, or revoked")
    match request.method, request.path:
        case "POST", "/v3/mail/send":
            return _take(body)
        case "POST", "/v3/logs":
            return _found(body)
        case "GET", path if path.startswith(f"{_LOGS}/"):
            return _shown(path.removeprefix(f"{_LOGS}/"))
    return _errors(HTTPStatus.NOT_FOUND, "Not Found")


def _take(body: bytes) -> Answer:
    try:
        payload = json.loads(body)
    except ValueError:
        payload = None
    if problems := find_problems(payload, now=datetime.now(UTC)):
        answer = {"errors": [{"message": each.message, "field": each.field, "help": each.help} for each in problems]}
        return _json(HTTPStatus.BAD_REQUEST, answer)
    if is_sandboxed(payload):
        # With it the worker asks whether SendGrid is up again: it is no email.
        return "", HTTPStatus.OK.value, {}
    message_id = secrets.token_urlsafe(16)
    to, arguments = payload["personalizations"][0]["to"][0], payload["personalizations"][0].get("custom_args", {})
    # No time: an index of times that rise takes 500 writes a second. Firestore itself knows when it was written.
    fields = {"delivery_id": arguments.get("delivery_id", ""), "to": to["email"]}
    # Firestore says that it is there already where a first call took effect and its answer was lost.
    with contextlib.suppress(ChangedMeanwhile):
        _database().commit([create(f"{EMAILS}/{message_id}", fields)])
    return "", HTTPStatus.ACCEPTED.value, {"X-Message-Id": message_id}


def _found(body: bytes) -> Answer:
    query = _RECIPIENT.search(json.loads(body)["query"])
    if query is None:
        return _errors(HTTPStatus.BAD_REQUEST, "invalid query")
    emails = _database().stream(Query.of(EMAILS).where("to", "==", query[1] or query[2]).limit(_MOST_LISTED))
    return _json(HTTPStatus.OK, {"messages": [_summary(each) for each in emails]})


def _shown(message_id: str) -> Answer:
    email = _database().get(f"{EMAILS}/{message_id}")
    if email.fields is None:
        return _errors(HTTPStatus.NOT_FOUND, "message not found")
    arguments = {"delivery_id": email.fields["delivery_id"]}
    return _json(HTTPStatus.OK, {**_summary(email), "custom_args": arguments, "events": []})


def _summary(email: FoundDocument) -> dict[str, Any]:
    fields, taken_at = email.fields or {}, email.update_time
    return {
        "sg_message_id": email.id,
        "to_email": fields["to"],
        "status": "delivered",
        "sg_message_id_created_at": f"{taken_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _database() -> Database:
    # With the first request, not at import: gRPC's clients do not survive the server's fork.
    return firestore_database(os.environ["GOOGLE_CLOUD_PROJECT"], os.environ["FIRESTORE_DATABASE"])


def _errors(status: HTTPStatus, message: str) -> Answer:
    return _json(status, {"errors": [{"message": message, "field": None, "help": None}]})


def _json(status: HTTPStatus, body: Any) -> Answer:
    return json.dumps(body), status.value, {"Content-Type": "application/json"}
