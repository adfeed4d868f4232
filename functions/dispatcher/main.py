"""The dispatcher: Cloud Scheduler calls it every hour, and it makes a task for each report that is due.

`POST /` and `POST /dispatch` make a run, `GET /health` answers that the process is up.
"""

import functools
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import flask
import functions_framework
import structlog

from functions.dispatcher.run import PartEnd, Run
from functions.dispatcher.run_alerts import publish_alerts
from functions.dispatcher.run_dependencies import RunDependencies
from functions.dispatcher.run_part import RunPart
from functions.dispatcher.schedule_time import SCHEDULE_TIME_HEADER, schedule_time
from functions.shared.logging import configure_logging, trace_lines
from functions.shared.records.contract import InvalidContract
from functions.shared.serving.identity import NotAuthorized, TokenVerifier
from functions.shared.serving.request_body import read_body
from functions.shared.serving.server import configure_server
from functions.shared.settings import DispatcherSettings, load_settings

_QUEUE_HEADER = "X-CloudTasks-QueueName"
"""https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler"""

settings = load_settings(DispatcherSettings)
configure_logging("dispatcher", settings.log_level)
configure_server()
_logger = structlog.get_logger()


_verifier = functools.partial(TokenVerifier.from_settings, settings, audience=settings.dispatcher_url)
_scheduler = _verifier(invokers=[settings.scheduler_invoker])
_tasks = _verifier(invokers=[settings.tasks_invoker])


@functions_framework.http
def dispatcher(request: flask.Request) -> tuple[dict[str, Any], int]:
    """Answer a request."""
    trace_lines(request.headers.get)
    body = read_body(request.stream)
    if request.path == "/health":
        return ({"status": "ok"}, HTTPStatus.OK) if request.method == "GET" else _error(HTTPStatus.METHOD_NOT_ALLOWED)
    if request.path not in {"/", "/dispatch"}:
        return _error(HTTPStatus.NOT_FOUND)
    if request.method != "POST":
        return _error(HTTPStatus.METHOD_NOT_ALLOWED)
    try:
        part = _authorize(request, body)
        run_time = part.scheduled_for if part else schedule_time(request.headers.get(SCHEDULE_TIME_HEADER), now=_now())
    except NotAuthorized as error:
        return _error(error.status, str(error))
    except (InvalidContract, ValueError) as error:
        return _error(HTTPStatus.BAD_REQUEST, str(error))
    return _run(run_time, part)


def _authorize(request: flask.Request, body: bytes) -> RunPart | None:
    """Allow the scheduler to begin a run, and the queue to continue one.

    Cloud Tasks names its queue in a header. A caller who forges that header needs the token of the tasks' account,
    which can continue a run but not begin one.
    """
    if _QUEUE_HEADER in request.headers:
        _tasks.verify(request.headers, now=_now())
        return RunPart.from_json(body)
    _scheduler.verify(request.headers, now=_now())
    return None


def _run(run_time: datetime, part: RunPart | None) -> tuple[dict[str, Any], int]:
    run = Run(_dependencies(), run_time=run_time, part=part)
    try:
        summary = run.carry_out()
    except Exception as error:
        # Not only Google's errors: people get an alert about every error that ends a run.
        user_id, subscription_id = run.last_read[:2] if run.last_read else ("", "")
        _logger.exception(
            "run_failed",
            scheduled_for=run_time.isoformat(),
            last_user_id=user_id,
            last_subscription_id=subscription_id,
        )
        failure = type(error).__name__
        if user_id:
            failure += f", when it had read the subscription {user_id}/{subscription_id}"
        publish_alerts(_dependencies(), run_time, now=_now(), failure=failure)
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, f"the run failed: {type(error).__name__}")
    goes_on = summary.end is PartEnd.RUN_GOES_ON
    answer = {
        "run_id": summary.run_id,
        **summary.counters,
        "seconds": summary.seconds,
        "continued": goes_on,
        "stopped": summary.end is PartEnd.RUN_STOPPED,
    }
    _logger.info("run_finished", **answer)
    if summary.held_back:
        _logger.warning(
            "users_held_back", run_id=summary.run_id, users=summary.held_back, at_once=settings.enroll_at_once
        )
    if summary.has_errors or summary.ramp_failure or not goes_on:
        publish_alerts(
            _dependencies(),
            run_time,
            now=_now(),
            ramp_failure=summary.ramp_failure,
            held_back=summary.held_back,
        )
    return answer, HTTPStatus.INTERNAL_SERVER_ERROR if summary.has_errors else HTTPStatus.OK


@functools.cache
def _dependencies() -> RunDependencies:
    return RunDependencies.from_settings(settings, now=_now)


def _now() -> datetime:
    return datetime.now(UTC)


def _error(status: HTTPStatus, message: str = "") -> tuple[dict[str, Any], int]:
    return {"error": message or status.phrase}, status
