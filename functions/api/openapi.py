"""The OpenAPI document, made of the routes and of the types that calls are read with. Pure.

https://spec.openapis.org/oas/v3.1.1.html
"""

import inspect
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

from functions.api.batch import Batch, Outcomes
from functions.api.call import MOST_ROWS, USUAL_ROWS
from functions.api.problem import MEDIA_TYPE
from functions.api.routes import ROUTES, Route
from functions.api.schemas import MODELS
from functions.api.subscriptions import SHOWN
from functions.shared.records.states import DeliveryState
from functions.shared.records.subscription import SUBSCRIPTION_DOCUMENT
from functions.shared.records.subscription_edit import EDITABLE
from operations.subscriptions.subscriptions import SubscriptionState

_Json = dict[str, Any]
_PLACE = "#/components/schemas/{model}"
_ID: _Json = {"type": "string", "minLength": 1, "maxLength": 1500, "pattern": "^[^/]+$"}
_TEXT: _Json = {"type": "string"}
_TIME: _Json = {"type": "string", "format": "date-time"}
_OR_NULL: _Json = {"type": "null"}
_QUERY: Mapping[str, _Json] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": USUAL_ROWS},
    "after": {**_TEXT, "minLength": 1, "description": "`next` of the page before"},
    "subscription_id": {**_ID, "description": "only those of this subscription"},
    "state": {"enum": [each.value for each in DeliveryState], "description": "only those in this state"},
    "since": {**_TIME, "description": "only those that were due then or later"},
    "until": {**_TIME, "description": "only those that were due then or before"},
}


def openapi(url: str) -> _Json:
    """The document.

    Args:
        url: where the API is.
    """
    paths: dict[str, _Json] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Report pipeline",
            "version": "1",
            "description": "Which reports users get, when, and what came of each.",
        },
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": f"A Google ID token of a service account that may call, for the audience {url}.",
                }
            },
            "schemas": _schemas(),
        },
    }


def problems(route: Route) -> list[HTTPStatus]:
    """The statuses of a route's problems."""
    found = [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE]
    if route.query or route.takes:
        found.append(HTTPStatus.BAD_REQUEST)
        found.append(HTTPStatus.UNPROCESSABLE_ENTITY)
    if route.takes:
        found += [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
    if route.method != "GET":
        found.append(HTTPStatus.CONFLICT)
    if route.changes:
        found.append(HTTPStatus.PRECONDITION_FAILED)
    return sorted(found)


def _operation(route: Route) -> _Json:
    summary, _, more = (inspect.getdoc(route.carry_out) or "").replace("\n", " ").partition(". ")
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": _ID} for name in names]
    parameters += [{"name": name, "in": "query", "schema": _QUERY[name]} for name in route.query]
    if route.changes:
        about = "the ETag of the version to change; without it, of whichever there is"
        parameters.append({"name": "If-Match", "in": "header", "description": about, "schema": _TEXT})
    if route.is_tagged_by_content:
        about = "the ETag of an earlier answer: if nothing has changed, the answer is 304 and has no content"
        parameters.append({"name": "If-None-Match", "in": "header", "description": about, "schema": _TEXT})
    answer: _Json = {"description": "what was asked for"}
    if route.gives:
        answer["content"] = _content(route.gives)
    if route.gives == "Subscription" or route.is_tagged_by_content:
        answer["headers"] = {"ETag": {"description": "the version", "schema": _TEXT}}
    same = {"304": {"description": "nothing has changed"}} if route.is_tagged_by_content else {}
    refusals = {
        str(status.value): {"description": status.phrase, "content": _content("Problem", MEDIA_TYPE)}
        for status in problems(route)
    }
    body = {"requestBody": {"required": True, "content": _content(route.takes)}} if route.takes else {}
    return {
        "operationId": route.name,
        "summary": summary.rstrip("."),
        **({"description": more} if more else {}),
        "parameters": parameters,
        **body,
        "responses": {str(route.status.value): answer, **same, **refusals},
    }


def _content(schema: str, media_type: str = "application/json") -> _Json:
    return {media_type: {"schema": {"$ref": _PLACE.format(model=schema)}}}


def _schemas() -> _Json:
    _, models = models_json_schema([(model, "validation") for model in (*MODELS, Batch, Outcomes)], ref_template=_PLACE)
    document = SUBSCRIPTION_DOCUMENT.model_json_schema(ref_template=_PLACE)
    fields = document["properties"]
    change = {name: _or_null(fields[name]) for name in EDITABLE}
    answered = {
        "user_id": _TEXT,
        "subscription_id": _TEXT,
        "state": {"enum": [each.value for each in SubscriptionState]},
        **{name: _or_null(fields[name]) for name in (*EDITABLE, *SHOWN)},
        "objections": {
            "type": "array",
            "items": {"$ref": _PLACE.format(model="Objection")},
            "description": "who of the recipients gets no emails",
        },
        "problem": {"anyOf": [_TEXT, _OR_NULL], "description": "what is malformed in the document, and not used"},
        "etag": {**_TEXT, "description": "the version, for If-Match"},
    }
    subscription = {"$ref": _PLACE.format(model="Subscription")}
    following = models["$defs"]["DeliveryPage"]["properties"]["next"]
    found: _Json = {
        **document["$defs"],
        **models["$defs"],
        "SubscriptionChange": {"type": "object", "additionalProperties": False, "properties": change},
        "NewSubscription": {
            "type": "object",
            "additionalProperties": False,
            "required": ["subscription_id"],
            "properties": {"subscription_id": _ID, **change},
        },
        "Subscription": {"type": "object", "required": [*answered], "properties": answered},
        "SubscriptionPage": {
            "type": "object",
            "required": ["subscriptions", "next"],
            "properties": {"subscriptions": {"type": "array", "items": subscription}, "next": following},
        },
    }
    return {name: _plain(schema) for name, schema in found.items()}


def _or_null(schema: _Json) -> _Json:
    if "$ref" in schema or "type" in schema:
        about: _Json = {name: schema[name] for name in ("description", "default") if name in schema}
        return {"anyOf": [{name: value for name, value in schema.items() if name not in about}, _OR_NULL], **about}
    any_of = schema["anyOf"] if _OR_NULL in schema["anyOf"] else [*schema["anyOf"], _OR_NULL]
    return {**schema, "anyOf": any_of}


def _plain(schema: Any) -> Any:
    """A schema without what pydantic adds for people who read its code."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    left_out = {"ge", "le"}
    left_out |= {"title"} if isinstance(schema.get("title"), str) else set()
    # Others are not as a document has them.
    left_out |= set() if isinstance(schema.get("default"), int) else {"default"}
    kept = {name: _plain(value) for name, value in schema.items() if name not in left_out}
    if isinstance(about := kept.get("description"), str):
        kept["description"] = about.partition("\n\n")[0]
    return kept
