"""Two versions of worker and dispatcher behind one address each, as Cloud Run splits traffic between two revisions.

Each request goes to one of the two. https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import web

from local_cloud.http import HttpServer
from proof.faults.instances import Instance


class Version(StrEnum):
    """Which of the two."""

    OLDER = "older"
    """The released one."""
    NEWER = "newer"
    """This one."""


Traffic = Callable[[str, int], Version]
"""Says which version gets a request: given the delivery that it is about, empty for a request to the dispatcher, and
its number among the requests about the same, counted from 1."""


class TwoVersions:
    """Both versions of both functions, and who gets which request.

    Args:
        workers: the worker's instance of each version.
        dispatchers: likewise.
    """

    def __init__(self, workers: Mapping[Version, Instance], dispatchers: Mapping[Version, Instance]) -> None:
        self.workers = workers
        self.dispatchers = dispatchers
        self.refusals: list[str] = []
        """The requests to the dispatcher that one version called wrong, although the other had made them."""
        self._requests: Counter[str] = Counter()
        self._traffic: Traffic = lambda subject, number: Version.NEWER

    def split(self, traffic: Traffic) -> None:
        """Split the traffic in this way from now on."""
        self._requests.clear()
        self._traffic = traffic

    def only(self, version: Version) -> None:
        """Have one version get all requests from now on."""
        self.split(lambda subject, number: version)

    def worker_for(self, delivery: str) -> Instance:
        """The worker that gets the next request about a delivery."""
        return self.workers[self._next(delivery)]

    def next_dispatcher(self) -> Instance:
        """The dispatcher that gets the next request."""
        return self.dispatchers[self._next("")]

    def reports_done(self, version: Version) -> int:
        """How many reports the worker of a version has brought to their end, by its log."""
        ends = {"sent", "skipped", "dead"}
        attempts = (line for line in _logged(self.workers[version], "report_attempted") if line["result"] in ends)
        return len({line["delivery_id"] for line in attempts})

    def parts_done(self, version: Version) -> int:
        """How many runs and parts of runs the dispatcher of a version has carried out, by its log."""
        return sum(1 for _ in _logged(self.dispatchers[version], "run_finished"))

    def _next(self, subject: str) -> Version:
        self._requests[subject] += 1
        return self._traffic(subject, self._requests[subject])


class SplitAddress(HttpServer):
    """The dispatcher's address: passes each request on to the version whose turn it is.

    Args:
        versions: says whose turn it is, and takes down what is refused.
        port: where it listens.
    """

    def __init__(self, versions: TwoVersions, *, port: int) -> None:
        self._versions = versions
        self._session: aiohttp.ClientSession | None = None
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        super().__init__("dispatcher's address", app, "127.0.0.1", port)

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
        await super().stop()

    async def _pass_on(self, request: web.Request) -> web.Response:
        if self._session is None:
            # A connection that is kept open is cut when its process is killed, and the next request with it.
            connector = aiohttp.TCPConnector(force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        url = f"http://127.0.0.1:{self._versions.next_dispatcher().process.port}{request.path_qs}"
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        body = await request.read()
        try:
            async with self._session.request(request.method, url, data=body, headers=headers) as answer:
                content = await answer.read()
        except aiohttp.ClientError:
            # https://cloud.google.com/run/docs/troubleshooting#503-error
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self._versions.refusals.append(f"{body.decode()}: {answer.status} {content.decode()}")
        return web.Response(status=answer.status, body=content)


def _logged(instance: Instance, event: str) -> Iterator[dict[str, Any]]:
    """The lines that an instance has logged about an event."""
    for line in instance.process.log_file.read_text(encoding="utf-8").splitlines():
        while event in line:
            # Two threads write at once: the released version sometimes writes two entries into one line.
            entry, end = json.JSONDecoder().raw_decode(line)
            if entry["message"] == event:
                yield entry
            line = line[end:]
