"""The DLQ handler: Pub/Sub pushes to it one message of the dead letter topic, a dead letter or a system alert.

functions-framework makes the CloudEvent of what Pub/Sub pushes.
"""

import functools
import os
from datetime import UTC, datetime
from http import HTTPStatus

import flask
import functions_framework
import structlog
from cloudevents.http import CloudEvent
from google.api_core.exceptions import GoogleAPIError
from werkzeug.exceptions import BadRequest, Conflict, InternalServerError, ServiceUnavailable

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.alerter import AlertUntold
from functions.dlq_handler.channels.configured_channels import UnknownChannel, configured_channels
from functions.dlq_handler.handle_message import MessageHandler
from functions.dlq_handler.intake.pubsub_message import read_pubsub_message
from functions.dlq_handler.store.alertable_records import QUICK_SECONDS
from functions.shared.firestore.database import firestore_database
from functions.shared.logging import configure_logging, trace_lines
from functions.shared.serving.answer import Answer
from functions.shared.serving.identity import NotAuthorized, TokenVerifier
from functions.shared.serving.server import configure_server
from functions.shared.settings import DlqHandlerSettings, cannot_start, load_settings

_settings = load_settings(DlqHandlerSettings)
configure_logging("dlq_handler", _settings.log_level)
configure_server()
_logger = structlog.get_logger()
_verifier = TokenVerifier.from_settings(
    _settings, audience=_settings.dlq_handler_url, invokers=[_settings.events_invoker]
)
try:
    _channels, _audiences = configured_channels(_settings, os.environ)
except UnknownChannel as problem:
    cannot_start(str(problem))


def _admit() -> Answer | None:
    """Let Pub/Sub's pushes pass. Without its token, nothing of a request is read.

    Raises:
        BadRequest: the body is no push.
    """
    try:
        _verifier.verify(flask.request.headers, now=datetime.now(UTC))
    except NotAuthorized as error:
        _logger.warning("request_refused", status=error.status.value, error=str(error))
        challenge = {"WWW-Authenticate": "Bearer"} if error.status is HTTPStatus.UNAUTHORIZED else {}
        return f"{error.status.phrase}\n", error.status.value, challenge
    try:
        body = flask.request.get_json(silent=True)
    except RecursionError:
        # Brackets in brackets, deeper than Python follows: Pub/Sub writes none.
        raise BadRequest from None
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, dict):
        raise BadRequest
    # A message may have attributes alone. functions-framework, to which Flask gives this same body, takes none such.
    message.setdefault("data", "")
    return None


def _refuse(_error: BadRequest) -> Answer:
    """Answer a request that is not an event. functions-framework would answer with the request's headers and body."""
    _logger.warning("request_refused", status=HTTPStatus.BAD_REQUEST.value, error="the request is no event of Pub/Sub")
    return "The request is no push of a Pub/Sub message.\n", HTTPStatus.BAD_REQUEST.value, {}


# functions-framework imports this file within the application that it makes.
flask.current_app.before_request(_admit)
flask.current_app.register_error_handler(BadRequest, _refuse)


@functions_framework.cloud_event
def dlq_handler(event: CloudEvent) -> None:
    """Store what a message brings, and alert people. Returning acknowledges the message; an error redelivers it.

    Raises only errors of werkzeug, with texts of this file: the framework would show the caller the text of any other
    error.
    """
    trace_lines(flask.request.headers.get)
    try:
        now = datetime.now(UTC)
        message = read_pubsub_message(event.data, event_id=event["id"], now=now)
        _message_handler().handle(message, now=now)
    except AlertUntold:
        # No 5xx: the leader of a storm comes again as a matter of course, and an alert policy watches the errors.
        raise Conflict("A channel still lacks an alert: deliver the message again.") from None
    except GoogleAPIError as error:
        _logger.error("firestore_failed", error=type(error).__name__)  # noqa: TRY400  the traceback is the library's
        raise ServiceUnavailable("Firestore failed: deliver the message again.") from None
    except Exception:
        _logger.exception("message_failed_unexpectedly")
        raise InternalServerError("The message could not be handled: deliver it again.") from None


@functools.cache
def _message_handler() -> MessageHandler:
    # Made with the first message, not at import: gRPC's clients do not survive the server's fork.
    return MessageHandler(
        firestore_database(_settings.google_cloud_project, _settings.firestore_database, seconds=QUICK_SECONDS),
        _channels,
        audiences=_audiences,
        links=AlertLinks(
            console_url=_settings.console_url or "",
            project="" if os.environ.get("FIRESTORE_EMULATOR_HOST") else _settings.google_cloud_project,
            location=_settings.location,
        ),
        now=lambda: datetime.now(UTC),
        keeps_outcomes=_settings.outcomes_topic is not None,
    )
