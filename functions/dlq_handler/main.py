"""The DLQ handler: Eventarc calls it with one message of the dead letter topic, a dead letter or a system alert."""

import functools
import sys
from datetime import UTC, datetime
from http import HTTPStatus

import flask
import functions_framework
import structlog
from cloudevents.http import CloudEvent
from google.api_core.exceptions import GoogleAPIError
from werkzeug.exceptions import BadRequest, InternalServerError, ServiceUnavailable

from functions.dlq_handler.alert import make_alert
from functions.dlq_handler.alerts import AlertPending, Alerts
from functions.dlq_handler.apprise_channel import UnknownAlertUrl, apprise_channels
from functions.dlq_handler.channels import Channel
from functions.dlq_handler.dead_letters import DeadLetters, Death, read_death
from functions.dlq_handler.pubsub_message import read_message
from functions.dlq_handler.slack_channel import SlackChannel
from functions.dlq_handler.system_alert_words import make_system_alert
from functions.dlq_handler.system_alerts import SystemAlerts, read_system_alert
from functions.shared.clients import firestore_client
from functions.shared.logging import configure_logging
from functions.shared.models import SystemAlert
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
        if (alert := read_system_alert(message)) is not None:
            _tell_of_system(alert, now)
        else:
            _tell_of_death(read_death(message), now)
    except AlertPending:
        raise ServiceUnavailable("Somebody is still to be told: deliver the message again.") from None
    except GoogleAPIError as error:
        _logger.error("Firestore failed", error=type(error).__name__)  # noqa: TRY400  the traceback is the library's
        raise ServiceUnavailable("Firestore failed: deliver the message again.") from None
    except Exception:
        _logger.exception("the message could not be handled")
        raise InternalServerError("The message could not be handled: deliver it again.") from None


def _tell_of_death(death: Death, now: datetime) -> None:
    record = _dead_letters().store(death, now=now)
    _logger.info("stored", dead_letter=record.id, reason=record.reason, message_id=death.message_id)
    _alerts().tell(
        record,
        _dead_letters(),
        functools.partial(make_alert, project=_settings.google_cloud_project, location=_settings.location),
    )


def _tell_of_system(alert: SystemAlert, now: datetime) -> None:
    record = _system_alerts().store(alert, now=now)
    _logger.info("noted", system_alert=record.id)
    _alerts().tell(
        record,
        _system_alerts(),
        functools.partial(make_system_alert, project=_settings.google_cloud_project, location=_settings.location),
    )


@functools.cache
def _dead_letters() -> DeadLetters:
    # With the first message, not at import: gRPC's clients do not survive the server's fork.
    return DeadLetters(firestore_client(_settings.google_cloud_project))


@functools.cache
def _system_alerts() -> SystemAlerts:
    return SystemAlerts(firestore_client(_settings.google_cloud_project))


@functools.cache
def _alerts() -> Alerts:
    return Alerts(
        client=firestore_client(_settings.google_cloud_project),
        channels=_alert_channels,
        now=lambda: datetime.now(UTC),
    )
