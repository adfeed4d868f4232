"""The worker: Cloud Tasks calls it with one task for each report, and for each query that names recipients."""

import functools
import os
import re
import signal
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from functions.shared.archive import Archive
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import Database, firestore_database
from functions.shared.firestore.delivery_store import DeliveryStore, TaskDocuments
from functions.shared.firestore.outcomes import Outcomes
from functions.shared.firestore.stored_calendars import stored_defaults
from functions.shared.logging import configure_logging, hide, trace_lines
from functions.shared.records.audience import AUDIENCE_TASK_PATH
from functions.shared.records.kind_pauses import KIND_PAUSES_STATE, KindPauses
from functions.shared.records.recipients import recipients
from functions.shared.records.report_task import ReportTask
from functions.shared.serving.answer import Answer, answer_by_route, json_answer
from functions.shared.serving.identity import Headers, NotAuthorized, TokenVerifier
from functions.shared.serving.request_body import read_body
from functions.shared.serving.server import configure_server
from functions.shared.settings import WorkerSettings
from functions.worker.attempt import Attempt
from functions.worker.attempt_end import AttemptEnd
from functions.worker.copies import Copies
from functions.worker.destinations.email.allowed_domains import AllowedDomains
from functions.worker.destinations.email.provider import load_with_provider
from functions.worker.elsewhere import Elsewhere
from functions.worker.email_routes import email_routes
from functions.worker.firestore_user_data import FirestoreUserData
from functions.worker.inactive_users import InactiveUsers
from functions.worker.key_alert import KeyAlert
from functions.worker.kind_settings import load_kind_settings, load_needs, next_versions
from functions.worker.paused_kinds import PausedKinds
from functions.worker.report_builder import ReportBuilder
from functions.worker.routes import Routes
from functions.worker.send_report import SendReport
from functions.worker.settling_task import make_settling_task
from functions.worker.time_budget import MAIL_RECORD_SECONDS
from functions.worker.time_limit import MOST_HANGING, TimeLimit
from report_kit.next_version import variant_of

if TYPE_CHECKING:
    import flask

    from functions.worker.read_audience import ReadAudience

_settings, _provider = load_with_provider(WorkerSettings)
_needs = load_needs()
_kind_settings = load_kind_settings(_needs, os.environ)
_next_versions = next_versions(_needs)
_archive_days = {kind: each.archive_days for kind, each in _needs.items() if each.archive_days is not None}
configure_logging("worker", _settings.log_level)
# A destination may repeat in an error what it was called with, also a part of a URL.
hide(part for secret in _settings.destination_secrets.values() for part in re.split(r"[\s?&=]+", secret))
configure_server()
_logger = structlog.get_logger()
_verifier = TokenVerifier.from_settings(_settings, audience=_settings.worker_url, invokers=[_settings.tasks_invoker])
_topic = DeadLetterTopic(_settings.google_cloud_project, _settings.dead_letter_topic)
_first_task = threading.Lock()
"""Makes what the tasks of a process share once: functools.cache alone would make it for each concurrent first task."""


def worker(request: "flask.Request") -> Answer:
    """Answer one request, as an HTTP function of functions-framework.

    Every answer is JSON with a `result`, and never says more than its reader may know.
    """
    trace_lines(request.headers.get)
    body = read_body(request.stream)
    if answer := answer_by_route(request, "/tasks/send-report", AUDIENCE_TASK_PATH):
        return answer
    try:
        _verifier.verify(request.headers, now=_now())
    except NotAuthorized as error:
        _logger.warning("request_refused", status=error.status.value, error=str(error))
        if error.status is HTTPStatus.SERVICE_UNAVAILABLE:
            return json_answer(error.status, "retry", {"cause": "identity-unavailable"})
        challenge = {"WWW-Authenticate": "Bearer"} if error.status is HTTPStatus.UNAUTHORIZED else {}
        return json_answer(error.status, "not-authorized", headers=challenge)
    try:
        with _first_task:
            carry_out = _read_audience() if request.path == AUDIENCE_TASK_PATH else _send_report()
        done = carry_out(body, _attempt(request.headers))
    except Exception:
        _logger.exception("task_failed_unexpectedly")
        return json_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "retry", {"cause": "internal-error"})
    headers = {} if done.retry_after_seconds is None else {"Retry-After": str(done.retry_after_seconds)}
    named = {"delivery_id": done.delivery_id} if done.delivery_id else {}
    return json_answer(done.status, done.result, {**named, **done.details}, headers)


