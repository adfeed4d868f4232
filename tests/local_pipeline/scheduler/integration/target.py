"""A job's target that remembers what called it and answers as it is told."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from local_cloud.http import HttpServer


@dataclass(frozen=True)
class Call:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Target:
    """Answers each call with the next of its statuses, and with 200 when there are none left."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.statuses: list[int] = []
        self.running = 0
        self.most_running = 0
        self._go_on = asyncio.Event()
        self._go_on.set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = HttpServer("target", app, "127.0.0.1", 0)

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        self._go_on.set()
        await self._server.stop()

    async def hold(self) -> None:
        """Answer no call until released."""
        self._go_on.clear()

    async def release(self) -> None:
        """Answer the calls that were held, and further ones at once."""
        self._go_on.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    async def _answer(self, request: web.Request) -> web.Response:
        self.calls.append(Call(request.method, request.path, dict(request.headers), await request.read()))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            status = self.statuses.pop(0) if self.statuses else 200
            while not self._go_on.is_set() and request.transport is not None:
                await asyncio.sleep(0.005)
        finally:
            self.running -= 1
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.json_response({"call": len(self.calls)}, status=status, headers=headers)
