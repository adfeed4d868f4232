"""The moments at which the pipeline talks to the world: where it can be disturbed, and what it is about just then.

A function has no hooks for tests. Where it stands is read from what it says to others: a commit that makes a delivery
`sending` is a claim, a POST to SendGrid with that delivery's id follows it, and so on. Pure.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Point(Enum):
    """A step of the pipeline, as it is seen from outside."""

    READ_DELIVERY = auto()
    """Somebody reads a delivery; of the worker it is the first step."""
    READ_USER = auto()
    """Somebody reads a user; of the worker it is the last step before the claim."""
    CLAIM = auto()
    """A delivery is made `sending`."""
    SEND = auto()
    """A mail is posted to SendGrid."""
    RELEASE = auto()
    """A delivery is made `pending`."""
    SETTLE = auto()
    """A delivery is made final."""
    PUBLISH = auto()
    """A dead letter is published."""
    STORE = auto()
    """A dead letter is written to Firestore."""
    TELL = auto()
    """An alert is posted to Slack."""
    ALERT_RECORD = auto()
    """It is noted who was told of what."""
    RUN_RECORD = auto()
    """A run is noted."""
    ENQUEUE = auto()
    """Tasks are made."""
    QUERY = auto()
    """Any other call to Firestore."""
    OTHER = auto()
    """Any other call to Cloud Tasks or Pub/Sub."""


@dataclass(frozen=True)
class Crossing:
    """One call.

    Attributes:
        point: what step it is.
        subject: what it is about: a delivery's id, a user's, a run's; empty where that cannot be told.
        method: the call's own name.
    """

    point: Point
    subject: str
    method: str


def rpc_crossing(method: str, request: Any) -> Crossing:
    """What a gRPC call is.

    Args:
        method: its full name.
        request: its protobuf message.
    """
    name = method.rpartition("/")[2]
    match name:
        case "Commit":
            point, subject = _commit(request)
        case "BatchGetDocuments":
            point, subject = _read(request)
        case "Publish":
            point, subject = Point.PUBLISH, delivery_in(request.messages[0].data)
        case "BatchCreateTasks":
            point, subject = Point.ENQUEUE, str(_json(request.requests[0].task.http_request.body).get("run_id", ""))
        case "CreateTask":
            point, subject = Point.ENQUEUE, str(_json(request.task.http_request.body).get("run_id", ""))
        case _:
            point, subject = (Point.QUERY if method.startswith("/google.firestore.") else Point.OTHER), ""
    return Crossing(point, subject, name)


def http_crossing(service: str, body: bytes) -> Crossing:
    """What a call to SendGrid or Slack is."""
    if service == "sendgrid":
        return Crossing(Point.SEND, _delivery_of_mail(_json(body)), "mail/send")
    return Crossing(Point.TELL, "", "webhook")


def _delivery_of_mail(request: dict[str, Any]) -> str:
    personalizations = request.get("personalizations") or [{}]
    arguments = personalizations[0].get("custom_args") or {}
    return str(arguments.get("delivery_id", ""))


def _commit(request: Any) -> tuple[Point, str]:
    for collection, document_id, fields in _writes(request):
        if collection == "deliveries" and "state" in fields:
            state = fields["state"].string_value
            point = {"sending": Point.CLAIM, "pending": Point.RELEASE}.get(state, Point.SETTLE)
            return point, document_id
        if collection == "dead_letters":
            return (Point.STORE if "payload" in fields else Point.ALERT_RECORD), document_id
        if collection == "alerts":
            return Point.ALERT_RECORD, document_id
        if collection == "runs":
            return Point.RUN_RECORD, document_id
    return Point.QUERY, ""


def _writes(request: Any) -> Iterator[tuple[str, str, Any]]:
    for write in request.writes:
        _, _, path = write.update.name.partition("/documents/")
        collection, _, document_id = path.partition("/")
        yield collection, document_id, write.update.fields


def _read(request: Any) -> tuple[Point, str]:
    _, _, path = request.documents[0].partition("/documents/") if request.documents else ("", "", "")
    collection, _, document_id = path.partition("/")
    points = {"deliveries": Point.READ_DELIVERY, "users": Point.READ_USER}
    return points.get(collection, Point.QUERY), document_id


def delivery_in(body: bytes) -> str:
    """The delivery that a task or a dead letter names; empty where it names none."""
    return str(_json(body).get("delivery_id", ""))


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
