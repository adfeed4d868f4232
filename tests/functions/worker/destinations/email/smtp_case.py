"""A mail server, for the tests of every email provider."""

import base64
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from functions.shared.settings import MailProviderName
from functions.worker.destinations.email.model import Mail, Sender
from functions.worker.destinations.email.smtp.message import to_messages
from functions.worker.destinations.outcome import Unavailable
from local_pipeline.inbox.mime import InvalidMessage, to_request
from tests.functions.worker.destinations.email.provider_case import ProviderCase, SentFile, SentMessage
from tests.functions.worker.destinations.email.sample_mail import SENDER, mail
from tests.functions.worker.destinations.http_server import Behaviour, Said

PASSWORD = "mail-server-secret"
AT = datetime(2026, 11, 24, 13, tzinfo=UTC)

_TRIAL = b"RSET\r\n"
"""Stands behind a message that is not sent."""

_REPLIES = {
    Said.ACCEPTED: b"250 2.0.0 OK: queued as 4B1C\r\n",
    Said.REFUSED: b"554 5.7.1 <ada@example.com>: not accepted\r\n",
    Said.KEY_REFUSED: f"530 5.7.0 Authentication required, not {PASSWORD}\r\n".encode(),
    Said.THROTTLED: b"452 4.3.1 Too many messages\r\n",
    Said.NOT_NOW: b"451 4.3.0 Local error in processing\r\n",
    Said.FAILED: b"HTTP/1.1 502 Bad Gateway\r\n",
}


def _written(what: Mail, sender: Sender) -> Sequence[bytes]:
    return [each.content + (_TRIAL if each.is_trial else b"") for each in to_messages(what, sender, at=AT)]


def _read(written: Sequence[bytes]) -> Sequence[SentMessage]:
    return [_message(content) for content in written]


def _message(content: bytes) -> SentMessage:
    request = to_request(content.removesuffix(_TRIAL), [_recipient(content)])
    [to] = request["personalizations"]
    text, html = (part["value"].removesuffix("\n") for part in request["content"])
    return SentMessage(
        to=[(each.get("name", ""), each["email"]) for each in to["to"]],
        sender=(request["from"].get("name", ""), request["from"]["email"]),
        reply_to=request.get("reply_to", {}).get("email", ""),
        subject=request["subject"],
        headers={name: value for name, value in to["headers"].items() if name not in {"Date", "Message-ID"}},
        text=text,
        html=html,
        files=[
            SentFile(
                filename=each["filename"],
                media_type=each["type"],
                content=base64.b64decode(each["content"]),
                content_id=each.get("content_id", ""),
            )
            for each in request.get("attachments", [])
        ],
        arguments=to["custom_args"],
        sandboxed=content.endswith(_TRIAL),
    )


def _recipient(content: bytes) -> str:
    """The header names no other than the one to whom the message goes."""
    found = re.search(rb"^To:(?:[^\r]|\r\n[ \t])*?([^\s<]+@[^\s>]+)>?\r\n(?![ \t])", content, re.MULTILINE)
    assert found
    return found[1].decode()


def _refusal(written: bytes) -> str:
    try:
        to_request(written.removesuffix(_TRIAL), ["ada@example.com"])
    except InvalidMessage as invalid:
        return str(invalid)
    return ""


def _variables(host: str, port: int, tls: bool) -> Mapping[str, str]:
    login = f"worker:{PASSWORD}@{host}:{port}"
    return {"SMTP_URL": f"smtps://{login}" if tls else f"smtp://{login}?tls=off"}


def _serve(connection: socket.socket, reply_to: Callable[[bytes], bytes], *, until: bytes = b"QUIT") -> None:
    """Speak SMTP.

    Args:
        connection: with the client.
        reply_to: what to say at the end of a message, given the message; empty: nothing more at all.
        until: the command after which nothing more is said.
    """
    connection.sendall(b"220 mail.example.com\r\n")
    with connection.makefile("rb") as lines:
        for line in lines:
            command = line[:4].upper()
            if command == until:
                return
            if command == b"DATA":
                connection.sendall(b"354 go on\r\n")
                content = []
                while (part := lines.readline()) != b".\r\n":
                    if not part:
                        # The client has closed the connection.
                        return
                    content.append(part.removeprefix(b"."))
                if not (said := reply_to(b"".join(content))):
                    return
                connection.sendall(said)
            else:
                connection.sendall(
                    {b"EHLO": b"250-mail\r\n250 AUTH PLAIN\r\n", b"AUTH": b"235 OK\r\n"}.get(command, b"250 OK\r\n")
                )


def _take(connection: socket.socket) -> bytes:
    taken: list[bytes] = []

    def keep(content: bytes) -> bytes:
        taken.append(content)
        return b""

    _serve(connection, keep)
    return re.sub(rb"(?<=\r\nDate: )[^\r]*", format_datetime(AT).encode(), b"".join(taken), count=1)


def _saying(said: Sequence[Said]) -> Behaviour:
    left = iter(said)
    return lambda connection: _serve(connection, lambda _content: _REPLIES[next(left)])


SMTP = ProviderCase(
    name=MailProviderName.SMTP,
    secret=PASSWORD,
    variables=_variables,
    written=_written,
    read=_read,
    refusal=_refusal,
    take=_take,
    take_a_part=lambda connection: _serve(connection, lambda _content: b"", until=b"DATA"),
    saying=_saying,
    message_id=to_messages(mail(), SENDER, at=AT)[0].id,
    wait=None,
    cut_early=Unavailable,
    one_request=False,
)
