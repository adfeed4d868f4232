"""A destination that speaks HTTP, one request a connection."""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

Behaviour = Callable[[socket.socket], None]
"""What a server does with a connection."""


class Said(Enum):
    """What a destination may say about a message that it was sent as a whole."""

    ACCEPTED = auto()
    """It takes the message, whose id is `m1` there if it tells ids."""
    REFUSED = auto()
    """It would refuse the message again. It repeats the address `ada@example.com`."""
    KEY_REFUSED = auto()
    """The key is wrong. It repeats the key."""
    THROTTLED = auto()
    """Too much at once. It asks for a wait, if it can."""
    NOT_NOW = auto()
    """It certainly does not take the message this time."""
    FAILED = auto()
    """It fails after it may have taken the message."""


def read_request(connection: socket.socket) -> tuple[bytes, bytes]:
    """A request's head and body: as much of the body as came before the client closed the connection, and nothing where
    the head is not whole."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(65_536)):
            return b"", b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length and (more := connection.recv(65_536)):
        body += more
    return head, body


def take_body(connection: socket.socket) -> bytes:
    """The body of a request."""
    return read_request(connection)[1]


def begin(connection: socket.socket) -> None:
    """Read the beginning of a request."""
    connection.recv(10)


def wait_for_the_end(connection: socket.socket) -> None:
    """Until the client gives up."""
    while connection.recv(65_536):
        pass


def answer(status: int, body: Any = "", headers: Mapping[str, str] | None = None) -> bytes:
    """An answer to the byte.

    Args:
        status: the HTTP status.
        body: bytes, text, or what JSON is made of.
        headers: beside the length.
    """
    encoded = content(body)
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(encoded)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + encoded


def content(body: Any) -> bytes:
    """A body to the byte: bytes, text, or what JSON is made of."""
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def saying(answers: Mapping[Said, bytes], said: Sequence[Said]) -> Behaviour:
    """A server that answers one request after the other.

    Args:
        answers: how the provider says it.
        said: what to say, in turn.
    """
    left = iter(said)

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answers[next(left)])

    return behave
