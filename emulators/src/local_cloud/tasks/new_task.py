"""Checks a task before a queue takes it.

https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Task
"""

import ipaddress
import re
import secrets
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from local_cloud.rpc import has
from local_cloud.tasks import messages, moments, names, refusals, settings
from local_cloud.tasks.headers import check_headers
from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.refusals import invalid

USER_AGENT = "Google-Cloud-Tasks"

MAX_STORED_BYTES = 1_048_569
"""The largest task, as it is stored: the documented 1 MB, measured on the service to the byte by the conformance
suite of aertje/cloud-tasks-emulator (internal/engine/tasksize.go, 2026)."""

_MAX_URL = 2083
_MAX_AHEAD = 30 * 24 * 3600 * SECOND
_LEAST_DEADLINE = 15 * SECOND
_MOST_DEADLINE = 30 * 60 * SECOND
_DEFAULT_DEADLINE_SECONDS = 600

_AUTHORITY = re.compile("http://([^/?#]*)")
_NOT_IN_URLS = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_HOSTS = re.compile(r"\s")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))

_POST = int(messages.HttpMethod.POST)
_WITH_BODY = frozenset(int(messages.HttpMethod[name]) for name in ("POST", "PUT", "PATCH"))


def prepare(task: Any, *, queue: Any, now: int) -> tuple[str, int]:
    """Check a task that a client hands in, and bring it into the form that is stored, in place.

    Args:
        task: the protobuf Task: gets a name, a method, a schedule time (the present, if none or a past one is given),
            a create time and a dispatch deadline, and loses what is output only.
        queue: the protobuf Queue that it goes to.
        now: the present, in microseconds since 1970.

    Returns:
        The task's id, and when it is due, in microseconds since 1970.

    Raises:
        RpcError: INVALID_ARGUMENT, or UNIMPLEMENTED for an App Engine task.
    """
    if name := task.name:
        task_id = names.task_id_in(queue.name, name)
    else:
        task_id = str(secrets.randbits(63))
        task.name = f"{queue.name}/tasks/{task_id}"
    target = task.WhichOneof("message_type")
    if target == "app_engine_http_request":
        raise refusals.app_engine()
    if target is None:
        raise invalid("Task.httpRequest is required.")
    _prepare_request(task.http_request)
    due = _check_times(task, now)
    if has(task, "retry_config"):
        settings.task_retry(task.retry_config, queue)
    for field in ("first_attempt", "last_attempt", "dispatch_count", "response_count", "view"):
        task.ClearField(field)
    return task_id, due


def check_size(stored: bytes) -> None:
    """Refuse a task that is too large.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    if len(stored) > MAX_STORED_BYTES:
        raise invalid(f"Task size too large: {len(stored)} bytes, and {MAX_STORED_BYTES} are the most.")


def _prepare_request(request: Any) -> None:
    body = request.body
    request.ClearField("body")
    request.ParseFromString(_prepared(request.SerializeToString()))
    if body:
        if request.http_method not in _WITH_BODY:
            raise invalid("HttpRequest.body is only allowed with the HTTP methods POST, PUT and PATCH.")
        request.body = body


@lru_cache(maxsize=256)
def _prepared(stored: bytes) -> bytes:
    """Check a serialized HttpRequest, and bring it into the form that is stored. Most tasks of a queue differ only in
    the body, which it lacks.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    request = messages.HttpRequest.FromString(stored)
    _check_url(request.url)
    if kind := request.WhichOneof("authorization_header"):
        _check_authorization(request, kind)
    if not request.http_method:
        request.http_method = _POST
    elif request.http_method not in settings.HTTP_METHODS:
        raise invalid(f"HttpRequest.httpMethod {request.http_method} is unknown.")
    headers = request.headers
    check_headers("HttpRequest.headers", headers.items())
    for name in [name for name in headers if name.lower() == "user-agent"]:
        del headers[name]
    headers["User-Agent"] = USER_AGENT
    prepared: bytes = request.SerializeToString()
    return prepared


def _check_url(url: str) -> None:
    if not url:
        raise invalid("HttpRequest.url is required.")
    if not url.startswith(("http://", "https://")):
        raise invalid("HttpTarget.url must start with 'http://' or 'https://'.")
    # "The maximum length is 2083 characters after encoding."
    if len(quote(url, safe=_ASCII)) > _MAX_URL:
        raise invalid(f"HttpRequest.url cannot be longer than {_MAX_URL} characters.")
    try:
        parts = urlsplit(url)
        # A space in the path or the query is encoded: "Cloud Tasks will encode some characters".
        is_valid = parts.hostname and parts.port != 0 and not _NOT_IN_HOSTS.search(parts.hostname)
    except ValueError:
        is_valid = False
    if not is_valid or _NOT_IN_URLS.search(url):
        raise invalid("HttpRequest.url is not a valid URL.")


def _check_authorization(request: Any, kind: str) -> None:
    if not getattr(request, kind).service_account_email:
        name = "oidcToken" if kind == "oidc_token" else "oauthToken"
        raise invalid(f"HttpRequest.{name}.serviceAccountEmail is required.")
    if (authority := _AUTHORITY.match(request.url)) and not _is_local(authority[1]):
        raise invalid("HttpRequest.url must start with 'https://' for request with HttpRequest.authorization_header")


def _is_local(authority: str) -> bool:
    """Whether a token may go to a URL without TLS. The service allows none; here this machine and its networks may get
    it."""
    host = urlsplit(f"//{authority}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".internal"))


def _check_times(task: Any, now: int) -> int:
    due = now
    if task.HasField("schedule_time"):
        schedule = task.schedule_time
        if not -62_135_596_800 <= schedule.seconds <= 253_402_300_799 or not 0 <= schedule.nanos < 10**9:
            raise invalid("Task.scheduleTime is not a valid timestamp.")
        due = max(now, moments.from_message(schedule))
        if due > now + _MAX_AHEAD:
            raise invalid(
                f"The Task.scheduleTime, {moments.to_datetime(due).isoformat()}, is too far in the future. "
                "Schedule time must be no more than 720h in the future."
            )
    moments.write(task.schedule_time, due)
    moments.write(task.create_time, now // SECOND * SECOND)
    if task.HasField("dispatch_deadline"):
        if not _LEAST_DEADLINE <= moments.from_message(task.dispatch_deadline) <= _MOST_DEADLINE:
            raise invalid("Task.dispatchDeadline must be between [15s, 30m].")
    else:
        task.dispatch_deadline.seconds = _DEFAULT_DEADLINE_SECONDS
    return due
