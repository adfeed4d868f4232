"""Tries a mail server out, up to the sender, and sends nothing. https://www.rfc-editor.org/rfc/rfc5321"""

import re
import smtplib
import ssl
from contextlib import suppress

from deployment.mail_checks.finding import Check, Finding
from functions.shared.mail.smtp_server import MailServer, Tls

_CHECK = Check("server")
_SECONDS = 10.0


def check_server(url: str, sender: str, *, seconds: float = _SECONDS) -> Finding:
    """Connect to SMTP_URL, log in, name the sender, and take that back."""
    if not url:
        return _CHECK.unknown("SMTP_URL is not known here")
    try:
        server = MailServer.from_url(url)
    except ValueError as error:
        return _CHECK.problem(f"SMTP_URL {error}", "Set it to smtps://user:password@host:465.")
    where = f"{server.host}:{server.port}"
    try:
        connection = _connect(server, seconds)
    except ssl.SSLCertVerificationError as error:
        return _wrong_certificate(where, error)
    except (OSError, smtplib.SMTPException) as error:
        return _CHECK.warning(
            f"{where} cannot be asked from this machine: {_plain(error)}",
            "Look whether host and port are right. A network that lets no email out keeps it from this machine alone.",
        )
    try:
        return _try_out(connection, server, where, sender)
    except (OSError, smtplib.SMTPException) as error:
        found = f"{where} ends the connection while it is tried out: {_plain(error)}"
        return _CHECK.warning(found, "Try again: ./reports check mail.")
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.quit()


def _connect(server: MailServer, seconds: float) -> smtplib.SMTP:
    if server.tls is Tls.AT_ONCE:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=seconds)


def _try_out(connection: smtplib.SMTP, server: MailServer, where: str, sender: str) -> Finding:
    try:
        if server.tls is Tls.STARTTLS:
            connection.starttls(context=ssl.create_default_context())
        if server.user:
            connection.login(server.user, server.password)
        connection.ehlo_or_helo_if_needed()
    except ssl.SSLCertVerificationError as error:
        return _wrong_certificate(where, error)
    except smtplib.SMTPAuthenticationError as error:
        found = f"{where} does not take user and password: {_answer(error.smtp_code, error.smtp_error)}"
        to_do = "Set both in SMTP_URL, with @ : / ? # % in them in percent encoding."
        return _CHECK.problem(found, to_do)
    except smtplib.SMTPNotSupportedError as error:
        found = f"{where} offers less than SMTP_URL asks for: {_plain(error)}"
        return _CHECK.problem(found, "Use smtps://…:465, or another server: without TLS no email goes there.")
    code, text = connection.mail(sender)
    connection.rset()
    if code >= 500:
        found = f"{where} takes no email from MAIL_FROM: {_answer(code, text)}"
        return _CHECK.problem(found, "Set MAIL_FROM to an address that this user may send as.")
    if code != 250:
        found = f"{where} takes no email from MAIL_FROM for now: {_answer(code, text)}"
        return _CHECK.warning(found, "Try again: ./reports check mail.")
    size = connection.esmtp_features.get("size", "")
    limit = f", of at most {size} bytes" if re.fullmatch("[1-9][0-9]*", size) else ""
    return _CHECK.ok(f"{where} takes emails from MAIL_FROM{limit}")


def _wrong_certificate(where: str, error: ssl.SSLCertVerificationError) -> Finding:
    found = f"the certificate of {where} does not hold: {error.verify_message}"
    return _CHECK.problem(found, "Name the server as its certificate does.")


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return _one_line(f"{code} {said}")


def _plain(error: Exception) -> str:
    return _one_line(str(error) or type(error).__name__)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:300]
