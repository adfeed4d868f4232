"""The emulators alone, by the command that starts them for other projects."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.support import REPOSITORY

LOCATION = "projects/p/locations/l"


@contextmanager
def serve(*arguments: str) -> Iterator[dict[str, str]]:
    """Within it the emulators run; gives the variables that they say to set. Ctrl-C ends them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local_cloud", "serve", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        variables: dict[str, str] = {}
        while "OIDC_ISSUER" not in variables:
            name, value = re.fullmatch(r"export (\w+)=(\S+)\n", process.stdout.readline()).groups()  # type: ignore[union-attr]  # it fails then
            variables[name] = value
        yield variables
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(100) == 0
        process.stdout.close()


def test_cloud_tasks_over_grpc_alone() -> None:
    with serve("--tasks", "0") as variables:
        assert set(variables) == {"CLOUD_TASKS_EMULATOR_HOST", "OIDC_CERTS_URL", "OIDC_ISSUER"}


def test_cloud_tasks_over_rest_is_told_of() -> None:
    with serve("--tasks-rest", "0") as variables:
        assert {"CLOUD_TASKS_EMULATOR_HOST", "CLOUDTASKS_EMULATOR_HOST"} <= set(variables)
        url = f"http://{variables['CLOUDTASKS_EMULATOR_HOST']}/v2/{LOCATION}/queues"
        made = requests.post(url, json={"name": f"{LOCATION}/queues/q"}, timeout=100)
        assert requests.get(url, timeout=100).json() == {"queues": [made.json()]}
