"""`python -m proof.drill.local_cloud DIRECTORY [--kill]`: the local cloud of a drill, in a process of its own.

Prints a line when it is up, and the billed reads and writes in a line for each line that comes in. It ends when
standard input closes, however the drill comes to its end.
"""

import asyncio
import json
import logging
import os
import socket
import sys
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path

from functions.shared.project_files import PIPELINE
from local_cloud.errors import LocalCloudError
from local_cloud.flags_file import read_flags_file
from local_cloud.garbage import collect_rarely
from local_pipeline import function_server
from local_pipeline.addresses import HOST
from local_pipeline.cloud import LocalCloud
from local_pipeline.environment import Environment, Ports
from local_pipeline.function_process import FunctionProcess
from local_pipeline.machine_variables import machine_variables
from local_pipeline.project import Project
from local_pipeline.shared_time import FILE_VARIABLE, SharedClock
from proof.drill.settings import SETTINGS
from proof.drill.users import KIND

_FIRST_PORT, _PORTS, _ROWS = 10_000, 20, 1_000
_LOOK_SECONDS = 0.05
_STEP = timedelta(seconds=10)
_QUIET_LOOKS = 4

RATE, CONCURRENT = 500, 10
"""The queue's: as fast as a queue can be, and as many reports at once as an instance takes."""


async def _serve(directory: Path, *, kills: bool) -> None:
    """Serve a local cloud with the worker and the sink of a drill.

    Args:
        directory: where its files go.
        kills: whether the worker's process exits.
    """
    ports = Ports(base=_free_ports())
    # Beside those of the local cloud, whose own worker nobody calls.
    worker, sink = ports.api + 1, ports.api + 2
    flags = read_flags_file(PIPELINE / "queue.yaml")
    flags |= {"--max-dispatches-per-second": RATE, "--max-concurrent-dispatches": CONCURRENT}
    own = {
        **SETTINGS,
        "LOG_LEVEL": "ERROR",
        "WORKER_URL": f"http://{HOST}:{worker}",
        "SENDGRID_HOST": f"http://{HOST}:{sink}",
        # There is nobody whom these functions serve.
        "API_URL": "https://api.example.com",
        "PREFERENCES_URL": "https://reports.example.com",
        "PREFERENCES_KEY": "drill.not-a-secret.0123456789012345",
    }
    environment = Environment(
        ports=ports,
        max_attempts=int(flags["--max-attempts"]),
        queue_rate=RATE,
        default_kind=KIND,
        outside={**machine_variables(), **own},
    )
    clock = SharedClock(directory / "time")
    cloud = LocalCloud(
        repository=PIPELINE,
        project=Project(folder=PIPELINE, repository=PIPELINE),
        environment=environment,
        queue_flags=flags,
        data_directory=directory,
        latency_seconds=0,
        on_event=lambda _: None,
        clock=clock,
    )
    await cloud.start()
    try:
        variables = environment.for_function(PIPELINE, PIPELINE)
        drills = PIPELINE / "proof" / "drill"
        source_of_worker = drills / "worker.py" if kills else PIPELINE / "functions" / "worker" / "main.py"
        functions = [
            FunctionProcess(
                name=name,
                source=source,
                target=name,
                port=port,
                environment={**variables, FILE_VARIABLE: str(clock.file)},
                log_directory=directory / "logs",
                on_event=lambda _: None,
            )
            for name, source, port in (("worker", source_of_worker, worker), ("sink", drills / "sink.py", sink))
        ]
        try:
            await asyncio.gather(*(each.start() for each in functions))
            print("up", flush=True)
            passing = asyncio.create_task(_let_time_pass(cloud))
            while await asyncio.to_thread(sys.stdin.readline):
                usage = cloud.firestore.usage
                print(json.dumps({"reads": usage.reads, "writes": usage.writes}), flush=True)
            passing.cancel()
        finally:
            await asyncio.gather(*(each.stop() for each in functions))
    finally:
        await cloud.stop()


async def _let_time_pass(cloud: LocalCloud) -> None:
    """Move time on where nothing is under way: what is left waits for its next attempt, or for a lease to end."""
    queue, quiet = f"projects/{cloud.project}/locations/us-central1/queues/reports", 0
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        counts = cloud.tasks.counts(queue)
        quiet = quiet + 1 if counts.waiting and not counts.running else 0
        if quiet > _QUIET_LOOKS:
            cloud.clock.advance(_STEP)


def _free_ports() -> int:
    """The first of a row of ports that are free: another row for each process, since two may look at once."""
    for base in count(_FIRST_PORT + os.getpid() % _ROWS * _PORTS, _PORTS):
        if all(map(_is_free, range(base, base + _PORTS))):
            return base
    raise AssertionError


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as tried:
        return tried.connect_ex((HOST, port)) != 0


if __name__ == "__main__":
    function_server.begin()
    # It reports each caller that exits, which here is the purpose.
    logging.getLogger("local_cloud.http").setLevel(logging.CRITICAL)
    collect_rarely()
    try:
        asyncio.run(_serve(Path(sys.argv[1]), kills="--kill" in sys.argv))
    except LocalCloudError as error:
        sys.exit(str(error))
