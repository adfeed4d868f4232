"""HTTP servers of the local cloud."""

import errno
from http import HTTPStatus

from aiohttp import web
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
        app.middlewares.insert(0, wall(json_only=json_only))
        self._name = name
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
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


def wall(*, json_only: bool) -> Middleware:
    """Refuses requests that a web page could have caused; with `json_only` bodies of other types, too."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if reason := find_refusal(request.method, request.headers.get):
            return _refusal(HTTPStatus.FORBIDDEN, reason, "PERMISSION_DENIED")
        if json_only and request.body_exists and request.content_type != "application/json":
            return _refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json", "INVALID_ARGUMENT"
            )
        return await handler(request)

    return check


def _refusal(status: HTTPStatus, message: str, code: str) -> web.Response:
    """https://cloud.google.com/apis/design/errors#http_mapping"""
    return web.json_response({"error": {"code": status.value, "message": message, "status": code}}, status=status)
