"""A function that was asleep answers the request that wakes it."""

import os
import signal
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path

from tests.function_process import running_function
from tests.functions.shared.integration.test_keep_alive import ENVIRONMENT
from tests.support import PATIENCE_SECONDS, Background

TIMEOUT_SECONDS = 1
KILLED_WITHIN_SECONDS = TIMEOUT_SECONDS + 2.5
"""The server looks at its processes once a second, and sends SIGKILL when it looks for the second time."""


def test_a_request_survives_that_its_instance_was_asleep(background: Background, tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "CLOUD_RUN_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)}
    with running_function(background, name="mail_events", environment=environment, log_directory=tmp_path) as function:
        connection = HTTPConnection("127.0.0.1", function.port, timeout=PATIENCE_SECONDS)
        connection.putrequest("POST", "/sendgrid")
        connection.putheader("Content-Length", "2")
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        # The process reads the request, and waits for its body.
        assert connection.sock is not None
        assert connection.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        found = subprocess.run(["pgrep", "-P", str(function.pid)], capture_output=True, text=True, check=True)
        [serving] = map(int, found.stdout.split())
        # The server itself stays awake, so that nothing depends on which of the two wakes first.
        os.kill(serving, signal.SIGSTOP)
        time.sleep(KILLED_WITHIN_SECONDS)
        os.kill(serving, signal.SIGCONT)
        connection.send(b"[]")
        assert connection.getresponse().status == 403, function.log_file.read_text()
