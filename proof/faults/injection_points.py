"""The calls of the pipeline to other services: the points at which the harness can inject a fault.

A function has no hooks for tests. The harness recognizes the step that a function takes by the call that it makes: a
commit that makes a delivery `sending` is a claim, a POST to SendGrid with the id of that delivery sends its email, and
so on. Pure.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from enum import Enum, auto
from typing import Any

from functions.shared.mail.argument_tags import argument_in
from functions.shared.records.mail_event import MAIL_EVENTS
from functions.shared.records.subscription import ADDRESS_LISTS, SUBSCRIPTIONS, PauseReason
from local_pipeline.inbox.elsewhere import delivery_in_report
from local_pipeline.inbox.faults import Call
from local_pipeline.inbox.mime import ARGUMENT_HEADERS
from proof.faults.moves import APPLICATION
from proof.faults.subscription_key import SubscriptionKey

_COPY = re.compile(rb'"name": "[0-9a-f]{32}/([^"/]+)/\d{8}-[0-9a-f]+"')
_MANIFEST = re.compile(rb'"name": "(?:[^"]*/)?([^"/]+)/manifest\.json"')


class InjectionPoint(Enum):
    """A step of the pipeline, as the services that it calls see it."""

    READ_DELIVERY = auto()
    """A function reads a delivery, or the worker the user and the subscription of a task whose delivery it knows to be
    new: its first step."""
    READ_USER = auto()
    """A function reads a user, as mail_events does before it pauses what goes to an address."""
    READ_SUBSCRIPTION = auto()
    """A function reads a subscription, as the worker does after the claim."""
    CLAIM = auto()
    """The worker makes a delivery `sending`."""
    SEND = auto()
    """The worker hands an email over: the email provider has all of the request, or the message to its final dot."""
    SMTP_STEP = auto()
    """The worker takes another step of an SMTP session, by the name in `method`. Nothing is sent yet."""
    LOOK_UP = auto()
    """The worker asks SendGrid's Email Logs for an email of unknown outcome."""
    RELEASE = auto()
    """A function or a command makes a delivery `pending`."""
    SETTLE = auto()
    """A function or a command makes a delivery final."""
    PUBLISH = auto()
    """A function publishes a dead letter."""
    KEEP_COPY = auto()
    """The worker writes the copy of a report into the archive."""
    TELL_OUTCOME = auto()
    """A function tells the team's application what became of a report."""
    STORE = auto()
    """The DLQ handler writes a dead letter to Firestore."""
    TELL = auto()
    """The DLQ handler posts an alert to Slack."""
    ALERT_RECORD = auto()
    """The DLQ handler records which alerts it has sent."""
    READ_EVENTS = auto()
    """mail_events reads its records."""
    STORE_EVENTS = auto()
    """mail_events writes its records."""
    STOP = auto()
    """A function stops a subscription for its recipient, or has it leave an address out."""
    RUN_RECORD = auto()
    """The dispatcher writes the record of a run."""
    ENQUEUE = auto()
    """The dispatcher creates tasks."""
    QUERY = auto()
    """Any other call to Firestore."""
    OTHER = auto()
    """Any other call to Cloud Tasks, Pub/Sub or an email provider."""


_READ = {
    "deliveries": InjectionPoint.READ_DELIVERY,
    "users": InjectionPoint.READ_USER,
    MAIL_EVENTS: InjectionPoint.READ_EVENTS,
}
_STOPPING = {PauseReason.BOUNCED, PauseReason.COMPLAINED, PauseReason.UNSUBSCRIBED}
_ADDRESSES = {"objections", *ADDRESS_LISTS}


@dataclass(frozen=True)
class InterceptedCall:
    """A call of a function that the harness intercepts, and may disturb.

    Attributes:
        point: the step.
        subject: what the call concerns: the id of a delivery, user, subscription or run; empty if the call names none.
        method: the name of the RPC method or of the HTTP endpoint.
    """

    point: InjectionPoint
    subject: str
    method: str


def rpc_call(method: str, request: Any, *, in_flight: Iterable[str] = ()) -> InterceptedCall:
    """Recognize a gRPC call.

    Args:
        method: the full name of the method.
        request: the protobuf message.
        in_flight: the deliveries that the workers work on.
    """
    name = method.rpartition("/")[2]
    match name:
        case "Commit" | "BatchWrite":
            point, subject = _commit(request)
        case "BatchGetDocuments":
            point, subject = _read(request.documents, in_flight)
        case "GetDocument":
            point, subject = _read([request.name], in_flight)
        case "Publish":
            is_outcome = "ce-type" in request.messages[0].attributes
            point = InjectionPoint.TELL_OUTCOME if is_outcome else InjectionPoint.PUBLISH
            subject = delivery_in(request.messages[0].data)
        case "BatchCreateTasks":
            point, subject = (
                InjectionPoint.ENQUEUE,
                str(_json(request.requests[0].task.http_request.body).get("run_id", "")),
            )
        case "CreateTask":
            point, subject = InjectionPoint.ENQUEUE, str(_json(request.task.http_request.body).get("run_id", ""))
        case _:
            point, subject = (
                (InjectionPoint.QUERY if method.startswith("/google.firestore.") else InjectionPoint.OTHER),
                "",
            )
    return InterceptedCall(point, subject, name)


