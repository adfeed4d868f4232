"""A function's server keeps an idle connection for longer than its caller does."""

import select
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from local_pipeline.function_process import FunctionProcess
from tests.function_process import running_function
from tests.functions.mail_events.signing import Signer
from tests.support import PATIENCE_SECONDS, Background, free_ports

ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "my-project",
    "LOCATION": "us-central1",
    "REPORT_QUEUES": "reports",
    "WORKER_URL": "https://worker.example.com",
    "DISPATCHER_URL": "https://dispatcher.example.com",
    "DLQ_HANDLER_URL": "https://dlq-handler.example.com",
    "TASKS_INVOKER": "tasks@example.com",
    "SCHEDULER_INVOKER": "scheduler@example.com",
    "EVENTS_INVOKER": "events@example.com",
    "DEAD_LETTER_TOPIC": "dead-letters",
    "DEFAULT_KIND": "activity",
    "MAX_ATTEMPTS": "8",
    "SENDGRID_API_KEY": "SG.key",
    "SENDGRID_WEBHOOK_KEY": Signer().public_key,
    "MAIL_FROM": "reports@example.com",
    "PREFERENCES_URL": "https://preferences.example.com",
    "PREFERENCES_KEY": "k" * 32,
}
FUNCTIONS = {
    "dispatcher": "http",
    "dlq_handler": "cloudevent",
    "mail_events": "http",
    "preferences": "http",
    "worker": "http",
}


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


def test_no_function_closes_a_connection_that_its_caller_still_uses(background: Background, tmp_path: Path) -> None:
    with ExitStack() as stack:
        functions = {
            name: stack.enter_context(
                running_function(
                    background,
                    name=name,
                    environment=ENVIRONMENT,
                    log_directory=tmp_path,
                    signature_type=signature_type,
                )
            )
            for name, signature_type in FUNCTIONS.items()
        }
        kept = {name: connection_to(function) for name, function in functions.items()}
        sockets = {name: connection.sock for name, connection in kept.items()}
        # It was idle for less time than those of the functions when its server closes it.
        left_alone = connection_to(stack.enter_context(plain_function(background, tmp_path)))
        assert select.select([left_alone.sock], [], [], PATIENCE_SECONDS)[0], "gunicorn keeps connections by itself"
        with pytest.raises(ConnectionError):
            ask(left_alone)
        for name, function in functions.items():
            # A server looks for what it can close whenever it accepts a connection: at the second at the latest it has.
            connection_to(function)
            connection_to(function)
            ask(kept[name])
            assert kept[name].sock is sockets[name]


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
        environment={},
        log_directory=folder,
        on_event=print,
    )
    background.run(process.start())
    try:
        yield process
    finally:
        background.run(process.stop())
