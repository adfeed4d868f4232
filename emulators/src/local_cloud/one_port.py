"""One port for gRPC and HTTP/1, as those of Google's emulators are: test set-ups of other projects rely on it.

gRPC's server takes no connection that something else accepted, so what begins as HTTP/2 is passed through to a port of
its own. That costs a third more of the emulator's CPU, hence only where HTTP is asked for.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable

from aiohttp import web

from local_cloud.errors import PortInUse
from local_cloud.http import runner

_PREFACE = b"PRI * HTTP/2.0"
"""What every HTTP/2 connection begins with: https://www.rfc-editor.org/rfc/rfc9113#section-3.4."""

_ENOUGH = 3
"""Bytes that tell PRI from POST, PUT and PATCH."""


def without_rest(name: str, *routes: web.RouteDef) -> web.Application:
    """What answers HTTP/1 on the port of a service that speaks gRPC only.

    Args:
        name: the service.
        routes: what else it answers.
    """

    async def say_ok(_request: web.Request) -> web.Response:
        """As Google's emulators do: set-ups ask for it to know that one runs."""
        return web.Response(text="Ok\n")

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response(
            {
                "error": {
                    "code": 501,
                    "message": f"The local {name} speaks gRPC here, not REST: have the client use gRPC, its default.",
                    "status": "UNIMPLEMENTED",
                }
            },
            status=501,
        )

    app = web.Application()
    app.add_routes([*routes, web.get("/", say_ok), web.route("*", "/{path:.*}", refuse)])
    return app


class OnePort:
    """The port.

    Args:
        name: what it is, for the error message when its port is taken.
        host: the address to bind.
        port: the port, 0 for any free one.
        app: answers HTTP/1. Web pages reach it no more than the local cloud's other servers.
        grpc_port: gives the port of gRPC, on the same host, once that is bound.

    Attributes:
        port: the bound port, once started.
    """

    def __init__(self, name: str, host: str, port: int, app: web.Application, grpc_port: Callable[[], int]) -> None:
        self.port = port
        self._name = name
        self._host = host
        self._grpc_port = grpc_port
        self._runner = runner(app, json_only=False)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind and begin to serve.

        Raises:
            PortInUse: another process has the port.
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, self._host, self.port)
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(self.port, self._name) from error
            raise
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._runner.cleanup()

    def _accept(self) -> asyncio.Protocol:
        return _Undecided(self._take_http, self._take_grpc)

    def _take_http(self, transport: asyncio.Transport, received: bytes) -> None:
        server = self._runner.server
        assert server is not None  # noqa: S101 - for the type checker
        handler = server()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.data_received(received)

    async def _take_grpc(self, transport: asyncio.Transport, received: bytes) -> None:
        transport.pause_reading()
        try:
            server, _ = await asyncio.get_running_loop().create_connection(
                lambda: _Relay(transport), self._host, self._grpc_port()
            )
        except OSError:
            transport.close()
            return
        if transport.is_closing():
            server.close()
            return
        transport.set_protocol(_Relay(server))
        server.write(received)
        transport.resume_reading()


class _Undecided(asyncio.Protocol):
    """A connection whose first bytes have not come."""

    def __init__(
        self,
        take_http: Callable[[asyncio.Transport, bytes], None],
        take_grpc: Callable[[asyncio.Transport, bytes], Awaitable[None]],
    ) -> None:
        self._take_http = take_http
        self._take_grpc = take_grpc
        self._received = b""
        self._taking: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) < _ENOUGH:
            return
        if _PREFACE.startswith(self._received[: len(_PREFACE)]):
            self._taking = asyncio.ensure_future(self._take_grpc(self._transport, self._received))
        else:
            self._take_http(self._transport, self._received)


class _Relay(asyncio.Protocol):
    """One side of a connection that is passed through."""

    def __init__(self, other: asyncio.Transport) -> None:
        self.other = other

    def data_received(self, data: bytes) -> None:
        self.other.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.other.close()

    def pause_writing(self) -> None:
        self.other.pause_reading()

    def resume_writing(self) -> None:
        self.other.resume_reading()
