"""REST servers for the services that local_cloud.rpc serves over gRPC: the same methods, the same implementation."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from aiohttp import web

from local_cloud import transcoding
from local_cloud.http import HttpServer
from local_cloud.rpc import MAX_MESSAGE_BYTES, Method, Middleware, RpcError, through
from local_cloud.transcoding import Binding

HTTP_STATUS = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
"""https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""

_ELEMENTS_A_PIECE = 64
"""How many responses of a stream are sent at once."""


@dataclass(frozen=True)
class _Route:
    binding: Binding
    full_name: str
    method: Method
    function: Any
    """None where the implementation lacks it."""


@dataclass(frozen=True)
class _Context:
    """What a call over HTTP has of a grpc.aio.ServicerContext."""

    http: web.Request

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return list(self.http.headers.items())


class RestServer:
    """Serves methods over HTTP and JSON on one port, as their `http` says. Credentials are not looked at.

    Args:
        name: what it is, for the error message when its port is taken.
        host: the address to bind.
        port: the port, 0 for any free one.
        middleware: wrapped around every call, the first outermost.
        elsewhere: where the methods are that are not served here; None: there are no others.
    """

    def __init__(
        self, name: str, host: str, port: int, middleware: Sequence[Middleware] = (), *, elsewhere: str | None = None
    ) -> None:
        self._name = name
        self._elsewhere = elsewhere
        self._host = host
        self._requested_port = port
        self._middleware = tuple(middleware)
        self._routes: dict[str, list[_Route]] = {}
        self._server: HttpServer | None = None
        self.port = port

    def add_service(self, service: str, methods: Sequence[Method], implementation: object) -> None:
        """Serve those of a service's methods that are called over HTTP.

        As RpcServer.add_service(), but that the context has nothing but the metadata: the headers.
        """
        for method in methods:
            if method.http is None:
                continue
            function = getattr(implementation, method.attribute, None)
            for binding in transcoding.bindings(method.http):
                route = _Route(binding, f"/{service}/{method.name}", method, function)
                self._routes.setdefault(binding.http_method, []).append(route)
        for routes in self._routes.values():
            routes.sort(key=lambda route: not route.binding.has_verb)

    async def start(self) -> None:
        """Bind and begin to serve; `port` is the bound one afterwards.

        Raises:
            PortInUse: another process has the port.
        """
        app = web.Application(client_max_size=MAX_MESSAGE_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        server = HttpServer(self._name, app, self._host, self._requested_port, json_only=True)
        await server.start()
        self._server = server
        self.port = server.port

    async def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(http)
        except RpcError as error:
            status = HTTP_STATUS[error.code]
            return _whole(transcoding.error_to_json(error, status), status)
        except ConnectionResetError:
            # The caller has closed the connection, which is no error here. This answer goes nowhere.
            return web.Response()

    async def _answer(self, http: web.Request) -> web.StreamResponse:
        route, variables = self._find(http.method, http.rel_url.raw_path)
        if route.function is None:
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, f"Method {route.method.name} is not implemented here.")
        parameters = transcoding.read_parameters(list(http.query.items()))
        try:
            body = await http.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise transcoding.invalid(f"Request payload size exceeds the limit: {MAX_MESSAGE_BYTES} bytes.") from error
        request = route.method.request()
        transcoding.read_request(route.binding, request, variables=variables, fields=parameters.fields, body=body)

        async def carry_out() -> Any:
            return await route.function(request, _Context(http))

        async def carry_out_stream() -> Any:
            return route.function(request, _Context(http))

        if not route.method.server_streaming:
            response = await through(self._middleware, route.full_name, request, carry_out)
            return _whole(transcoding.to_json(response, numeric_enums=parameters.numeric_enums))
        responses = await through(self._middleware, route.full_name, request, carry_out_stream)
        to_json = route.method.to_json or partial(transcoding.to_json, numeric_enums=parameters.numeric_enums)
        return await _stream(http, responses, to_json)

    def _find(self, http_method: str, path: str) -> tuple[_Route, dict[str, str]]:
        for route in self._routes.get(http_method, ()):
            if (variables := route.binding.match(path)) is not None:
                return route, variables
        if self._elsewhere is not None:
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, self._elsewhere)
        raise RpcError(grpc.StatusCode.NOT_FOUND, f"There is no method at {http_method} {path}.")


def _whole(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/json", charset="utf-8")


async def _stream(
    http: web.Request, responses: AsyncIterator[Any], to_json: Callable[[Any], str]
) -> web.StreamResponse:
    """Answer with a JSON array, whose last element says what went wrong, if anything did.

    https://cloud.google.com/apis/docs/http#streaming
    """
    answer = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    elements: list[str] = []
    status = 200
    before = "["
    try:
        async for response in responses:
            elements.append(to_json(response))
            if len(elements) == _ELEMENTS_A_PIECE:
                if not answer.prepared:
                    await answer.prepare(http)
                await answer.write(f"{before}{','.join(elements)}".encode())
                elements, before = [], ","
    except RpcError as error:
        status = HTTP_STATUS[error.code]
        elements.append(transcoding.error_to_json(error, status))
    rest = f"{before if elements or before == '[' else ''}{','.join(elements)}]"
    if not answer.prepared:
        return _whole(rest, status if len(elements) == 1 else 200)
    await answer.write(rest.encode())
    await answer.write_eof()
    return answer
