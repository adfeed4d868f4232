"""The API: services of the team call it, each as its own service account.

Google Cloud lets in only those who may call, and the function verifies their token itself, too. What a call does is in
`subscriptions.py` and `deliveries.py`; the table of calls, in `routes.py`.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import flask
import functions_framework
from pydantic_core import from_json, to_json
from werkzeug.exceptions import NotFound

from functions.api.call import MOST_BATCH_BYTES, Api, Call, Reply, wanted_versions
from functions.api.openapi import openapi
from functions.api.problem import MEDIA_TYPE, Problem, refusal_of
from functions.api.routes import Route, carry_out, find_route, is_utf8
from functions.shared.archive import Archive
from functions.shared.firestore.database import firestore_database
from functions.shared.firestore.stored_calendars import stored_defaults
from functions.shared.logging import configure_logging, trace_lines
from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.named_brand import brand_name_of
from functions.shared.queues.queue_choice import choose_queue
from functions.shared.queues.task_queue import TaskQueue
from functions.shared.records.ids import is_document_id
from functions.shared.serving.answer import Answer
from functions.shared.serving.identity import TokenVerifier
from functions.shared.serving.request_body import read_body
from functions.shared.serving.server import configure_server
from functions.shared.settings import ApiSettings, load_settings

_BODY_TYPES = frozenset({"application/json", "application/merge-patch+json"})
_JSON = "application/json"
_SAFE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_settings = load_settings(ApiSettings)
configure_logging("api", _settings.log_level)
configure_server()
_verifier = TokenVerifier.from_settings(_settings, audience=_settings.api_url, invokers=_settings.api_callers)


def api(request: flask.Request) -> Answer:
    """Answer one request, as an HTTP function of functions-framework."""
    trace_lines(request.headers.get)
    body = read_body(request.stream, MOST_BATCH_BYTES + 1)
    if request.path == "/health":
        return _answer(HTTPStatus.OK, {"result": "healthy"})
    try:
        account = _verified(request)
        if request.path == "/openapi.json":
            return _answer(HTTPStatus.OK, openapi(_settings.api_url))
        # As it came: the server has decoded slashes of ids, and put a character in place of what is not UTF-8.
        route, ids = find_route(request.environ["RAW_URI"].encode("latin-1").partition(b"?")[0], request.method)
        reply = carry_out(route, _api(), _call(request, route, ids, body, account))
    except Exception as error:  # noqa: BLE001  it is logged there
        refusal = refusal_of(error)
        text = json.dumps(refusal.body) + "\n"
        return text, refusal.status.value, {**_SAFE, "Content-Type": MEDIA_TYPE, **refusal.headers}
    if route.is_tagged_by_content:
        return _tagged(request, reply)
    return _answer(route.status, reply.body, reply.headers)


def _tagged(request: flask.Request, reply: Reply) -> Answer:
    """An answer with a tag of its content; none of the content if the caller has it."""
    text, status, headers = _answer(HTTPStatus.OK, reply.body, reply.headers)
    tag = hashlib.sha256(text.encode()).hexdigest()[:32]
    headers["ETag"] = f'"{tag}"'
    if request.if_none_match.contains_weak(tag):
        del headers["Content-Type"]
        return "", HTTPStatus.NOT_MODIFIED.value, headers
    return text, status, headers


@functions_framework.errorhandler(NotFound)  # type: ignore[untyped-decorator]  # it has no types
def api_elsewhere(_error: NotFound) -> Answer:
    """Answer a request that functions-framework finds no function for, such as one with a line break in its path."""
    return api(flask.request)


def _verified(request: flask.Request) -> str:
    return _verifier.verify(request.headers, now=datetime.now(UTC))


def _call(request: flask.Request, route: Route, ids: Mapping[str, str], body: bytes, account: str) -> Call:
    if not is_utf8(request.query_string):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The address is not UTF-8.")
    for name, values in request.args.lists():
        if name not in route.query or len(values) > 1:
            raise Problem(HTTPStatus.BAD_REQUEST, f"{name}: not a parameter, or given twice.")
        if name == "subscription_id" and not is_document_id(values[0]):
            raise Problem(HTTPStatus.BAD_REQUEST, f"{name}: not an id.")
    wanted = wanted_versions(request.headers.get("If-Match"))
    return Call(ids, request.args, _read(request, body, route.most_bytes) if route.takes else {}, wanted, account)


def _read(request: flask.Request, body: bytes, most_bytes: int) -> Mapping[str, Any]:
    if len(body) > most_bytes:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has at most {most_bytes:,} bytes.")
    if request.mimetype not in _BODY_TYPES:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body must be {_JSON}.")
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from error
    if not isinstance(content, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "The body is not a JSON object.")
    return content


@functools.cache
def _api() -> Api:
    # With the first request, not at import: gRPC's clients do not survive the server's fork.
    database = firestore_database(_settings.google_cloud_project, _settings.firestore_database)
    keys = TokenKeys(_settings.preferences_key)
    brands = {name: brand.within(_settings) for name, brand in _settings.brands.items()}

    def page_url(token: RecipientToken, user: Mapping[str, Any]) -> str:
        return f"{brands.get(brand_name_of(user), _settings).preferences_url}/{keys.make(token)}"

    return Api(
        database=database,
        defaults=stored_defaults(_settings, lambda: database),
        queue_of=lambda user_id: _queue(choose_queue(user_id, _settings.report_queues)),
        page_url=page_url if _settings.preferences_url else None,
        archive=Archive(_settings.archive) if _settings.archive else None,
        now=lambda: datetime.now(UTC),
    )


@functools.cache
def _queue(number: int) -> TaskQueue:
    return TaskQueue(
        project=_settings.google_cloud_project,
        location=_settings.location,
        queue=_settings.report_queues[number],
        url=f"{_settings.worker_url}/tasks/send-report",
        service_account=_settings.tasks_invoker,
        audience=_settings.worker_url,
    )


def _answer(status: HTTPStatus, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    content = {} if body is None else {"Content-Type": _JSON}
    text = "" if body is None else to_json(body, fallback=str, inf_nan_mode="null", bytes_mode="base64").decode() + "\n"
    return text, status.value, {**_SAFE, **content, **(headers or {})}
