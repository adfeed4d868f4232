"""One connection to a mail server, on which the worker is logged in.

Python's smtplib speaks the protocol: it writes commands, reads replies of several lines, and knows what EHLO offers.
The order of the commands is here. smtplib's `sendmail` raises the same exception for a connection that broke before the
end of the message and after it; its `login` tries one way after the other, some of them on a connection that the
server has closed; its `starttls` looks at no certificate unless told to.
"""

import base64
import contextlib
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import BinaryIO, TypeVar

from functions.shared.mail.smtp_server import MailServer, Tls
from functions.worker.destinations.cut_off import NoThread, cut_off
from functions.worker.destinations.email.smtp.answers import Reply, Step, outcome_of, outcome_of_loss
from functions.worker.destinations.email.smtp.message import Message
from functions.worker.destinations.http_call import describe, shown
from functions.worker.destinations.outcome import NotAccepted, NotAllowed, Refused, Unavailable

CONNECT_SECONDS = 10.0
"""How long it may take to open a connection and to log in."""

ANSWER_SECONDS = 3.0
"""How long the server must have for its answer to a message. RFC 5321 gives it ten minutes (section 4.5.3.2.6), which
no task has. Where less is left the message has no end, and the server drops it: better than an unknown outcome."""

Result = TypeVar("Result")

_SIZE = re.compile(r"[0-9]{1,20}")


