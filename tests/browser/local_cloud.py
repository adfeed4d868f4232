"""A local cloud that runs as `make up` runs it, and consoles beside its own that show other projects on it."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from functions.shared.queues.task_queue import cloud_tasks_client
from local_pipeline.environment import Ports
from operations.connection.target import Target, find_target
from operations.queues.queues import Queues
from operations.session import Session
from tests.console_server import ConsoleServer, serving
from tests.local_pipeline.up.integration.command import Command

USERS = 13
"""How many sample users: one of each type, and one more."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A local cloud that has made its first run.

    Attributes:
        url: of its console, without a slash at the end.
        control_url: what the console's page of the local cloud calls.
        target: how consoles and commands connect to it.
    """

    url: str
    control_url: str
    target: Target

    def database(self, project: str | None = None) -> firestore.Client:
        """Its Firestore."""
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth is untyped here
        return firestore.Client(project=project or self.target.project, credentials=credentials)

    def control(self, act: str, **asked: Any) -> dict[str, Any]:
        """Have it do something, as its console does."""
        answer = requests.post(f"{self.control_url}/{act}", json=asked)
        answer.raise_for_status()
        done: dict[str, Any] = answer.json()
        return done

    def state(self) -> dict[str, Any]:
        """The time, the faults that are on, and the functions that run."""
        found: dict[str, Any] = requests.get(f"{self.control_url}/state").json()
        return found

    def queues(self) -> Queues:
        """Its queues."""
        return Queues(project=self.target.project, location=self.target.require("LOCATION"))

    @contextmanager
    def console_of(
        self, project: str, *, read_only: bool = False, queues: Sequence[str] = ("reports",), **settings: str
    ) -> Iterator[ConsoleServer]:
        """A console of another project that the same servers have.

        Args:
            project: its id.
            read_only: whether nothing can be changed.
            queues: the ids of its queues.
            settings: variables of its functions.
        """
        session = Session(None)
        given: Mapping[str, str] = {
            **self.target.variables,
            "GOOGLE_CLOUD_PROJECT": project,
            "REPORT_QUEUES": ",".join(queues),
            **settings,
        }
        session.target = Target(variables=given, directory=self.target.directory)
        with serving(session, read_only=read_only) as served:
            yield served


@contextmanager
def running_cloud(directory: Path) -> Iterator[Cloud]:
    """A local cloud, until the end of the block. Google's clients of this process find it.

    Args:
        directory: where its data go.
    """
    command = Command(directory, "--users", str(USERS))
    try:
        command.wait_for("Ctrl-C ends it all")
        target = find_target({}, directory=command.data, default_directory=command.data)
        ports = Ports(base=command.port_base)
        with pytest.MonkeyPatch.context() as environment:
            for name, value in target.variables.items():
                environment.setenv(name, value)
            # The client is kept for the life of a process, which is longer than that of this local cloud.
            cloud_tasks_client.cache_clear()
            yield Cloud(
                url=f"http://127.0.0.1:{ports.console}",
                control_url=f"http://127.0.0.1:{ports.control}",
                target=target,
            )
            cloud_tasks_client.cache_clear()
    finally:
        command.process.send_signal(signal.SIGINT)
        command.wait()
