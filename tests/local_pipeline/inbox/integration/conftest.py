"""An inbox on a real port, for each test a new one."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from local_cloud.clock import Clock
from local_cloud.http import HttpServer
from local_pipeline.inbox.server import Inbox
from tests.support import Background

API_KEY = "SG.local.key"


@pytest.fixture
def clock() -> Clock:
    return Clock(still=True)


@pytest.fixture
def inbox(background: Background, clock: Clock, tmp_path: Path) -> Iterator[Inbox]:
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, directory=tmp_path)
    background.run(inbox.start())
    yield inbox
    background.run(inbox.stop())


class Call(NamedTuple):
    """What came at a webhook, and when."""

    at: datetime
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A webhook, which takes the calls after it has refused some."""

    clock: Clock
    url: str = ""
    refusals: int = 0
    calls: list[Call] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.calls.append(Call(self.clock.now(), dict(request.headers), await request.read()))
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        return web.Response(status=204)


@pytest.fixture
def receiver(background: Background, clock: Clock) -> Iterator[Receiver]:
    receiver = Receiver(clock)
    app = web.Application()
    app.router.add_post("/webhook", receiver.take)
    server = HttpServer("receiver", app, "127.0.0.1", 0)
    background.run(server.start())
    receiver.url = f"{server.url}/webhook"
    yield receiver
    background.run(server.stop())


def pass_time(
    background: Background,
    clock: Clock,
    until: Callable[[], Coroutine[Any, Any, None]],
    step: timedelta = timedelta(seconds=1),
) -> None:
    """Move the clock on in steps until something has happened."""

    async def pass_it() -> None:
        happened = asyncio.create_task(until())
        while not happened.done():
            clock.advance(step)
            await asyncio.sleep(0.005)

    background.run(pass_it())
