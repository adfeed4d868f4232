"""gRPC without the network: clients in this process call the emulators in this process directly.

A call over a socket costs a client and a server a millisecond of a processor, three quarters of it in gRPC. What a test
itself reads and writes needs no socket, nor does code that it runs many thousands of times. What is called is the same:
messages are serialised, and middleware is called. Functions, which have processes of their own, call over sockets.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from local_cloud.rpc import Handlers
from tests.support import Background


class Emulator(Protocol):
    """A server of the local cloud."""

    @property
    def port(self) -> int:
        """The bound port."""

    @property
    def handlers(self) -> Handlers:
        """What serves each method, by its full name."""


@contextmanager
def calls_in_process(background: Background, *emulators: Emulator) -> Iterator[None]:
    """Have the clients that make their first call within it call these emulators directly.

    Args:
        background: where the emulators run.
        emulators: those that have started.
    """
    served = {f"127.0.0.1:{emulator.port}": (emulator, background) for emulator in emulators}
    _served.update(served)
    try:
        yield
    finally:
        for target in served:
            del _served[target]


_served: dict[str, tuple[Emulator, Background]] = {}


def _insecure_channel(target: str, options: Any = None, compression: Any = None) -> grpc.Channel:
    connect = functools.partial(_over_a_socket, target, options, compression)
    if target not in _served:
        return connect()
    emulator, background = _served[target]
    return InProcessChannel(emulator.handlers, background, connect)


_over_a_socket, grpc.insecure_channel = grpc.insecure_channel, _insecure_channel


class InProcessChannel(grpc.Channel):
    """Calls handlers on the event loop of another thread.

    Args:
        handlers: what serves each method.
        background: the event loop.
        connect: makes a channel over a socket, for methods whose requests are streams.
    """

    def __init__(self, handlers: Handlers, background: Background, connect: Callable[[], grpc.Channel]) -> None:
        self._handlers = handlers
        self._background = background
        self._connect = functools.cache(connect)

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, *_: Any
    ) -> Any:
        """A method with one request and one response."""
        return _UnaryUnary(self._method(method, request_serializer, response_deserializer))

    def unary_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, *_: Any
    ) -> Any:
        """A method with one request and many responses."""
        return _UnaryStream(self._method(method, request_serializer, response_deserializer))

    def stream_unary(self, *arguments: Any) -> Any:
        """A method with many requests, over a socket."""
        return lambda *call, **options: self._connect().stream_unary(*arguments)(*call, **options)

    def stream_stream(self, *arguments: Any) -> Any:
        """Likewise, with many responses."""
        return lambda *call, **options: self._connect().stream_stream(*arguments)(*call, **options)

    def subscribe(self, callback: Any, try_to_connect: Any = None) -> None:
        """There is nothing to tell: it is always connected."""

    def unsubscribe(self, callback: Any) -> None:
        """Likewise."""

    def close(self) -> None:
        """There is nothing to close."""

    def __enter__(self) -> "InProcessChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _method(self, method: str, serialize: Any, deserialize: Any) -> "_Method":
        return _Method(self._background.loop, self._handlers.get(method), serialize, deserialize)


@dataclass(frozen=True)
class _Method:
    """How a method is called."""

    loop: asyncio.AbstractEventLoop
    handler: Any
    serialize: Callable[[Any], bytes]
    deserialize: Callable[[bytes], Any]

    def unary(self, request: Any, timeout: float | None) -> Any:
        async def call() -> bytes:
            response = await self.handler.unary_unary(self.handler.request_deserializer(sent), _Context.begin(timeout))
            return bytes(self.handler.response_serializer(response))

        sent = self._sent(request)
        return self.deserialize(self._run(call(), timeout))

    def stream(self, request: Any, timeout: float | None) -> Iterator[Any]:
        async def call() -> list[bytes]:
            responses = self.handler.unary_stream(self.handler.request_deserializer(sent), _Context.begin(timeout))
            return [self.handler.response_serializer(response) async for response in responses]

        sent = self._sent(request)
        return map(self.deserialize, self._run(call(), timeout))

    def _sent(self, request: Any) -> bytes:
        if self.handler is None:
            raise _Refusal(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return self.serialize(request)

    def _run(self, call: Coroutine[Any, Any, Any], timeout: float | None) -> Any:
        running = asyncio.run_coroutine_threadsafe(call, self.loop)
        try:
            return running.result(timeout)
        except FutureTimeoutError:
            running.cancel()
            raise _Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded") from None


class _UnaryUnary:
    def __init__(self, method: _Method) -> None:
        self._method = method

    def __call__(self, request: Any, timeout: float | None = None, **_: Any) -> Any:
        return self._method.unary(request, timeout)

    def with_call(self, request: Any, timeout: float | None = None, **_: Any) -> Any:
        return self._method.unary(request, timeout), _Ended(iter(()))


# Google's libraries look at this class to find out what a call answers.
@grpc.UnaryStreamMultiCallable.register
class _UnaryStream:
    def __init__(self, method: _Method) -> None:
        self._method = method

    def __call__(self, request: Any, timeout: float | None = None, **_: Any) -> Any:
        return _Ended(self._method.stream(request, timeout))


@dataclass(frozen=True)
class _Ended:
    """A call that has all its responses."""

    responses: Iterator[Any]

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self.responses)

    def cancel(self) -> bool:
        return False

    def trailing_metadata(self) -> tuple[()]:
        return ()


# Likewise, what an error tells.
@grpc.Call.register
class _Refusal(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode, message: str, trailing: Any = ()) -> None:
        super().__init__(message)
        self._code, self._message, self._trailing = code, message, trailing

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._message

    def trailing_metadata(self) -> Any:
        return self._trailing

    def result(self) -> Any:
        raise self


@dataclass(frozen=True)
class _Context:
    """What a handler sees of a call, and ends it with."""

    ends_at: float | None

    @classmethod
    def begin(cls, timeout: float | None) -> "_Context":
        return cls(None if timeout is None else time.monotonic() + timeout)

    def time_remaining(self) -> float | None:
        return None if self.ends_at is None else self.ends_at - time.monotonic()

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> None:
        raise _Refusal(code, details, trailing_metadata)
