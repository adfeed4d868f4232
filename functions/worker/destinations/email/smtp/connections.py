"""Connections to a mail server that serve several emails: to open one takes longer than to hand over an email."""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator

from functions.shared.mail.smtp_server import MailServer
from functions.worker.destinations.email.smtp.session import CONNECT_SECONDS, Session, SessionEnded
from functions.worker.destinations.outcome import Unavailable

MOST_IDLE = 10
"""How many are kept for later: as many emails as an instance sends at once (WORKER_CONCURRENCY)."""

IDLE_SECONDS = 60.0
"""How long one is kept. Servers end connections on which nothing comes for five minutes, some of them sooner.
https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2.7"""

_CHECK_SECONDS = 3.0
"""How long a server may take to say that a connection still lives."""


class Connections:
    """Keeps connections. Safe for threads.

    Args:
        server: to which, and as whom.
    """

    def __init__(self, server: MailServer) -> None:
        self._server = server
        # The system's certificates, and the name in the server's. Read once: that takes longer than a handshake.
        self._trusted = ssl.create_default_context()
        self._lock = threading.Lock()
        self._idle: list[tuple[Session, float]] = []
        """With the moment since when, by time.monotonic(); the longest first."""

    @contextlib.contextmanager
    def session(self, over_at: float) -> Iterator[Session]:
        """A session for one transaction, until a moment at the latest.

        Args:
            over_at: the moment, by time.monotonic().

        Raises:
            SessionEnded: there is none to be had.
        """
        session = self._take_idle(over_at) or self._open(over_at)
        try:
            with session.until(over_at):
                yield session
        finally:
            self._give_back(session)

    def _take_idle(self, over_at: float) -> Session | None:
        """One that is kept and still lives. Before a transaction has begun, a dead one costs nothing but a new one."""
        with self._lock:
            now = time.monotonic()
            expired = [session for session, since in self._idle if now - since > IDLE_SECONDS]
            del self._idle[: len(expired)]
            session = self._idle.pop()[0] if self._idle else None
        for each in expired:
            each.close()
        if session is None:
            return None
        try:
            with session.until(min(over_at, now + _CHECK_SECONDS)):
                session.reset()
        except SessionEnded:
            session.close()
            # What ended this one, such as a restart of the server, has likely ended the others, too.
            self._forget_all()
            return None
        return session

    def _open(self, over_at: float) -> Session:
        started = time.monotonic()
        within = min(CONNECT_SECONDS, (over_at - started) / 2)
        session = Session(self._server, self._trusted, over_at=started + within)
        if time.monotonic() - started > within:
            # The limit is one for each address that the name has, and none for looking the name up.
            session.close()
            raise SessionEnded(Unavailable(error="opening the connection to the mail server took too long"))
        return session

    def _give_back(self, session: Session) -> None:
        if session.is_open:
            with self._lock:
                if len(self._idle) < MOST_IDLE:
                    self._idle.append((session, time.monotonic()))
                    return
        session.close()

    def _forget_all(self) -> None:
        with self._lock:
            forgotten, self._idle = self._idle, []
        for session, _ in forgotten:
            session.close()
