"""The python3 that forks for each program of deploy.sh."""

import re
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.deployment.stand_in import python
from tests.support import PATIENCE_SECONDS


@pytest.mark.skipif(sys.platform != "linux", reason="it forks on Linux alone")
def test_a_caller_that_was_killed_leaves_no_process() -> None:
    (port,) = re.findall(r"/dev/tcp/127\.0\.0\.1/(\d+)", python.forking_python())
    process = python._running[-1].pid
    children = Path(f"/proc/{process}/task/{process}/children")
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.sendall(b"1\0")
        ends_by = time.monotonic() + PATIENCE_SECONDS
        while not children.read_text():
            assert time.monotonic() < ends_by
    while children.read_text():
        assert time.monotonic() < ends_by