@functools.cache
def _read_audience() -> "ReadAudience":
    # Most workers read none, and need not import what asks databases.
    from functions.worker.read_audience import ReadAudience

    database = _database()
    defaults = stored_defaults(_settings, lambda: database)
    return ReadAudience(database, defaults, _kind_settings, tell=_topic.tell, now=_now)


def _database() -> Database:
    # With the first task, not at import: gRPC's clients do not survive the server's fork.
    return firestore_database(_settings.google_cloud_project, _settings.firestore_database)


@functools.cache
def _send_report() -> SendReport:
    database, topic = _database(), _topic
    defaults = stored_defaults(_settings, lambda: database)
    deliveries = DeliveryStore(
        database,
        defaults,
        restored_at=_settings.restored_at,
        variant_of=_variant_of,
        outcomes=Outcomes.from_settings(_settings, database),
    )
    archive = Archive(_settings.archive) if _settings.archive else None
    copies = Copies(archive, days=_settings.archive_days, days_of_kinds=_archive_days, now=_now)
    routes = email_routes(
        _provider,
        _settings,
        mail_record=functools.partial(deliveries.mail_record, seconds=MAIL_RECORD_SECONDS),
        tell=topic.tell,
        now=_now,
    )
    return SendReport(
        deliveries=deliveries,
        end=AttemptEnd(
            deliveries=deliveries,
            inactive_users=InactiveUsers(database, defaults),
            dead_letters=topic,
            copies=copies,
            now=_now,
            settle_later=functools.partial(make_settling_task, _settings),
        ),
        routes=Routes(routes[""], Elsewhere(_settings, key_alert=KeyAlert(topic.tell, now=_now), now=_now), routes),
        builder=ReportBuilder(
            user_data=functools.partial(FirestoreUserData, database),
            mail=_settings,
            time_limit=TimeLimit(_give_way),
            database=database,
            settings=_kind_settings,
            allowed=AllowedDomains(_settings.mail_allowed_domains),
        ),
        is_paused=PausedKinds(lambda: KindPauses.from_snapshot(database.get(KIND_PAUSES_STATE))),
        copies=copies,
        now=_now,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _variant_of(task: ReportTask, documents: TaskDocuments) -> str:
    if task.kind not in _next_versions:
        # As nearly all: nobody need ask who gets the report.
        return ""
    delivery, user, subscription = documents
    variant = variant_of(
        task.kind,
        task.user_id,
        task.subscription_id,
        _next_versions,
        addresses=[each.address for each in recipients(subscription, user)] if subscription else [],
        by_next=delivery is not None and delivery.by_next,
    )
    return variant.value if variant else ""


def _give_way() -> None:
    """End this process once its running requests are done, since reports hang in it; the server starts another one.

    https://docs.gunicorn.org/en/stable/signals.html#worker-process
    """
    _logger.critical("process_gives_way", hanging=MOST_HANGING)
    os.kill(os.getpid(), signal.SIGTERM)


def _attempt(headers: Headers) -> Attempt:
    """Which call of the queue this is. Without its headers, by hand, it is the first.

    The retry count counts every retry; the execution count leaves out attempts that ended in 5xx.
    https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
    """
    retries = headers.get("X-CloudTasks-TaskRetryCount", "")
    number = int(retries[:9]) + 1 if retries.isascii() and retries.isdigit() else 1
    return Attempt(
        number=number,
        task_name=headers.get("X-CloudTasks-TaskName", ""),
        last=number >= _settings.max_attempts,
        started_at=_now(),
    )
