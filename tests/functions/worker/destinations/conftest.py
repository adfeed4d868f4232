"""Servers that do something with each connection."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.functions.worker.destinations.http_server import Behaviour

Serve = Callable[[Behaviour], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that does something with one connection after the other, and return its port."""
    listeners: list[socket.socket] = []

    def start(behave: Behaviour) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                # The client may be gone.
                with connection, suppress(OSError):
                    behave(connection)

        threading.Thread(target=accept, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
