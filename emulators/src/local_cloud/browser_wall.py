"""Finds requests that a web page could have caused: the local cloud refuses all of them.

Any page that a developer visits can have the browser call a port of the developer's own machine. The page cannot change
the headers by which the browser says so: `Origin` and `Sec-Fetch-Site` name the page that a request comes from, and
`Host` keeps the page's own name where DNS was made to answer 127.0.0.1 for it (DNS rebinding).
https://developer.mozilla.org/en-US/docs/Glossary/Forbidden_request_header https://www.w3.org/TR/fetch-metadata/
https://fetch.spec.whatwg.org/#origin-header
"""

import re
from collections.abc import Callable

_LOOPBACK = re.compile(
    r"(?:(?:[a-z0-9-]+\.)*localhost\.?|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE
)
"""https://www.rfc-editor.org/rfc/rfc6761#section-6.3: names that end in `localhost` never leave the machine."""

_OWN_SITES = frozenset({"none", "same-origin"})


def find_refusal(method: str, header: Callable[[str], str | None]) -> str | None:
    """Decide whether a request is refused.

    A link from elsewhere still opens a page of the local cloud in the browser's window: that changes nothing, and the
    page with the link cannot read what is shown.

    Args:
        method: the request's method.
        header: gives the value of one of its headers, None for one that it does not have.

    Returns:
        Why it is refused; None if it is not.
    """
    host = header("Host") or ""
    if not _LOOPBACK.fullmatch(host):
        return "the header Host must name this machine: localhost, 127.0.0.1 or [::1]"
    origin = header("Origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return "the header Origin names another origin: web pages cannot use the local cloud"
    site = header("Sec-Fetch-Site")
    if site is not None and site not in _OWN_SITES and not _opens_a_page(method, header):
        return "the header Sec-Fetch-Site names another site: web pages cannot use the local cloud"
    return None


def _opens_a_page(method: str, header: Callable[[str], str | None]) -> bool:
    return (
        method in {"GET", "HEAD"}
        and header("Sec-Fetch-Mode") == "navigate"
        # Frames are refused: the page around a frame could at least measure it.
        and header("Sec-Fetch-Dest") == "document"
    )
