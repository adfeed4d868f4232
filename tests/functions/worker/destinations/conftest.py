"""Servers that do something with each connection."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from functions.worker.destinations.outcome import Outcome
from tests.functions.worker.destinations.http_server import Behaviour

Serve = Callable[[Behaviour], int]
Take = Callable[[socket.socket], bytes]


def send_until_taken(serve: Serve, send: Callable[[int, float], Outcome], take: Take, then: Behaviour) -> Outcome:
    """What comes of a request that a server has as a whole before the time is over. A busy machine needs more time.

    Args:
        serve: starts a server.
        send: sends to a port, within so many seconds.
        take: reads a request up to its end; returns nothing of one that is not whole.
        then: what the server does with the connection after that.
    """
    for seconds in (0.4, 4.0, 40.0):
        taken = threading.Event()

        def behave(connection: socket.socket, taken: threading.Event = taken) -> None:
            if take(connection):
                taken.set()
                then(connection)

        outcome = send(serve(behave), seconds)
        if taken.is_set():
            return outcome
    raise AssertionError("no server has it as a whole in time")


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
