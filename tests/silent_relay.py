"""A relay between a client and a server that can fall silent: connections stay, and nothing comes any more."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class SilentRelay:
    """A relay that listens on a port of its own.

    Args:
        port: the server's, on 127.0.0.1.
        most: it falls silent with the connection after so many; None for not by itself.
    """

    def __init__(self, port: int, *, most: int | None = None) -> None:
        self.is_silent = False
        self._silenced: set[socket.socket] = set()
        self._silences_next = False
        self._most = most
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                self._sockets += [client, server]
                if self._silences_next:
                    self._silenced |= {client, server}
                    self._silences_next = False
                self.is_silent |= self._most is not None and len(self._sockets) > 1 + 2 * self._most
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=[one, other], daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                if not self.is_silent and one not in self._silenced:
                    other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def silence_open(self) -> None:
        """Fall silent on the connections that are open; new ones work."""
        self._silenced |= set(self._sockets)

    def silence_next(self) -> None:
        """Fall silent on the next connection alone."""
        self._silences_next = True

    def close(self) -> None:
        """End all connections."""
        for each in self._sockets:
            each.close()


@contextlib.contextmanager
def relaying(port: int, *, most: int | None = None) -> Iterator[SilentRelay]:
    """A relay to a server, until the end of the block.

    Args:
        port: the server's, on 127.0.0.1.
        most: see SilentRelay.
    """
    relay = SilentRelay(port, most=most)
    try:
        yield relay
    finally:
        relay.close()
