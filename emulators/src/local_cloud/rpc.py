"""gRPC servers on asyncio, made from the message classes that Google's client libraries ship.

The libraries have no servicer classes, so a service is described here by its methods and registered with generic
handlers; what the client sends over the socket is the same.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from google.api.http_pb2 import HttpRule
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status

from local_cloud.errors import PortInUse

Middleware = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Wraps each call: given the method's full name (`/google.firestore.v1.Firestore/Commit`) and a function that carries
the call out, returns the answer. It may wait before, raise RpcError instead, or raise it after, which is how latency
and faults are made. For a streaming method the function returns the stream, before anything of it was produced."""

_request: ContextVar[Any] = ContextVar("request")


def current_request() -> Any:
    """The request of the current call, so that middleware can inject a fault into one call among many.

    Of a client-streaming method it is the stream itself, not to be read from here.
    """
    return _request.get()


MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Above the limits of Google's services, so that a client meets those limits first."""


class RpcError(Exception):
    """An error that a client gets as its call's status.

    Args:
        code: the status code.
        message: what the client library shows.
        details: messages of google.rpc that the client can read from the status.
    """

    def __init__(self, code: grpc.StatusCode, message: str, details: Sequence[Message] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def to_status(self) -> Status:
        """The same as a google.rpc.Status, as it stands in operations and in batch answers."""
        status = Status(code=self.code.value[0], message=self.message)
        for detail in self.details:
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        return status


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of a service.

    Attributes:
        name: as in the service's definition, such as `RunQuery`; carried out by `run_query` of the implementation.
        request: the protobuf class of the request (not proto-plus: `CommitRequest.pb()`).
        response: the protobuf class of the response.
        client_streaming: the implementation is given an async iterator of requests.
        server_streaming: the implementation is an async generator of responses.
        http: how the method is called over HTTP, as its annotation `google.api.http` says: the libraries' descriptors
            have no services, hence no annotations. None: not at all.
        to_json: writes a response of a stream as JSON, by protobuf's rules (https://protobuf.dev/programming-guides/json/);
            None for protobuf's own code, which takes long.
    """

    name: str
    request: type[Message]
    response: type[Message]
    client_streaming: bool = False
    server_streaming: bool = False
    http: HttpRule | None = None
    to_json: Callable[[Any], str] | None = None

    @property
    def attribute(self) -> str:
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.name).lstrip("_")


def has(message: Any, field: str) -> bool:
    """Whether a message has a field. It has none that the installed client library does not know yet."""
    return field in message.DESCRIPTOR.fields_by_name and message.HasField(field)


class RpcServer:
    """A gRPC server on one port, without TLS, as Google's own emulators are.

    Args:
        name: what it is, for the error message when its port is taken.
        host: the address to bind.
        port: the port, 0 for any free one.
        middleware: wrapped around every call, the first outermost.
        max_request_bytes: the largest request that the service takes.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        middleware: Sequence[Middleware] = (),
        *,
        max_request_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self._name = name
        self._host = host
        self._requested_port = port
        self._middleware = tuple(middleware)
        self._max_request_bytes = max_request_bytes
        self._services: list[grpc.GenericRpcHandler] = []
        self._server: grpc.aio.Server | None = None
        self.port = port

    def add_service(self, service: str, methods: Sequence[Method], implementation: object) -> None:
        """Serve a service's methods by the implementation's, named in snake case.

        An implementation's method takes the request and the grpc.aio.ServicerContext, and raises RpcError to refuse.
        A method that the implementation lacks is answered UNIMPLEMENTED by gRPC itself.
        """
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        for method in methods:
            function = getattr(implementation, method.attribute, None)
            if function is not None:
                handlers[method.name] = self._handler(f"/{service}/{method.name}", method, function)
        self._services.append(grpc.method_handlers_generic_handler(service, handlers))

    async def start(self) -> None:
        """Bind and begin to serve; `port` is the bound one afterwards.

        Raises:
            PortInUse: another process has the port.
        """
        self._check_port()
        # Not before: a server belongs to the event loop that it was made on.
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
            ]
        )
        server.add_generic_rpc_handlers(tuple(self._services))
        try:
            self.port = server.add_insecure_port(f"{self._host}:{self._requested_port}")
        except RuntimeError as error:
            raise PortInUse(self._requested_port, self._name) from error
        await server.start()
        self._server = server

    async def stop(self, grace: float = 0.5) -> None:
        """Stop serving; calls under way have `grace` seconds to end."""
        if self._server is not None:
            await self._server.stop(grace)
            self._server = None

    def _check_port(self) -> None:
        """Find a port in use before gRPC does, which writes lines of its own to the terminal then."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host, self._requested_port))
            except OSError as error:
                raise PortInUse(self._requested_port, self._name) from error

    def _handler(self, full_name: str, method: Method, function: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        # gRPC would answer UNKNOWN to what cannot be decoded, with the traceback's words.
        parse = partial(_parse_stream if method.client_streaming else _parse, method.request, self._max_request_bytes)

        async def call(received: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
            async def carry_out() -> Any:
                return await function(request, context)

            try:
                request = parse(received)
                return await through(self._middleware, full_name, request, carry_out)
            except RpcError as error:
                await _abort(context, error)

        async def stream(received: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> AsyncIterator[Any]:
            async def carry_out() -> Any:
                return function(request, context)

            try:
                request = parse(received)
                async for response in await through(self._middleware, full_name, request, carry_out):
                    yield response
            except RpcError as error:
                await _abort(context, error)

        make = {
            (False, False): (grpc.unary_unary_rpc_method_handler, call),
            (False, True): (grpc.unary_stream_rpc_method_handler, stream),
            (True, False): (grpc.stream_unary_rpc_method_handler, call),
            (True, True): (grpc.stream_stream_rpc_method_handler, stream),
        }
        factory, behaviour = make[method.client_streaming, method.server_streaming]
        handler: grpc.RpcMethodHandler[Any, Any] = factory(
            behaviour,
            request_deserializer=None,
            response_serializer=method.response.SerializeToString,
        )
        return handler


def _parse(kind: Any, max_bytes: int, received: bytes) -> Any:
    if len(received) > max_bytes:
        raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, f"Request payload size exceeds the limit: {max_bytes} bytes.")
    try:
        return kind.FromString(received)
    except DecodeError as error:
        raise RpcError(
            grpc.StatusCode.INVALID_ARGUMENT, f"The request is not a {kind.DESCRIPTOR.full_name}: {error}."
        ) from error


async def _parse_stream(kind: Any, max_bytes: int, received: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for each in received:
        yield _parse(kind, max_bytes, each)


async def through(
    middleware: Sequence[Middleware], full_name: str, request: Any, carry_out: Callable[[], Awaitable[Any]]
) -> Any:
    """Carry a call out within its middleware, the first outermost.

    Args:
        middleware: what is wrapped around it.
        full_name: the method's, such as `/google.firestore.v1.Firestore/Commit`.
        request: what current_request() gives meanwhile.
        carry_out: the call itself.

    Raises:
        RpcError: the call's, or the middleware's.
    """
    _request.set(request)
    call = carry_out
    for wrapper in reversed(middleware):
        call = _bind(wrapper, full_name, call)
    return await call()


def latency(seconds: float, clock_sleep: Callable[[float], Awaitable[None]]) -> Middleware:
    """Middleware that makes each call wait first, as a network would."""

    async def wait(_method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        await clock_sleep(seconds)
        return await carry_out()

    return wait


def _bind(middleware: Middleware, name: str, call: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    async def bound() -> Any:
        return await middleware(name, call)

    return bound


async def _abort(context: "grpc.aio.ServicerContext[Any, Any]", error: RpcError) -> None:
    trailing: tuple[tuple[str, bytes], ...] = ()
    if error.details:
        trailing = (("grpc-status-details-bin", error.to_status().SerializeToString()),)
    await context.abort(error.code, error.message, trailing)
