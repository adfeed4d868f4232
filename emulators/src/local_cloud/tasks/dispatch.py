"""Delivers tasks to their workers over HTTP.

https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from google.rpc.code_pb2 import Code

from local_cloud.clock import Clock
from local_cloud.identity import MintToken
from local_cloud.rpc import has
from local_cloud.tasks import messages, moments
from local_cloud.tasks.http_target import HttpTarget, resolve
from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.queue import Attempt, Outcome, Queue
from local_cloud.tasks.throttle import retry_after
from local_cloud.tasks.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A request that is about to go to a worker.

    Attributes:
        task_name: the task's full name.
        retry_count: the dispatches before this one.
        method: the HTTP method.
        url: where it goes.
        headers: all that are sent but Host and Content-Length.
        body: what is sent.
    """

    task_name: str
    retry_count: int
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a worker answered.

    Attributes:
        status: the HTTP status.
        headers: the headers; only Retry-After counts.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


class AnswerLost(Exception):
    """No answer came back, and the worker may or may not have done its work. Delivery middleware raises this to lose an
    answer."""


DeliveryMiddleware = Callable[[Delivery, Callable[[], Awaitable[Answer]]], Awaitable[Answer]]
"""Wraps each delivery: given the request and a function that sends it, returns the answer. It may wait first, send
twice, answer by itself, or raise AnswerLost before or after sending. The dispatch deadline holds for all of it."""


class Dispatcher:
    """Sends tasks, over connections that are kept open.

    Args:
        clock: where the time comes from.
        mint_token: signs the OIDC tokens that tasks ask for.
        middleware: wrapped around each delivery, the first outermost. The list may change at any time.
    """

    def __init__(self, *, clock: Clock, mint_token: MintToken, middleware: Sequence[DeliveryMiddleware]) -> None:
        self._clock = clock
        self._tokens = Tokens(mint_token)
        self._middleware = middleware
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Get ready to send."""
        self._session = aiohttp.ClientSession(
            # The queue's own cap is the only limit. A server may close an idle connection, gunicorn by itself after 2
            # seconds, and must not do so just as a task goes out on it.
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=1),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            # The service adds none: https://github.com/aertje/cloud-tasks-emulator/issues/111
            skip_auto_headers=("Content-Type",),
        )

    async def stop(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def send(self, queue: Queue, attempt: Attempt) -> Outcome:
        """Deliver a task once. Every error becomes an outcome."""
        task = messages.Task.FromString(attempt.task.stored)
        now = self._now()
        deadline = moments.from_message(task.dispatch_deadline)
        try:
            delivery = self._delivery(queue, attempt, task, now)
            answer = await self._before(now + deadline, self._deliver(delivery))
        except TimeoutError:
            return Outcome(
                at=self._now(),
                answered=False,
                http_status=504,
                code=Code.DEADLINE_EXCEEDED,
                message=f"DEADLINE_EXCEEDED(4): no response within {deadline / SECOND:g}s",
            )
        except Exception as error:  # noqa: BLE001 - whatever breaks, a token or middleware too, the task is not lost
            return Outcome(
                at=self._now(),
                answered=False,
                http_status=None,
                code=Code.UNAVAILABLE,
                message=f"UNAVAILABLE(14): {str(error) or type(error).__name__}",
            )
        now = self._now()
        code = _code_of(answer.status)
        return Outcome(
            at=now,
            answered=True,
            http_status=answer.status,
            code=code,
            message=f"{Code.Name(code)}({code}): HTTP status code {answer.status}" if code else "",
            held_until=retry_after(answer.headers.get("Retry-After"), now),
        )

    async def _deliver(self, delivery: Delivery) -> Answer:
        async def send() -> Answer:
            return await self._request(delivery)

        call: Callable[[], Awaitable[Answer]] = send
        for middleware in reversed(self._middleware):
            call = _bind(middleware, delivery, call)
        return await call()

    async def _request(self, delivery: Delivery) -> Answer:
        if self._session is None:
            raise RuntimeError("start() comes first")
        async with self._session.request(
            delivery.method,
            delivery.url,
            headers=delivery.headers,
            data=delivery.body or None,
            # The service may follow a redirect, and was seen to retry on one; a token must not go elsewhere.
            allow_redirects=False,
        ) as response:
            await response.read()  # or the connection could not be used again
            return Answer(status=response.status, headers=response.headers)

    def _delivery(self, queue: Queue, attempt: Attempt, task: Any, now: int) -> Delivery:
        override = queue.message.http_target if has(queue.message, "http_target") else None
        target = resolve(task.http_request, override)
        headers = dict(target.headers)
        queue_id = queue.name.rpartition("/")[2]
        headers["X-CloudTasks-QueueName"] = queue_id
        headers["X-CloudTasks-TaskName"] = attempt.task.task_id
        headers["X-CloudTasks-TaskRetryCount"] = str(attempt.retry)
        headers["X-CloudTasks-TaskExecutionCount"] = str(attempt.executions)
        headers["X-CloudTasks-TaskETA"] = f"{attempt.due // SECOND}.{attempt.due % SECOND:06}"
        if attempt.previous_status is not None:
            headers["X-CloudTasks-TaskPreviousResponse"] = str(attempt.previous_status)
            # The service sends this header for HTTP targets, too, and always empty: recorded from the service.
            headers["X-CloudTasks-TaskRetryReason"] = ""
        if (token := self._token(target, now)) is not None:
            headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            headers["Authorization"] = f"Bearer {token}"
        return Delivery(
            task_name=task.name,
            retry_count=attempt.retry,
            method=target.method,
            url=target.url,
            headers=headers,
            body=target.body,
        )

    def _token(self, target: HttpTarget, now: int) -> str | None:
        if target.oidc is not None:
            # "If not specified, the URI specified in target will be used."
            return self._tokens.oidc(target.oidc.service_account_email, target.oidc.audience or target.url, now)
        if target.oauth is not None:
            return self._tokens.oauth(target.oauth.service_account_email, target.oauth.scope, now)
        return None

    async def _before(self, moment: int, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Do some work, or end it with TimeoutError when the clock reaches a moment."""
        delivery = asyncio.ensure_future(work)
        deadline = asyncio.ensure_future(self._clock.sleep_until(moments.to_datetime(moment)))
        try:
            await asyncio.wait((delivery, deadline), return_when=asyncio.FIRST_COMPLETED)
            if not delivery.done():
                raise TimeoutError
            return delivery.result()
        finally:
            deadline.cancel()
            if not delivery.done():
                delivery.cancel()
                await asyncio.wait((delivery,))

    def _now(self) -> int:
        return moments.from_datetime(self._clock.now())


def _bind(
    middleware: DeliveryMiddleware, delivery: Delivery, call: Callable[[], Awaitable[Answer]]
) -> Callable[[], Awaitable[Answer]]:
    async def bound() -> Answer:
        return await middleware(delivery, call)

    return bound


_CODES: dict[int, int] = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ABORTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
"""HTTP statuses as google.rpc.Code documents them, the more general code where several share a status:
https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""


_CODES_OF_CLASSES: dict[int, int] = {2: Code.OK, 4: Code.FAILED_PRECONDITION, 5: Code.INTERNAL}


def _code_of(status: int) -> int:
    return _CODES.get(status) or _CODES_OF_CLASSES.get(status // 100, int(Code.UNKNOWN))
