"""Runs the local cloud's servers in a process of their own, for the measured functions: `python -m
proof.benchmarks.services`.

Writes one line of JSON with their addresses, serves until its standard input is closed, and answers on one more port
what Firestore would have billed by method, and what a queue holds.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.firestore.usage import Usage
from local_cloud.garbage import collect_rarely
from local_cloud.http import HttpServer
from local_cloud.identity import IdentityProvider
from local_cloud.index_file import read_index_file
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.rpc import Middleware, latency
from local_cloud.tasks.server import TasksEmulator
from local_pipeline.inbox.server import Inbox
from local_pipeline.project import Project
from proof.benchmarks.console_data import ConsoleData
from proof.benchmarks.documents import ROOT, to_message

HOST = "127.0.0.1"
SENDGRID_API_KEY = "SG.benchmark"
REPOSITORY = Path(__file__).resolve().parents[2]


class Bill:
    """Counts what Firestore bills for each of its methods. Exact if only one call is under way at a time."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.reads: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self._last_method = ""
        self._counted = 0, 0

    async def middleware(self, method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        """Settle the calls before this one, and carry it out."""
        self.settle()
        self._last_method = method.rpartition("/")[2]
        return await carry_out()

    def settle(self) -> None:
        """Bill what is new to the last call. Nothing is counted while an answer streams: that would take time, too."""
        assert self.usage is not None
        reads, writes = self._counted
        self._counted = self.usage.reads, self.usage.writes
        if self._last_method:
            self.reads[self._last_method] += self._counted[0] - reads
            self.writes[self._last_method] += self._counted[1] - writes


async def serve(latency_seconds: float, data: ConsoleData | None) -> None:
    """Serve until standard input is closed, with these documents from the beginning."""
    clock, bill = Clock(), Bill()
    delay: list[Middleware] = [latency(latency_seconds, clock.sleep)] if latency_seconds else []
    identity = IdentityProvider(host=HOST, port=0, clock=clock)
    firestore = FirestoreEmulator(
        host=HOST,
        port=0,
        rest_port=0,
        clock=clock,
        middleware=[*delay, bill.middleware],
        declared_indexes=read_index_file(*Project(folder=REPOSITORY, repository=REPOSITORY).index_files),
    )
    bill.usage = firestore.usage
    if data is not None:
        firestore.fill(ROOT, map(to_message, data.documents()))
    tasks = TasksEmulator(host=HOST, port=0, rest_port=0, clock=clock, middleware=delay, mint_token=identity.mint)
    pubsub = PubSubEmulator(host=HOST, port=0, clock=clock, middleware=delay)
    inbox = Inbox(host=HOST, port=0, clock=clock, sendgrid_api_key=SENDGRID_API_KEY)

    async def answer_bill(_request: web.Request) -> web.Response:
        usage = firestore.usage
        bill.settle()
        body = {
            "reads": dict(bill.reads),
            "writes": dict(bill.writes),
            "all_reads": usage.reads,
        }
        bill.reads.clear()
        bill.writes.clear()
        return web.json_response(body)

    async def answer_counts(request: web.Request) -> web.Response:
        counts = tasks.counts(request.query["queue"])
        return web.json_response({"depth": counts.depth, "done": counts.done, "dropped": counts.dropped})

    async def answer_token(request: web.Request) -> web.Response:
        return web.json_response(identity.mint(request.query["email"], request.query["audience"]))

    app = web.Application()
    app.router.add_get("/bill", answer_bill)
    app.router.add_get("/counts", answer_counts)
    app.router.add_get("/token", answer_token)
    control = HttpServer("control", app, HOST, 0)
    parts = (identity, firestore, tasks, pubsub, inbox, control)
    for part in parts:
        await part.start()
    print(
        json.dumps(
            {
                "FIRESTORE_EMULATOR_HOST": f"{HOST}:{firestore.port}",
                "FIRESTORE_REST_EMULATOR_HOST": f"{HOST}:{firestore.rest_port}",
                "CLOUD_TASKS_EMULATOR_HOST": f"{HOST}:{tasks.port}",
                "CLOUDTASKS_EMULATOR_HOST": f"{HOST}:{tasks.rest_port}",
                "PUBSUB_EMULATOR_HOST": f"{HOST}:{pubsub.port}",
                "OIDC_CERTS_URL": identity.certs_url,
                "OIDC_ISSUER": identity.issuer,
                "SENDGRID_HOST": f"http://{HOST}:{inbox.port}",
                "control": f"http://{HOST}:{control.port}",
            }
        ),
        flush=True,
    )
    await asyncio.to_thread(sys.stdin.read)
    for part in reversed(parts):
        await part.stop()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m proof.benchmarks.services")
    parser.add_argument("--latency-ms", type=float, default=0, help="added to every API call")
    parser.add_argument("--data", help="the documents of proof.benchmarks.console_data: its arguments, as JSON")
    options = parser.parse_args()
    collect_rarely()
    data = ConsoleData.from_json(options.data) if options.data else None
    asyncio.run(serve(options.latency_ms / 1000, data))


if __name__ == "__main__":
    main()
