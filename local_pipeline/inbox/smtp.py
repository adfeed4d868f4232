"""A mail server: takes messages by SMTP, and puts them into the inbox.

https://www.rfc-editor.org/rfc/rfc5321
https://www.rfc-editor.org/rfc/rfc6409 (message submission)
"""

import asyncio
import errno
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, AnyStr
from urllib.parse import quote

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, LoginPassword
from aiosmtpd.smtp import Envelope as Transaction
from aiosmtpd.smtp import Session as SmtpSession

from local_cloud.clock import Clock
from local_cloud.errors import PortInUse
from local_pipeline.inbox.faults import Answer, Call, CutConnection, SmtpStep
from local_pipeline.inbox.mail import split
from local_pipeline.inbox.mime import InvalidMessage, to_request
from local_pipeline.inbox.server import Inbox

MOST_BYTES = 30 * 1024 * 1024
"""Of a message: what EHLO says (https://www.rfc-editor.org/rfc/rfc1870)."""

IDLE_SECONDS = 300.0
"""https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2.7"""

_GO_ON = 0
"""No reply yet: aiosmtpd's own comes."""

_log = logging.getLogger(__name__)

# It writes every command, the addresses in them among them.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class SmtpServer:
    """An SMTP server that wants a user and a password, and takes nothing before.

    Args:
        inbox: where the messages go; its `fault` stands before each step of a session.
        host: the address to bind.
        port: the port, 0 for any free one.
        clock: what time it is.
        user: who may send.
        password: the user's.
        tls: the certificate for STARTTLS; None: the server has no TLS.
        tls_at_once: whether a connection begins with TLS, in place of STARTTLS.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        host: str,
        port: int,
        clock: Clock,
        user: str,
        password: str,
        tls: ssl.SSLContext | None = None,
        tls_at_once: bool = False,
    ) -> None:
        self._inbox = inbox
        self._host = host
        self.port = port
        self._clock = clock
        self._login = LoginPassword(user.encode(), password.encode())
        self._tls = tls
        self._tls_at_once = tls_at_once
        self._server: asyncio.Server | None = None
        self._sessions: set[_Session] = set()
        self.most_bytes: int | None = MOST_BYTES
        """Of a message; None: EHLO names no limit."""
        self.takes_utf8 = True
        """Whether EHLO offers SMTPUTF8."""
        self.connections = 0
        """How many were opened so far."""

    async def start(self) -> None:
        """Bind and begin to serve; `port` is the bound one afterwards.

        Raises:
            PortInUse: another process has the port.
        """
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._connected, self._host, self.port, ssl=self._tls if self._tls_at_once else None
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(self.port, "the mail server") from error
            raise
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop serving, and end all sessions."""
        if self._server is not None:
            self._server.close()
            self.drop_connections()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        """SMTP_URL of a client on this machine."""
        login = ":".join(quote(part, safe="") for part in (self._login.login, self._login.password))
        if self._tls_at_once:
            return f"smtps://{login}@{self._host}:{self.port}"
        return f"smtp://{login}@{self._host}:{self.port}" + ("" if self._tls else "?tls=off")

    def drop_connections(self) -> None:
        """Close every connection, as a server does with those on which nothing has come for a while."""
        for session in list(self._sessions):
            if session.transport is not None:
                session.transport.close()

    def _connected(self) -> "_Session":
        self.connections += 1
        return _Session(
            _Transactions(self._inbox, self._clock),
            self._inbox,
            self._sessions,
            data_size_limit=self.most_bytes,
            enable_SMTPUTF8=self.takes_utf8,
            hostname="localhost",
            ident="ESMTP",
            tls_context=None if self._tls_at_once else self._tls,
            require_starttls=self._tls is not None and not self._tls_at_once,
            timeout=IDLE_SECONDS,
            auth_require_tls=False,
            authenticator=self._authenticate,
        )

    def _authenticate(
        self, _server: SMTP, _session: SmtpSession, _transaction: Transaction, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        is_right = secrets.compare_digest(b"\0".join(given), b"\0".join(self._login))
        return AuthResult(success=is_right, handled=False)


class _Session(SMTP):
    """One connection. The steps that aiosmtpd has no hook for."""

    def __init__(self, transactions: "_Transactions", inbox: Inbox, sessions: set["_Session"], **settings: Any) -> None:
        super().__init__(transactions, **settings)
        self._inbox = inbox
        self._sessions = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._sessions.discard(self)
        super().connection_lost(error)

    async def step(
        self, step: SmtpStep, body: bytes = b"", carry_on: Callable[[], Awaitable[Answer]] | None = None
    ) -> Answer:
        """Take a step, unless a fault stands before it.

        Args:
            step: which.
            body: what a fault may look at.
            carry_on: takes it; None where aiosmtpd does, afterwards.
        """

        async def go_on() -> Answer:
            return Answer(status=_GO_ON)

        try:
            return await self._inbox.answer(Call(service="smtp", body=body, step=step), carry_on or go_on)
        except CutConnection:
            if isinstance(self.transport, asyncio.WriteTransport):
                self.transport.abort()
            # Until connection_lost cancels this session.
            await asyncio.Event().wait()
            raise

    async def _handle_client(self) -> None:
        answer = await self.step("connect")
        if answer.status == _GO_ON:
            await super()._handle_client()
            return
        await self.push(_line(answer))
        if self.transport is not None:
            self.transport.close()

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802  aiosmtpd's name
        answer = await self.step("starttls")
        if answer.status != _GO_ON:
            await self.push(_line(answer))
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  aiosmtpd's name
        answer = await self.step("data")
        if answer.status != _GO_ON:
            await self.push(_line(answer))
            return
        await super().smtp_DATA(arg)

    async def _end(self, _arg: str) -> None:
        """A web page may have a browser post SMTP to any port of this machine, behind the head of a request.

        https://www.postfix.org/postconf.5.html#smtpd_forbidden_commands
        """
        if self.transport is not None:
            self.transport.close()
            self.transport = None

    smtp_GET = smtp_POST = smtp_PUT = smtp_PATCH = smtp_DELETE = _end  # noqa: N815  as aiosmtpd names commands

    async def push(self, status: AnyStr) -> None:
        await super().push(status)
        reply: Any = status
        code = reply.encode()[:3] if isinstance(reply, str) else reply[:3]
        if code == b"354":
            await self.step("content")
        elif code == b"421" and self.transport is not None:
            # https://www.rfc-editor.org/rfc/rfc5321#section-3.8
            self.transport.close()


class _Transactions:
    """What a session's commands do: aiosmtpd's handler.

    https://aiosmtpd.aio-libs.org/en/latest/handlers.html
    """

    def __init__(self, inbox: Inbox, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock

    async def handle_EHLO(  # noqa: N802  aiosmtpd's name
        self, server: _Session, session: SmtpSession, _transaction: Transaction, name: str, lines: Sequence[str]
    ) -> Sequence[str]:
        answer = await server.step("ehlo")
        if answer.status != _GO_ON:
            return [_line(answer)]
        session.host_name = name
        return lines

    async def handle_AUTH(  # noqa: N802  aiosmtpd's name
        self, server: _Session, _session: SmtpSession, _transaction: Transaction, _args: Sequence[str]
    ) -> Any:
        return _or_own(await server.step("auth"))

    async def handle_NOOP(  # noqa: N802  aiosmtpd's name
        self, server: _Session, _session: SmtpSession, _transaction: Transaction, _arg: str
    ) -> Any:
        return _or_own(await server.step("noop"))

    async def handle_RSET(  # noqa: N802  aiosmtpd's name
        self, server: _Session, _session: SmtpSession, _transaction: Transaction
    ) -> Any:
        return _or_own(await server.step("rset"))

    async def handle_MAIL(  # noqa: N802  aiosmtpd's name
        self,
        server: _Session,
        session: SmtpSession,
        _transaction: Transaction,
        address: str,
        _options: Sequence[str],
    ) -> Any:
        answer = await server.step("mail", address.encode())
        if answer.status == _GO_ON and not session.authenticated:
            return "530 5.7.0 Authentication required"
        return _or_own(answer)

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self,
        server: _Session,
        _session: SmtpSession,
        _transaction: Transaction,
        address: str,
        _options: Sequence[str],
    ) -> Any:
        return _or_own(await server.step("rcpt", address.encode()))

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, server: _Session, _session: SmtpSession, transaction: Transaction
    ) -> str:
        content = transaction.original_content or b""

        async def carry_on() -> Answer:
            return self._take(transaction, content)

        return _line(await server.step("end", content, carry_on))

    def _take(self, transaction: Transaction, content: bytes) -> Answer:
        if not content.isascii() and "BODY=8BITMIME" not in transaction.mail_options:
            return Answer(status=554, body=b"5.6.3 8-bit characters, and no BODY=8BITMIME")
        try:
            request = to_request(content, transaction.rcpt_tos)
        except InvalidMessage as invalid:
            _log.info("A message was refused: %s", invalid)
            return Answer(status=554, body=f"5.6.0 {invalid}".encode())
        message_id = secrets.token_urlsafe(16)
        now = self._clock.now()
        for mail in split(request, message_id=message_id, received_at=now, size=len(content)):
            self._inbox.keep(mail)
        return Answer(status=250, body=f"2.0.0 OK: queued as {message_id}".encode())


def _or_own(answer: Answer) -> Any:
    """A reply, or aiosmtpd's own."""
    return MISSING if answer.status == _GO_ON else _line(answer)


def _line(answer: Answer) -> str:
    """A reply as it goes over the line; one without a code is no reply that a client can read."""
    text = answer.body.decode(errors="replace")
    return f"{answer.status} {text}" if answer.status else text
