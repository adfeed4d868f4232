"""The mail events: the email provider calls this function with what became of the emails."""

import functools
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.mail_events.address_pauses import AddressPauses
from functions.mail_events.provider import ProviderParts, parts_of, signatures_of
from functions.mail_events.received_events import InvalidBody, InvalidSignature
from functions.mail_events.record_store import RecordStore
from functions.mail_events.settled_outcomes import SettledOutcomes
from functions.mail_events.take_events import EventsNotStored, TakeEvents
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import firestore_database
from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.outcomes import Outcomes
from functions.shared.firestore.stored_calendars import stored_defaults
from functions.shared.logging import configure_logging, trace_lines
from functions.shared.serving.answer import Answer, answer_by_route, json_answer
from functions.shared.serving.request_body import read_body
from functions.shared.serving.server import configure_server
from functions.shared.settings import MailEventsSettings, MailProviderChoice, cannot_start, load_both, load_settings

if TYPE_CHECKING:
    import flask

MOST_BYTES = 5 * 1024 * 1024
"""The largest body that is read. Thousands of events are smaller."""


def _choose_provider() -> ProviderParts:
    name = load_settings(MailProviderChoice).mail_provider
    return parts_of(name) or cannot_start(f"MAIL_PROVIDER: {name} does not say what becomes of emails")


_provider = _choose_provider()
_settings, _provider_settings = load_both(MailEventsSettings, _provider.settings_class)
_signatures = signatures_of(_provider, _provider_settings)
configure_logging("mail_events", _settings.log_level)
configure_server()
_logger = structlog.get_logger()
_first_call = threading.Lock()
"""Makes what the calls of a process share once: functools.cache alone would make it for each concurrent first call."""


def mail_events(request: "flask.Request") -> Answer:
    """Answer one request, as an HTTP function of functions-framework.

    Everybody can reach it. So it answers with a `result` alone, which says nothing about a delivery, and does nothing
    before it knows that the provider has signed the call. The provider repeats a call that is not answered by 2xx.
    """
    trace_lines(request.headers.get)
    body = read_body(request.stream, MOST_BYTES + 1)
    if answer := answer_by_route(request, _provider.PATH):
        return answer
    if len(body) > MOST_BYTES:
        return _refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    try:
        _signatures.verify(request.headers, body, now=_now())
        received = _provider.read_events(body)
    except InvalidSignature as error:
        return _refuse(HTTPStatus.FORBIDDEN, str(error))
    except InvalidBody as error:
        return _refuse(HTTPStatus.BAD_REQUEST, str(error))
    try:
        with _first_call:
            take_events = _take_events()
        take_events(received)
    except EventsNotStored:
        return json_answer(HTTPStatus.SERVICE_UNAVAILABLE, "retry")
    except GoogleAPIError as error:
        _logger.warning("firestore_failed", error=type(error).__name__)
        return json_answer(HTTPStatus.SERVICE_UNAVAILABLE, "retry")
    except Exception:
        _logger.exception("call_failed_unexpectedly")
        return json_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "retry")
    return json_answer(HTTPStatus.OK, "taken")


@functools.cache
def _take_events() -> TakeEvents:
    # With the first call, not at import: gRPC's clients do not survive the server's fork.
    database = firestore_database(_settings.google_cloud_project, _settings.firestore_database)
    defaults = stored_defaults(_settings, lambda: database)
    topic = DeadLetterTopic(_settings.google_cloud_project, _settings.dead_letter_topic)
    outcomes = Outcomes.from_settings(_settings, database)
    letters = LetterStore(database, keeps_outcomes=outcomes is not None)
    return TakeEvents(
        RecordStore(database),
        AddressPauses(database, defaults, now=_now),
        SettledOutcomes(letters, topic, now=_now),
        outcomes,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _refuse(status: HTTPStatus, why: str) -> Answer:
    _logger.warning("request_refused", status=status.value, error=why)
    return json_answer(status, "refused")
