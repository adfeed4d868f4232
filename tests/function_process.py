"""Functions as tests start them: processes under functions-framework, as on Cloud Run."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local_cloud.errors import LocalCloudError
from local_pipeline.function_process import FunctionProcess
from local_pipeline.machine_variables import machine_variables
from tests.support import Background, free_ports

REPOSITORY = Path(__file__).parent.parent


def start_function(
    background: Background,
    *,
    name: str,
    environment: Mapping[str, str],
    log_directory: Path,
    signature_type: str = "http",
    port: int | None = None,
) -> FunctionProcess:
    """Start a function of this repository and return when it takes connections.

    `background.run(process.stop())` ends it.

    Args:
        background: where its keeper runs.
        name: the function's folder and target.
        environment: its variables. Of this process's own it gets those of the machine.
        log_directory: where its output goes, to `NAME.log`.
        signature_type: `http` or `cloudevent`.
        port: where it listens; None for any free one.

    Raises:
        LocalCloudError: it ended instead; the text has its own last line.
    """
    process = FunctionProcess(
        name=name,
        source=REPOSITORY / "functions" / name / "main.py",
        target=name,
        signature_type=signature_type,
        port=port or free_ports(1),
        environment={**machine_variables(), "PYTHONPATH": str(REPOSITORY), **environment},
        log_directory=log_directory,
        on_event=print,
    )
    background.run(process.start())
    return process


def last_words(background: Background, *, name: str, log_directory: Path, **arguments: Any) -> str:
    """Start a function that cannot start.

    Args:
        background: see start_function.
        name: likewise.
        log_directory: likewise.
        arguments: likewise.

    Returns:
        All that it has said: one line.
    """
    with pytest.raises(LocalCloudError):
        start_function(background, name=name, log_directory=log_directory, **arguments)
    [line] = (log_directory / f"{name}.log").read_text(encoding="utf-8").splitlines()
    return line


@contextmanager
def running_function(background: Background, **arguments: Any) -> Iterator[FunctionProcess]:
    """Start a function, and stop it at the end.

    Args:
        background: where its keeper runs.
        arguments: see start_function.

    Raises:
        LocalCloudError: likewise.
    """
    process = start_function(background, **arguments)
    try:
        yield process
    finally:
        background.run(process.stop())


class FunctionProcesses:
    """Processes of one function, one for each set of variables: started when it is first asked for, and kept.

    Args:
        background: where their keepers run.
        name: the function's folder and target.
        log_directory: where their output goes, each to a folder of its own.
        signature_type: `http` or `cloudevent`.
    """

    def __init__(self, background: Background, *, name: str, log_directory: Path, signature_type: str = "http") -> None:
        self._background = background
        self._name = name
        self._log_directory = log_directory
        self._signature_type = signature_type
        self._processes: dict[frozenset[tuple[str, str]], FunctionProcess] = {}

    def get(self, environment: Mapping[str, str]) -> FunctionProcess:
        """The process that was started with exactly these variables.

        Raises:
            LocalCloudError: it ended instead of taking connections.
        """
        key = frozenset(environment.items())
        if key not in self._processes:
            self._processes[key] = start_function(
                self._background,
                name=self._name,
                environment=environment,
                log_directory=self._log_directory / str(len(self._processes)),
                signature_type=self._signature_type,
            )
        return self._processes[key]

    def stop(self) -> None:
        """End them all."""

        async def stop_all() -> None:
            await asyncio.gather(*(process.stop() for process in self._processes.values()))

        self._background.run(stop_all())
