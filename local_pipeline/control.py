"""What a person can do to the running local cloud, over HTTP: the console's page of the local cloud calls it.

Every body is JSON, which a web page of another origin cannot send.
"""

import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

from aiohttp import web

from local_cloud.http import HttpServer
from local_pipeline.cloud import LocalCloud
from local_pipeline.inbox.faults import Service
from local_pipeline.inbox.timed_faults import IN_WORDS, FaultKind, TimedFaults
from local_pipeline.scheduler import Execution

_LONGEST_STEP = timedelta(days=366)
_LONGEST_FAULT = timedelta(days=1)
_MOST_LINES = 500
_READ_BYTES = 8 * 1024 * 1024
"""How much of the end of each log is searched."""


class Control(HttpServer):
    """Moves the clock, makes runs, has services fail, kills functions, and finds lines in their logs.

    Args:
        cloud: the local cloud.
        logs: the folder of the functions' logs.
        on_execution: told of each run that is made.
        host: the address to bind.
        port: the port.
    """

    def __init__(
        self, cloud: LocalCloud, *, logs: Path, on_execution: Callable[[Execution], None], host: str, port: int
    ) -> None:
        self._cloud = cloud
        self._logs = logs
        self._on_execution = on_execution
        self._faults = TimedFaults()
        cloud.inbox.fault = self._faults
        app = web.Application()
        app.router.add_get("/state", self._state)
        app.router.add_get("/logs", self._log_lines)
        app.router.add_post("/runs", _taking_json(self._run))
        app.router.add_post("/clock", _taking_json(self._move_clock))
        app.router.add_post("/faults", _taking_json(self._add_fault))
        app.router.add_post("/faults/clear", _taking_json(self._clear_faults))
        app.router.add_post("/functions/kill", _taking_json(self._kill))
        super().__init__("control", app, host, port, json_only=True)

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "now": self._cloud.clock.now().isoformat(),
                "faults": [
                    {"service": each.service, "kind": each.kind.value, "seconds": round(each.until - time.monotonic())}
                    for each in self._faults.current
                ],
                "fault_kinds": {kind.value: words for kind, words in IN_WORDS.items()},
                "services": [
                    each for each in get_args(Service) if each == "slack" or each.startswith(self._cloud.provider)
                ],
                "functions": [{"name": each.name, "pid": each.pid} for each in self._cloud.functions],
                "schedule": str(self._cloud.job.schedule),
            }
        )

    async def _run(self, _asked: dict[str, Any]) -> web.Response:
        now = self._cloud.clock.now().replace(second=0, microsecond=0)
        execution = await self._cloud.scheduler.run_now(self._cloud.job, schedule_time=now)
        self._on_execution(execution)
        if not execution.succeeded:
            return _refusal(HTTPStatus.BAD_GATEWAY, "the dispatcher failed: its log says why")
        return web.json_response(json.loads(execution.body))

    async def _move_clock(self, asked: dict[str, Any]) -> web.Response:
        step = _seconds(asked, "seconds", _LONGEST_STEP)
        self._cloud.clock.advance(step)
        return web.json_response({"now": self._cloud.clock.now().isoformat()})

    async def _add_fault(self, asked: dict[str, Any]) -> web.Response:
        service = next((each for each in get_args(Service) if each == asked.get("service")), None)
        kind = next((each for each in FaultKind if each == asked.get("kind")), None)
        if service is None or kind is None:
            raise ValueError("service and kind: one of those that the state lists")
        self._faults.add(service, kind, _seconds(asked, "seconds", _LONGEST_FAULT))
        return web.json_response({})

    async def _clear_faults(self, _asked: dict[str, Any]) -> web.Response:
        self._faults.clear()
        return web.json_response({})

    async def _kill(self, asked: dict[str, Any]) -> web.Response:
        function = next((each for each in self._cloud.functions if each.name == asked.get("function")), None)
        if function is None or function.pid is None:
            return _refusal(HTTPStatus.NOT_FOUND, "no such function runs")
        os.killpg(function.pid, signal.SIGKILL)
        return web.json_response({})

    async def _log_lines(self, request: web.Request) -> web.Response:
        wanted = request.query.get("contains", "")
        if not wanted:
            return _refusal(HTTPStatus.BAD_REQUEST, "contains: what the lines have in them")
        lines = [line for file in sorted(self._logs.glob("*.log")) for line in _lines_with(wanted, file)]
        return web.json_response({"lines": lines[-_MOST_LINES:]})


def _taking_json(
    carry_out: Callable[[dict[str, Any]], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            asked = await request.json()
            return await carry_out(asked if isinstance(asked, dict) else {})
        except ValueError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))

    return handle


def _seconds(asked: dict[str, Any], name: str, most: timedelta) -> timedelta:
    value = asked.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most.total_seconds():
        raise ValueError(f"{name}: a number above 0, at most {most.total_seconds():.0f}")
    return timedelta(seconds=value)


def _lines_with(wanted: str, file: Path) -> Iterator[dict[str, str]]:
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - _READ_BYTES))
        for line in log.read().decode(errors="replace").splitlines():
            if wanted in line:
                yield {"function": file.stem, "line": line}


def _refusal(status: HTTPStatus, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