class SessionEnded(Exception):
    """An email was not accepted, or it is not known whether it was.

    Attributes:
        outcome: what is known.
    """

    def __init__(self, outcome: NotAccepted) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class Session:
    """A connection. Not for several threads at once.

    Args:
        server: which, and as whom.
        trusted: the certificates that are trusted.
        over_at: by when the worker must be logged in, by time.monotonic().

    Raises:
        SessionEnded: it cannot be opened.
    """

    def __init__(self, server: MailServer, trusted: ssl.SSLContext, *, over_at: float) -> None:
        self._server = server
        self._end_by = over_at
        # The second one reaches the connection beneath TLS, which puts a socket of its own in the place of the first.
        connected, self._beneath = _connect(server, over_at)
        self._smtp = smtplib.SMTP(local_hostname=_own_name(connected), timeout=CONNECT_SECONDS)
        self._use(connected)
        try:
            with self.until(over_at):
                self._begin(trusted)
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def until(self, over_at: float) -> Iterator[None]:
        """Use the session, until a moment at the latest.

        Args:
            over_at: the moment, by time.monotonic().

        Raises:
            SessionEnded: the moment is over, before anything was said.
        """
        left = over_at - time.monotonic()
        if left <= 0:
            raise SessionEnded(Unavailable(error="no time was left for the mail server"))
        self._socket.settimeout(left)
        self._end_by = over_at - min(ANSWER_SECONDS, left / 4)
        try:
            with cut_off(self._beneath, over_at):
                yield
        except NoThread as error:
            raise SessionEnded(Unavailable(error=f"the mail server was not asked: {error}")) from error

    @property
    def is_open(self) -> bool:
        """Whether it can be used again, as far as is known without asking."""
        return self._smtp.sock is not None

    def close(self) -> None:
        """End the connection. The server needs no QUIT: it has answered all that it was asked."""
        self._smtp.close()
        self._beneath.close()

    def reset(self) -> None:
        """Forget what was begun, and find out whether the server is still there.

        Raises:
            SessionEnded: it is not.
        """
        self._say(Step.RSET, "RSET")

    def check(self, message: Message) -> None:
        """Find out whether the server takes emails from this sender to this recipient, and send none.

        Raises:
            SessionEnded: it does not.
        """
        self._announce(message)
        self.reset()

    def deliver(self, message: Message) -> None:
        """Hand over a message.

        Raises:
            SessionEnded: it was not accepted, or that is not known.
        """
        self._announce(message)
        self._say(Step.DATA, "DATA")
        # A dot at the beginning of a line: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
        content = message.content.replace(b"\r\n.", b"\r\n..")
        self._try(Step.CONTENT, lambda: self._smtp.send(content))
        if time.monotonic() > self._end_by:
            self.close()
            raise SessionEnded(outcome_of_loss(Step.CONTENT, "it took too long"))
        # The dot is written here and nowhere else. What fails from now on may have been accepted.
        self._say(Step.END, ".")

    def _announce(self, message: Message) -> None:
        offered = self._smtp.esmtp_features
        most_bytes = offered.get("size", "")
        # 0: there is no limit. https://www.rfc-editor.org/rfc/rfc1870#section-4
        if _SIZE.fullmatch(most_bytes) and 0 < int(most_bytes) < len(message.content):
            error = f"the message has {len(message.content)} bytes, and the mail server takes {most_bytes}"
            raise SessionEnded(Refused(error=error))
        parameters = f" SIZE={len(message.content)}" if "size" in offered else ""
        self._smtp.command_encoding = "ascii"
        if message.is_utf8:
            # https://www.rfc-editor.org/rfc/rfc6531#section-3.4
            if "smtputf8" not in offered:
                raise SessionEnded(
                    Refused(error="an address has letters beyond ASCII before its @, and the mail server takes none")
                )
            parameters += " SMTPUTF8 BODY=8BITMIME"
            self._smtp.command_encoding = "utf-8"
        self._say(Step.MAIL, f"MAIL FROM:<{message.sender}>{parameters}")
        self._say(Step.RCPT, f"RCPT TO:<{message.recipient}>")

    def _begin(self, trusted: ssl.SSLContext) -> None:
        if self._server.tls is Tls.AT_ONCE:
            self._encrypt(trusted)
        self._ask(Step.CONNECT, self._smtp.getreply)
        self._ask(Step.EHLO, self._smtp.ehlo)
        if self._server.tls is Tls.STARTTLS:
            if "starttls" not in self._smtp.esmtp_features:
                error = "the mail server offers no STARTTLS, and nothing is sent without TLS"
                raise SessionEnded(Unavailable(error=error))
            self._say(Step.STARTTLS, "STARTTLS")
            self._encrypt(trusted)
            # What was said before may have been somebody else's: https://www.rfc-editor.org/rfc/rfc3207#section-4.2
            self._ask(Step.EHLO, self._smtp.ehlo)
        if self._server.user:
            self._log_in()

    def _encrypt(self, trusted: ssl.SSLContext) -> None:
        def encrypt() -> None:
            self._use(trusted.wrap_socket(self._socket, server_hostname=self._server.host))

        self._try(Step.TLS, encrypt)

    def _use(self, connected: socket.socket) -> None:
        """Speak over a connection. A reply that has come over the one before is not read any more."""
        self._smtp.sock = connected
        self._smtp.file = _WholeLines(connected.makefile("rb"))

    def _log_in(self) -> None:
        """https://www.rfc-editor.org/rfc/rfc4954#section-4"""
        offered = self._smtp.esmtp_features.get("auth", "").upper().split()
        user, password = self._server.user, self._server.password
        if "PLAIN" in offered:
            self._say(Step.AUTH, f"AUTH PLAIN {_plain(user, password)}")
        elif "LOGIN" in offered:
            self._say(Step.LOGIN, "AUTH LOGIN")
            self._say(Step.LOGIN, _base64(user))
            self._say(Step.AUTH, _base64(password))
        else:
            ways = shown(" ".join(offered)) if offered else "none"
            error = f"the mail server takes no user and password by AUTH PLAIN or LOGIN: it offers {ways}"
            raise SessionEnded(NotAllowed(error=error))

    def _say(self, step: Step, command: str) -> None:
        self._ask(step, lambda: self._smtp.docmd(command))

    def _ask(self, step: Step, exchange: Callable[[], tuple[int, bytes]]) -> None:
        code, text = self._try(step, exchange)
        outcome = outcome_of(step, Reply(code, self._shown(text.decode(errors="replace"))))
        if outcome is None:
            return
        if not 200 <= code <= 599:
            # The reply may still come, and would be taken for that to the next command.
            self.close()
        raise SessionEnded(outcome)

    def _try(self, step: Step, act: Callable[[], Result]) -> Result:
        try:
            return act()
        except ssl.SSLCertVerificationError as error:
            self.close()
            why = f"the mail server's certificate is not trusted, and nothing is sent: {error.verify_message}"
            raise SessionEnded(Unavailable(error=why)) from error
        except (OSError, ValueError) as error:
            self.close()
            raise SessionEnded(outcome_of_loss(step, self._shown(f"{type(error).__name__}: {error}"))) from error

    def _shown(self, text: str) -> str:
        """A server may repeat what it was told. A user may be called as a part of other words, such as `mail`."""
        user, password = self._server.user, self._server.password
        for secret in (_plain(user, password), _base64(password), password, user) if user else ():
            text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", "[login]", text)
        return shown(text)

    @property
    def _socket(self) -> socket.socket:
        if self._smtp.sock is None:
            raise SessionEnded(Unavailable(error="the connection to the mail server is closed"))
        return self._smtp.sock


class _WholeLines:
    """What smtplib reads replies from. It takes a line that breaks off for a whole one, and `2` of `250` for a code."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.close = file.close

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        if line and len(line) < most and not line.endswith(b"\n"):
            raise ConnectionError("the reply breaks off")
        return line


def _connect(server: MailServer, over_at: float) -> tuple[socket.socket, socket.socket]:
    within = over_at - time.monotonic()
    try:
        if within <= 0:
            raise TimeoutError("no time was left")
        connected = socket.create_connection((server.host, server.port), timeout=within)
        # The dot at the end of a message would wait for an acknowledgment of what is before it.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected, connected.dup()
    except OSError as error:
        raise SessionEnded(outcome_of_loss(Step.CONNECT, describe(error))) from error


def _own_name(connected: socket.socket) -> str:
    """How EHLO names this machine, which has no name of its own on the internet.

    https://www.rfc-editor.org/rfc/rfc5321#section-4.1.3
    """
    address = ip_address(connected.getsockname()[0].partition("%")[0])
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


def _plain(user: str, password: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc4616#section-2"""
    return _base64(f"\0{user}\0{password}")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