def storage_call(body: bytes) -> InterceptedCall:
    """Recognize a call to Cloud Storage: the manifest of a report is what sends it.

    Args:
        body: of the request.
    """
    for point, pattern in ((InjectionPoint.SEND, _MANIFEST), (InjectionPoint.KEEP_COPY, _COPY)):
        if found := pattern.search(body):
            return InterceptedCall(point, found[1].decode(), "objects.insert")
    return InterceptedCall(InjectionPoint.OTHER, "", "objects.insert")


def inbox_call(call: Call, *, in_flight: Sequence[str]) -> InterceptedCall:
    """Recognize a call to an email provider or to Slack.

    Args:
        call: what came in.
        in_flight: the deliveries that the workers work on: an SMTP session is of the only one.
    """
    match call.service:
        case "sendgrid":
            return InterceptedCall(InjectionPoint.SEND, _delivery_of_sendgrid(_json(call.body)), "mail/send")
        case "sendgrid-stats":
            return InterceptedCall(InjectionPoint.OTHER, "", "stats")
        case "sendgrid-logs":
            return InterceptedCall(InjectionPoint.LOOK_UP, "", "logs")
        case "resend":
            return InterceptedCall(InjectionPoint.SEND, _delivery_of_resend(_json(call.body)), "emails")
        case "smtp" if call.step == "end":
            return InterceptedCall(InjectionPoint.SEND, _delivery_of_message(call.body), "end")
        case "smtp":
            subject = in_flight[0] if len(in_flight) == 1 else ""
            return InterceptedCall(InjectionPoint.SMTP_STEP, subject, str(call.step))
        case "slack":
            return InterceptedCall(InjectionPoint.TELL, "", "webhook")
        case "webhook" | "slack-api" | "chat" | "teams":
            delivery_id = delivery_in_report(call.service, call.body)
            point = InjectionPoint.SEND if delivery_id else InjectionPoint.OTHER
            return InterceptedCall(point, delivery_id, call.service)


def _delivery_of_sendgrid(request: dict[str, Any]) -> str:
    personalizations = request.get("personalizations") or [{}]
    arguments = personalizations[0].get("custom_args") or {}
    return str(arguments.get("delivery_id", ""))


def _delivery_of_resend(request: dict[str, Any]) -> str:
    return argument_in({each["name"]: each["value"] for each in request.get("tags", ())}, "delivery_id")


def _delivery_of_message(content: bytes) -> str:
    return str(message_from_bytes(content, policy=policy.default).get(ARGUMENT_HEADERS["delivery_id"], ""))


def _commit(request: Any) -> tuple[InjectionPoint, str]:
    for collection, document_id, fields in _writes(request):
        if collection == "deliveries" and "state" in fields:
            state = fields["state"].string_value
            point = {"sending": InjectionPoint.CLAIM, "pending": InjectionPoint.RELEASE}.get(
                state, InjectionPoint.SETTLE
            )
            return point, document_id
        if collection == MAIL_EVENTS:
            return InjectionPoint.STORE_EVENTS, document_id
        if collection == "dead_letters":
            return (InjectionPoint.STORE if "payload" in fields else InjectionPoint.ALERT_RECORD), document_id
        if collection == "alerts":
            return InjectionPoint.ALERT_RECORD, document_id
        if collection == "runs":
            return InjectionPoint.RUN_RECORD, document_id
        if collection == "users" and _is_stopped(fields):
            return InjectionPoint.STOP, _shown(document_id)
    return InjectionPoint.QUERY, ""


def _is_stopped(fields: Any) -> bool:
    because = fields["paused_because"].string_value if "paused_because" in fields else ""
    return APPLICATION not in fields and (because in _STOPPING or not _ADDRESSES.isdisjoint(fields))


def _writes(request: Any) -> Iterator[tuple[str, str, Any]]:
    for write in request.writes:
        _, _, path = write.update.name.partition("/documents/")
        collection, _, document_id = path.partition("/")
        yield collection, document_id, write.update.fields


def _shown(path: str) -> str:
    """A subscription as SubscriptionKey shows it; any other document by its id."""
    return path.replace(f"/{SUBSCRIPTIONS}/", "/")


def _read(names: Iterable[str], in_flight: Iterable[str]) -> tuple[InjectionPoint, str]:
    paths = [name.partition("/documents/")[2] for name in names] or [""]
    match [path.split("/") for path in paths]:
        case [["users", _], ["users", user, _, subscription]]:
            if found := list(filter(SubscriptionKey(user, subscription).owns, in_flight)):
                return InjectionPoint.READ_DELIVERY, found[0]
    path = paths[0]
    collection, _, document_id = path.partition("/")
    point = _READ.get(collection, InjectionPoint.QUERY)
    return (InjectionPoint.READ_SUBSCRIPTION if "/" in document_id else point), _shown(document_id)


def delivery_in(body: bytes) -> str:
    """Return the id of the delivery that a task or a dead letter names; empty if it names none."""
    return str(_json(body).get("delivery_id", ""))


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
