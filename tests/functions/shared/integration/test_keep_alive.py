"""A function's server keeps an idle connection for longer than its caller does."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from local_pipeline.function_process import FunctionProcess
from local_pipeline.machine_variables import machine_variables
from tests.function_process import running_function
from tests.functions.mail_events.signing import Signer
from tests.support import PATIENCE_SECONDS, REPOSITORY, Background, free_ports

ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "my-project",
    "DEAD_LETTER_TOPIC": "dead-letters",
    "DEFAULT_KIND": "activity",
    "SENDGRID_WEBHOOK_KEY": Signer().public_key,
}


def test_a_function_closes_no_connection_that_its_caller_still_uses(background: Background, tmp_path: Path) -> None:
    with (
        running_function(background, name="mail_events", environment=ENVIRONMENT, log_directory=tmp_path) as function,
        plain_function(background, tmp_path) as plain,
    ):
        kept = connection_to(function)
        opened = kept.sock
        # It was idle for less time than that of the function when its server closes it.
        left_alone = connection_to(plain)
        assert select.select([left_alone.sock], [], [], PATIENCE_SECONDS)[0], "gunicorn keeps connections by itself"
        with pytest.raises(ConnectionError):
            ask(left_alone)
        # A server looks for what it can close whenever it accepts a connection: at the second at the latest it has.
        connection_to(function)
        connection_to(function)
        ask(kept)
        assert kept.sock is opened


def test_every_function_has_its_server_do_so() -> None:
    mains = sorted(REPOSITORY.glob("functions/*/main.py"))
    assert mains
    assert [main for main in mains if "\nconfigure_server()\n" not in main.read_text(encoding="utf-8")] == []


def connection_to(function: FunctionProcess) -> HTTPConnection:
    """A connection on which a request was answered."""
    connection = HTTPConnection("127.0.0.1", function.port, timeout=PATIENCE_SECONDS)
    ask(connection)
    return connection


def ask(connection: HTTPConnection) -> None:
    """What a function answers does not matter here."""
    connection.request("GET", "/health")
    connection.getresponse().read()


@contextmanager
def plain_function(background: Background, folder: Path) -> Iterator[FunctionProcess]:
    """A function that leaves its server as functions-framework starts it."""
    source = folder / "main.py"
    source.write_text("def plain(request):\n    return 'OK'\n", encoding="utf-8")
    process = FunctionProcess(
        name="plain",
        source=source,
        target="plain",
        port=free_ports(1),
        environment=machine_variables(),
        log_directory=folder,
        on_event=print,
    )
    background.run(process.start())
    try:
        yield process
    finally:
        background.run(process.stop())
