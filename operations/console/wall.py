"""Refuses requests that the page of another site could have caused, and gives every answer its security headers.

Any page that an operator visits can have the browser call the console. The page cannot change the headers by which the
browser says so: `Origin` and `Sec-Fetch-Site` name the page that a request comes from, and `Host` keeps the page's own
name where DNS was made to answer 127.0.0.1 for it (DNS rebinding).
https://developer.mozilla.org/en-US/docs/Glossary/Forbidden_request_header https://www.w3.org/TR/fetch-metadata/
"""

from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Without a referrer a browser does not say either which origin posts a form.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_OWN_SITES = frozenset({"none", "same-origin"})
_READING = frozenset({"GET", "HEAD"})


class RequestWall:
    """An ASGI middleware.

    Args:
        app: what it protects.
        hosts: the values of `Host` that name the console.
        schemes: how the console is reached: `http`, `https`.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], schemes: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(f"{scheme}://{host}" for scheme in schemes for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._find_refusal(scope["method"], Headers(scope=scope))
        app = PlainTextResponse(f"{refusal}\n", HTTPStatus.FORBIDDEN) if refusal else self._app
        await app(scope, receive, send_with_headers)

    def _find_refusal(self, method: str, headers: Headers) -> str:
        """Why a request is refused; empty if it is not. A link from elsewhere still opens a page: that changes nothing,
        and the page with the link cannot read what is shown."""
        if headers.get("host", "").lower() not in self._hosts:
            return "The header Host does not name this console."
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in self._origins:
            return "The header Origin names another origin."
        site = headers.get("sec-fetch-site")
        opens_a_page = (
            method in _READING
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        if site is not None and site not in _OWN_SITES and not opens_a_page:
            return "The header Sec-Fetch-Site names another site."
        if method not in _READING and origin is None:
            return "A form must come with the header Origin."
        return ""
