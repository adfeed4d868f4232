"""An event loop for servers, beside code that is not asynchronous."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_PATIENCE_SECONDS = 240.0
"""After so long what is waited for does not come, however busy the machine is."""


class Background:
    """An event loop in a thread of its own, so that a synchronous test talks to asyncio servers over their sockets."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Result], timeout: float = _PATIENCE_SECONDS) -> Result:
        """Run a coroutine on the loop and wait for its result, for so many seconds at most.

        Raises:
            TimeoutError: the result does not come.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def close(self) -> None:
        """Cancel what still runs, and end the loop and its thread."""

        async def cancel_all() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
