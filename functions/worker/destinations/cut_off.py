"""A time limit for a connection as a whole: a socket's own starts again with each byte that trickles in."""

import contextlib
import heapq
import itertools
import socket
import time
from collections.abc import Iterator
from threading import Condition, Lock, Thread


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
    watched = _Watched(connected)
    _watch.add(watched, over_at)
    try:
        yield
    finally:
        watched.let_go()


class _Watched:
    """A connection until it is let go."""

    def __init__(self, connected: socket.socket) -> None:
        self._connected: socket.socket | None = connected
        self._lock = Lock()

    @property
    def is_let_go(self) -> bool:
        return self._connected is None

    def let_go(self) -> None:
        with self._lock:
            self._connected = None

    def shut_down(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._connected is not None:
                self._connected.shutdown(socket.SHUT_RDWR)


class _Watch:
    """Shuts connections down when their time is over, in one thread for all of them: a thread for each would take more
    CPU than the request."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._ends: list[tuple[float, int, _Watched]] = []
        """A heap. The number keeps two of the same moment apart."""
        self._numbers = itertools.count()
        self._thread: Thread | None = None

    def add(self, watched: _Watched, over_at: float) -> None:
        """Watch a connection until a moment.

        Raises:
            NoThread: there is none to do it.
        """
        with self._changed:
            if self._thread is None:
                thread = Thread(target=self._run, name="cut-off", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    raise NoThread(f"{type(error).__name__}: {error}") from error
                self._thread = thread
            heapq.heappush(self._ends, (over_at, next(self._numbers), watched))
            if self._ends[0][2] is watched:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                # Nearly all: without this the thread would wake up for each of them.
                while self._ends and self._ends[0][2].is_let_go:
                    heapq.heappop(self._ends)
                left = self._ends[0][0] - time.monotonic() if self._ends else None
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
                _, _, watched = heapq.heappop(self._ends)
            watched.shut_down()


_watch = _Watch()
