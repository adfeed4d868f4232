"""The DLQ handler: Eventarc calls it with one message of the dead letter topic, a dead letter or a system alert."""

import functools
import sys
from datetime import UTC, datetime
from http import HTTPStatus

import flask
import functions_framework
import structlog
from cloudevents.http import CloudEvent
from google.api_core.exceptions import GoogleAPIError, InvalidArgument
from werkzeug.exceptions import BadRequest, InternalServerError, ServiceUnavailable

from functions.dlq_handler.alert import make_alert
from functions.dlq_handler.alerts import AlertPending, Alerts, Subject
from functions.dlq_handler.apprise_channel import UnknownAlertUrl, apprise_channels
from functions.dlq_handler.channels import Channel
from functions.dlq_handler.dead_letters import DeadLetters, Record, read_death, unreadable
from functions.dlq_handler.pubsub_message import PubSubMessage, read_message
from functions.dlq_handler.slack_channel import SlackChannel
from functions.dlq_handler.system_alert_words import make_system_alert
from functions.dlq_handler.system_alerts import SystemAlerts, SystemRecord, read_system_alert
from functions.shared.clients import firestore_client
from functions.shared.logging import configure_logging
from functions.shared.settings import DlqHandlerSettings, load_settings


def _channels(settings: DlqHandlerSettings) -> list[Channel]:
    slack = [SlackChannel(settings.slack_webhook_url)] if settings.slack_webhook_url else []
    try:
        return [*slack, *apprise_channels(settings.alert_urls)]
    except UnknownAlertUrl as error:
        sys.exit(f"Cannot start: ALERT_URLS: {error} (environment variables; see docs/configuration.md)")


_settings = load_settings(DlqHandlerSettings)
configure_logging("dlq_handler", _settings.log_level)
_logger = structlog.get_logger()
_alert_channels = _channels(_settings)


def _refuse(_error: BadRequest) -> tuple[str, int]:
    """Answer a request that is no event. functions-framework would repeat its headers and its body."""
    _logger.warning("a request that is no event was refused")
    return "The request is no CloudEvent of a Pub/Sub message.\n", HTTPStatus.BAD_REQUEST


# functions-framework imports this file within the application that it makes.
flask.current_app.register_error_handler(BadRequest, _refuse)


@functions_framework.cloud_event
def dlq_handler(event: CloudEvent) -> None:
    """Store what came, then alert, then acknowledge: returning is the acknowledgement, every error a redelivery.

    Errors are answered by werkzeug's, with texts of this file: the framework answers the text of any other to the
    caller, whatever is in it.
    """
    try:
        now = datetime.now(UTC)
        message = read_message(event.data, event_id=event["id"], now=now)
        _store_and_tell(message, now)
    except AlertPending:
        raise ServiceUnavailable("Somebody is still to be told: deliver the message again.") from None
    except GoogleAPIError as error:
        _logger.error("Firestore failed", error=type(error).__name__)  # noqa: TRY400  the traceback is the library's
        raise ServiceUnavailable("Firestore failed: deliver the message again.") from None
    except Exception:
        _logger.exception("the message could not be handled")
        raise InternalServerError("The message could not be handled: deliver it again.") from None


def _store_and_tell(message: PubSubMessage, now: datetime) -> None:
    alert = read_system_alert(message)
    try:
        record: Record | SystemRecord = (
            _dead_letters().store(read_death(message), now=now)
            if alert is None
            else _system_alerts().store(alert, now=now)
        )
    except (InvalidArgument, ValueError, TypeError) as error:
        # It would be refused however often it came: what came is kept instead, as a dead letter.
        _logger.error("the message cannot be stored", error=str(error))  # noqa: TRY400  the traceback is the library's
        death = unreadable(message, f"the message cannot be stored as it is: {error}")
        record = _dead_letters().store(death, now=now)
    _logger.info("stored", record=record.id, cause=record.cause, message_id=message.message_id)
    _alerts().tell(record, message=message.message_id)


@functools.cache
def _dead_letters() -> DeadLetters:
    # With the first message, not at import: gRPC's clients do not survive the server's fork.
    return DeadLetters(firestore_client(_settings.google_cloud_project))


@functools.cache
def _system_alerts() -> SystemAlerts:
    return SystemAlerts(firestore_client(_settings.google_cloud_project))


@functools.cache
def _alerts() -> Alerts:
    project, location = _settings.google_cloud_project, _settings.location
    return Alerts(
        client=firestore_client(_settings.google_cloud_project),
        channels=_alert_channels,
        subjects={
            Record: Subject(_dead_letters(), functools.partial(make_alert, project=project, location=location)),
            SystemRecord: Subject(
                _system_alerts(), functools.partial(make_system_alert, project=project, location=location)
            ),
        },
        now=lambda: datetime.now(UTC),
    )
