"""Between the SendGrid stand-in and mail_events: passes the webhook's calls on, unless a scenario does something else
with their events."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import web

from local_cloud.clock import Clock
from local_cloud.http import HttpServer
from local_pipeline.inbox.event_webhook import WebhookKey

WebhookEvent = dict[str, Any]
"""An event as SendGrid sends it."""


@dataclass(frozen=True, kw_only=True)
class PassedOn:
    """An event that has reached mail_events.

    Attributes:
        event: as it was sent.
        answered_at: when mail_events has answered that it is stored; None where it has not answered so.
    """

    event: WebhookEvent
    answered_at: datetime | None


class WebhookGate(HttpServer):
    """Takes the stand-in's calls.

    Args:
        clock: the world's.
        key: signs what is passed on. SendGrid signs late events with the time at which it sends them.
    """

    def __init__(self, clock: Clock, key: WebhookKey) -> None:
        self._clock = clock
        self._key = key
        self._under_way = 0
        self._session: aiohttp.ClientSession | None = None
        self.port_behind = 0
        """Where mail_events listens."""
        self.before: Callable[[Sequence[WebhookEvent]], Awaitable[int]] | None = None
        """A scenario's own handling of a call, if it sets one: it returns the status that SendGrid gets."""
        self.passed_on: list[PassedOn] = []
        """The events that have reached mail_events, the oldest first; those that came several times, as often."""
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/", self._receive)
        super().__init__("webhook gate", app, "127.0.0.1", 0)

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._under_way

    def clear(self) -> None:
        """Forget what was passed on."""
        self.before = None
        self.passed_on.clear()

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
        await super().stop()

    async def pass_on(self, events: Sequence[WebhookEvent]) -> int:
        """Call mail_events with events, as SendGrid does. Returns the status; 503 where mail_events does not answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        body = json.dumps(events).encode()
        headers = self._key.headers(body, at=self._clock.now())
        self._under_way += 1
        try:
            url = f"http://127.0.0.1:{self.port_behind}/sendgrid"
            async with self._session.post(url, data=body, headers=headers) as answer:
                status = answer.status
        except aiohttp.ClientError:
            status = HTTPStatus.SERVICE_UNAVAILABLE
        finally:
            self._under_way -= 1
        answered_at = self._clock.now() if status == HTTPStatus.OK else None
        self.passed_on += [PassedOn(event=event, answered_at=answered_at) for event in events]
        return status

    async def _receive(self, request: web.Request) -> web.Response:
        events = json.loads(await request.read())
        self._under_way += 1
        try:
            return web.Response(status=await (self.before or self.pass_on)(events))
        finally:
            self._under_way -= 1
