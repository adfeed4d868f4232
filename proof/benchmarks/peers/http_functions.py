"""Functions that a Cloud Tasks queue calls with a task for each report: the tutorial's, and with Powertools."""

import asyncio
import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from google.cloud.tasks_v2 import HttpMethod, HttpRequest, Task

from functions.shared.settings import MailProviderName
from local_pipeline.function_process import FunctionProcess
from local_pipeline.machine_variables import machine_variables
from local_pipeline.server_process import Process, ServerProcess
from proof.benchmarks.peers.environment import locked_version
from proof.benchmarks.peers.system import Order, Told, deliver_at_pace, kill_instance_of
from proof.faults.instances import Instance
from proof.faults.world import INSTANCES, QUEUE, WORKER_URL
from tests.support import REPOSITORY, free_ports

APPS = Path(__file__).parent / "apps"

_TARGET = "send_report"


@dataclass(frozen=True, kw_only=True)
class HttpFunction:
    """A function in several instances, behind the queue of queue.yaml."""

    name: str
    instance: Callable[[Order, int], ServerProcess]
    provider: MailProviderName = MailProviderName.SENDGRID

    async def send(self, order: Order) -> Told:
        """Make the tasks. The queue deletes one that has failed at every attempt, and tells no one."""
        world = order.world
        processes = [self.instance(order, number) for number in range(INSTANCES)]
        await asyncio.gather(*(process.start() for process in processes))
        try:
            world.front_end.instances = [Instance(process) for process in processes]
            await world.pause()
            for report in order.reports:
                request = HttpRequest(
                    url=WORKER_URL,
                    http_method=HttpMethod.POST,
                    headers={"Content-Type": "application/json"},
                    body=json.dumps({"delivery_id": report}).encode(),
                )
                await world.queues.create_task(parent=QUEUE, task=Task(http_request=request))
            await deliver_at_pace(order)
        finally:
            await asyncio.gather(*(process.stop() for process in processes))
        return Told()

    async def kill(self, order: Order, report: str, request: bytes) -> None:
        """Kill the instance."""
        await kill_instance_of(order, report)


def tutorial() -> HttpFunction:
    """See apps/tutorial.py."""

    def instance(order: Order, number: int) -> ServerProcess:
        return FunctionProcess(
            name=f"tutorial-{number}",
            source=APPS / "tutorial.py",
            target=_TARGET,
            port=free_ports(1),
            environment={**machine_variables(), **order.world.variables},
            log_directory=order.folder,
            on_event=lambda _line: None,
        )

    return HttpFunction(
        name="the tutorial's worker",
        instance=instance,
    )


def powertools(python: Path, redis: str) -> HttpFunction:
    """See apps/powertools.py. Its Python is that of the environment that has the package."""

    def instance(order: Order, number: int) -> ServerProcess:
        port, name = free_ports(1), f"powertools-{number}"
        log_file = order.folder / f"{name}.log"
        variables = {**machine_variables(), **order.world.variables, "CACHE_URL": f"{redis}/2"}
        spawn = functools.partial(_spawn, python, port, log_file, variables)
        return ServerProcess(name=name, port=port, log_file=log_file, spawn=spawn, on_event=lambda _line: None)

    return HttpFunction(
        name=f"Powertools {locked_version('aws-lambda-powertools')}",
        instance=instance,
    )


async def _spawn(python: Path, port: int, log_file: Path, environment: dict[str, str]) -> Process:
    # In the time that the queue has, too: the utility's records expire by it.
    with log_file.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(python, "-m", "local_pipeline.shared_time", "functions_framework"),
            *("--source", APPS / "powertools.py", "--target", _TARGET, "--host", "127.0.0.1", "--port", str(port)),
            env={
                **environment,
                "PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "emulators" / "src"))),
            },
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
