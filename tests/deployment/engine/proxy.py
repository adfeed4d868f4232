"""A company's proxy that opens TLS connections, with a certificate of its own for each host."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.certificates import Authority


@dataclass(frozen=True)
class Answers:
    """What answers in Google's place.

    Attributes:
        proxy: its URL, for HTTPS_PROXY.
        certificates: the file of the authority that has signed its certificates.
        asked: the hosts that it was asked for, with their ports.
    """

    proxy: str
    certificates: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def the_answers(status: HTTPStatus, body: str, *, folder: Path) -> Iterator[Answers]:
    """Answer each request, to whomever, the same.

    Args:
        status: of HTTP.
        body: JSON.
        folder: where certificates are kept.
    """
    authority, asked = Authority.make(folder), list[str]()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            # Who does not trust the certificate hangs up.
            with contextlib.suppress(OSError):
                host = _head(self.rfile).split()[1].decode()
                asked.append(host)
                self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                name = host.partition(":")[0]
                with authority.server(name).wrap_socket(self.connection, server_side=True) as connection:
                    _head(connection.makefile("rb"))
                    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: {len(body)}\r\n"
                    connection.sendall(
                        f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n{body}".encode()
                    )

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Answers(f"http://127.0.0.1:{server.server_address[1]}", str(authority.file), asked)
        server.shutdown()


def _head(stream: Any) -> bytes:
    """The first line of a request, whose other lines, and body, are read."""
    first, size = bytes(stream.readline()), 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        size = int(value) if name.lower() == b"content-length" else size
    stream.read(size)
    return first
