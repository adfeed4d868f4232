"""A time limit for a connection as a whole: a socket's own starts again with each byte that trickles in."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator


class NoThread(Exception):
    """There is no memory for another thread, and so no time limit. Nothing was done with the connection."""


@contextlib.contextmanager
def cut_off(connected: socket.socket, over_at: float) -> Iterator[None]:
    """Do something with a connection that ends at a moment.

    Args:
        connected: the connection. With TLS over it, too, since it is shut down beneath it.
        over_at: the moment, by time.monotonic().

    Raises:
        NoThread: before anything was done.
    """

    def shut_down() -> None:
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, over_at - time.monotonic()), shut_down)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError as error:
        raise NoThread(f"{type(error).__name__}: {error}") from error
    try:
        yield
    finally:
        timer.cancel()
