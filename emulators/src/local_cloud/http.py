"""HTTP servers of the local cloud."""

import errno
import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from local_cloud.browser_wall import find_refusal
from local_cloud.errors import PortInUse


class HttpServer:
    """An aiohttp application on one port, which answers no request that a web page could have caused.

    Args:
        name: what it is, for the error message when its port is taken.
        app: what it serves.
        host: the address to bind.
        port: the port, 0 for any free one.
        json_only: answer 415 to every body that is not `application/json`, which a web page cannot send to another
            origin without asking first.
    """

    def __init__(self, name: str, app: web.Application, host: str, port: int, *, json_only: bool = False) -> None:
        self._name = name
        self._runner = runner(app, json_only=json_only)
        self._host = host
        self.port = port

    async def start(self) -> None:
        """Bind and begin to serve; `port` is the bound one afterwards.

        Raises:
            PortInUse: another process has the port.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(self.port, self._name) from error
            raise
        self.port = self._runner.addresses[0][1]

    @property
    def url(self) -> str:
        """Where it is served, once started."""
        return f"http://{self._host}:{self.port}"

    async def stop(self) -> None:
        """Stop serving. Everything else still works."""
        await self._runner.cleanup()


def runner(app: web.Application, *, json_only: bool) -> web.AppRunner:
    """What runs an application that refuses requests that a web page could have caused.

    Args:
        app: the application.
        json_only: answer 415 to every body that is not `application/json`.
    """
    app.middlewares.insert(0, _wall(json_only=json_only))
    resolve = app.router.resolve

    async def resolve_expected(request: web.Request) -> web.UrlMappingMatchInfo:
        # aiohttp's own answer repeats the header, and fails where that is not UTF-8.
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            raise web.HTTPExpectationFailed
        return await resolve(request)

    app.router.resolve = resolve_expected  # type: ignore[method-assign]
    return web.AppRunner(app, access_log=None, shutdown_timeout=1, logger=_log)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether the error is the server's: aiohttp also logs what is wrong with a request, with a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | web.RequestPayloadError))


_log = logging.getLogger(__name__)
_log.addFilter(_is_ours)


def _wall(*, json_only: bool) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if reason := find_refusal(request.method, request.headers.get):
            return _refusal(HTTPStatus.FORBIDDEN, reason, "PERMISSION_DENIED")
        if json_only and request.body_exists and request.content_type != "application/json":
            return _refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json", "INVALID_ARGUMENT"
            )
        try:
            return await handler(request)
        except web.RequestPayloadError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, f"The body cannot be read: {error}", "INVALID_ARGUMENT")

    return check


def _refusal(status: HTTPStatus, message: str, code: str) -> web.Response:
    """https://cloud.google.com/apis/design/errors#http_mapping"""
    return web.json_response({"error": {"code": status.value, "message": message, "status": code}}, status=status)
