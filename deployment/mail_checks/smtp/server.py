"""Tries a mail server out, up to the sender, and sends nothing. https://www.rfc-editor.org/rfc/rfc5321"""

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from deployment.mail_checks.finding import Finding, State

_CHECK = "server"
_SECONDS = 10.0
_PORTS = {"smtps": 465, "smtp": 587}
"""https://www.rfc-editor.org/rfc/rfc8314#section-3.3"""


@dataclass(frozen=True, repr=False)
class MailServer:
    """What SMTP_URL says.

    Attributes:
        host: its name.
        port: where it takes emails of its users.
        tls_first: whether the connection begins with TLS; else STARTTLS is demanded.
        has_tls: whether there is any; not with a stand-in on this machine.
        user: who logs in; empty: no one.
        password: the user's.
    """

    host: str
    port: int
    tls_first: bool
    has_tls: bool
    user: str
    password: str


def read_url(url: str) -> MailServer | None:
    """Read SMTP_URL; None where it is none.

    Args:
        url: as in `smtps://user:password@host:465`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.fragment:
        return None
    # Not to any other machine: the password would go there.
    is_stand_in = parts.query == "tls=off" and parts.scheme == "smtp" and _is_this_machine(parts.hostname)
    if bool(parts.username) != bool(parts.password) or (parts.query and not is_stand_in):
        return None
    return MailServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls_first=parts.scheme == "smtps",
        has_tls=not is_stand_in,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_server(url: str, sender: str, *, seconds: float = _SECONDS) -> Finding:
    """Connect, log in, name the sender, and take that back.

    Args:
        url: SMTP_URL; empty where it is not known.
        sender: MAIL_FROM.
        seconds: how long to wait for each answer.
    """
    if not url:
        return Finding(_CHECK, State.UNKNOWN, "SMTP_URL is not known here")
    server = read_url(url)
    if server is None:
        return Finding(_CHECK, State.PROBLEM, "SMTP_URL is no URL", "Set it to smtps://user:password@host:465.")
    where = f"{server.host}:{server.port}"
    try:
        connection = _connect(server, seconds)
    except ssl.SSLCertVerificationError as error:
        found = f"the certificate of {where} does not hold: {error.verify_message}"
        return Finding(_CHECK, State.PROBLEM, found, "Name the server as its certificate does.")
    except (OSError, smtplib.SMTPException) as error:
        return Finding(
            _CHECK,
            State.WARNING,
            f"{where} cannot be asked from this machine: {_plain(error)}",
            "Look whether host and port are right. A network that lets no email out keeps it from this machine alone.",
        )
    try:
        return _try_out(connection, server, where, sender)
    except (OSError, smtplib.SMTPException) as error:
        found = f"{where} ends the connection while it is tried out: {_plain(error)}"
        return Finding(_CHECK, State.WARNING, found, "Try again: ./reports check mail.")
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.quit()


def _connect(server: MailServer, seconds: float) -> smtplib.SMTP:
    if server.tls_first:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=seconds)


def _try_out(connection: smtplib.SMTP, server: MailServer, where: str, sender: str) -> Finding:
    try:
        if server.has_tls and not server.tls_first:
            connection.starttls(context=ssl.create_default_context())
        if server.user:
            connection.login(server.user, server.password)
        connection.ehlo_or_helo_if_needed()
    except ssl.SSLCertVerificationError as error:
        found = f"the certificate of {where} does not hold: {error.verify_message}"
        return Finding(_CHECK, State.PROBLEM, found, "Name the server as its certificate does.")
    except smtplib.SMTPAuthenticationError as error:
        found = f"{where} does not take user and password: {_answer(error.smtp_code, error.smtp_error)}"
        to_do = "Set both in SMTP_URL, with @ : / ? # % in them in percent encoding."
        return Finding(_CHECK, State.PROBLEM, found, to_do)
    except smtplib.SMTPNotSupportedError as error:
        found = f"{where} offers less than SMTP_URL asks for: {_plain(error)}"
        return Finding(
            _CHECK, State.PROBLEM, found, "Use smtps://…:465, or another server: without TLS no email goes there."
        )
    code, text = connection.mail(sender)
    connection.rset()
    if code >= 500:
        found = f"{where} takes no email from MAIL_FROM: {_answer(code, text)}"
        return Finding(_CHECK, State.PROBLEM, found, "Set MAIL_FROM to an address that this user may send as.")
    if code != 250:
        found = f"{where} takes no email from MAIL_FROM for now: {_answer(code, text)}"
        return Finding(_CHECK, State.WARNING, found, "Try again: ./reports check mail.")
    size = connection.esmtp_features.get("size", "")
    limit = f", of at most {size} bytes" if re.fullmatch("[1-9][0-9]*", size) else ""
    return Finding(_CHECK, State.OK, f"{where} takes emails from MAIL_FROM{limit}")


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return "".join(c if c.isprintable() else " " for c in f"{code} {said}")[:300]


def _plain(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "".join(c if c.isprintable() else " " for c in text)[:300]
