"""Functions as tests start them: processes under functions-framework, as on Cloud Run."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from local_cloud.function_process import FunctionProcess
from tests.support import Background

REPOSITORY = Path(__file__).parent.parent


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def start_function(
    background: Background,
    *,
    name: str,
    environment: Mapping[str, str],
    log_directory: Path,
    signature_type: str = "http",
) -> FunctionProcess:
    """Start a function of this repository and return when it takes connections.

    `background.run(process.stop())` ends it.

    Args:
        background: where its keeper runs.
        name: the function's folder and target.
        environment: its variables. Of this process's own only PATH and the like are passed on.
        log_directory: where its output goes, to `NAME.log`.
        signature_type: `http` or `cloudevent`.

    Raises:
        LocalCloudError: it ended instead; the text has its own last line.
    """
    inherited = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}}
    process = FunctionProcess(
        name=name,
        source=REPOSITORY / "functions" / name / "main.py",
        target=name,
        signature_type=signature_type,
        port=free_port(),
        environment={**inherited, "PYTHONPATH": str(REPOSITORY), **environment},
        log_directory=log_directory,
        on_event=print,
    )
    background.run(process.start(), timeout=60)
    return process
