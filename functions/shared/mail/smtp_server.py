"""The mail server that a URL names. Pure.

https://www.rfc-editor.org/rfc/rfc8314 (TLS for mail submission)
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from functions.shared.settings import is_this_machine

_PORTS = {"smtp": 587, "smtps": 465}
"""https://www.rfc-editor.org/rfc/rfc8314#section-3.3"""

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Tls(Enum):
    """How a connection is encrypted."""

    AT_ONCE = auto()
    """From the first byte."""
    STARTTLS = auto()
    """After STARTTLS, which the worker demands: it says nothing of an email or of its password before."""
    OFF = auto()
    """Not at all: on this machine only."""


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where emails go, and as whom the worker logs in.

    Attributes:
        host: a name or an IP address.
        port: of TCP.
        tls: how the connection is encrypted.
        user: empty where the server wants none.
        password: the user's.
    """

    host: str
    port: int
    tls: Tls
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def from_url(cls, url: str) -> "MailServer":
        """Read `smtps://user:password@host:465` or `smtp://user:password@host:587`.

        Args:
            url: of visible ASCII characters.

        Raises:
            ValueError: it is none. The text does not repeat it, since a password is in it.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            # Its words repeat the URL.
            raise ValueError(_FORM) from None
        if parts.scheme not in _PORTS:
            raise ValueError("must begin with smtps:// (TLS at once) or smtp:// (STARTTLS)")
        if not _is_host(host) or port == 0:
            raise ValueError(_FORM)
        if parts.path not in {"", "/"} or parts.fragment:
            raise ValueError(f"must end with the host and the port. {_ENCODE}")
        user, password = _login(parts)
        return cls(host=host, port=port or _PORTS[parts.scheme], tls=_tls(parts, host), user=user, password=password)


_ENCODE = "In the user and the password write @ : / ? # % and spaces in percent encoding, such as %23 for #"
_FORM = f"must be a URL such as smtps://user:password@smtp.example.com:465. {_ENCODE}"


def _is_host(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return len(host) <= 253 and _NAME.fullmatch(host) is not None
    return True


def _login(parts: SplitResult) -> tuple[str, str]:
    try:
        user, password = (unquote(part or "", errors="strict") for part in (parts.username, parts.password))
    except UnicodeDecodeError:
        raise ValueError("the user and the password must be UTF-8 in percent encoding") from None
    if bool(user) != bool(password):
        raise ValueError("has a user or a password, and not both")
    if _CONTROL.search(user + password):
        raise ValueError("the user and the password must not have control characters")
    return user, password


def _tls(parts: SplitResult, host: str) -> Tls:
    match parse_qsl(parts.query, keep_blank_values=True):
        case []:
            return Tls.AT_ONCE if parts.scheme == "smtps" else Tls.STARTTLS
        case [("tls", "off")] if parts.scheme == "smtp":
            if not is_this_machine(host):
                raise ValueError("?tls=off is for localhost only: a password and the reports go there")
            return Tls.OFF
    raise ValueError("has something behind the host that is not ?tls=off, which belongs to smtp:// on localhost")
