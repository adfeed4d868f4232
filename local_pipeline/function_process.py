"""A function as Cloud Run has it: a process under functions-framework."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

from local_pipeline.forked_server import ServerSpec, fork_server
from local_pipeline.server_process import ServerProcess


class FunctionProcess(ServerProcess):
    """Runs one function under functions-framework.

    Args:
        name: what it is called in messages, and the name of its log file.
        source: the file that defines it.
        target: the function's name in that file.
        signature_type: `http` or `cloudevent`.
        port: where it is to listen, on 127.0.0.1.
        environment: its environment variables, the whole of them.
        log_directory: where its output goes, to a file that it empties first.
        on_event: called with one line for each unexpected end.
    """

    def __init__(
        self,
        *,
        name: str,
        source: Path,
        target: str,
        signature_type: str = "http",
        port: int,
        environment: Mapping[str, str],
        log_directory: Path,
        on_event: Callable[[str], None],
    ) -> None:
        log_file = log_directory / f"{name}.log"
        spec = ServerSpec(
            source=str(source),
            target=target,
            signature_type=signature_type,
            host="127.0.0.1",
            port=port,
            environment={**environment, "PORT": str(port), "K_SERVICE": name},
            log_file=str(log_file),
        )
        super().__init__(
            name=name, port=port, log_file=log_file, spawn=functools.partial(fork_server, spec), on_event=on_event
        )
