"""What can go wrong on the way to a service."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from local_cloud.rpc import Middleware, RpcError


def failing(method: str, code: str, *, times: int | None = None, after: bool = False) -> Middleware:
    """Middleware that has calls of a method refused.

    Args:
        method: its name.
        code: the status.
        times: how many of them; all where it is None.
        after: whether the call is carried out, and only its answer lost.
    """
    failed = 0

    async def middleware(name: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal failed
        if not name.endswith(f"/{method}") or (times is not None and failed >= times):
            return await carry_out()
        failed += 1
        if after:
            await carry_out()
        raise RpcError(grpc.StatusCode[code], "as the test wants it")

    return middleware
