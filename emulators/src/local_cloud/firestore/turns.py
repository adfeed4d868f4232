"""Turns for transactions that were aborted for the same document, so that each gets through in the end.

Client libraries run an aborted transaction again at once and give up after a few attempts. Without turns, some of
several transactions that contend for one document would lose every time. So the second attempt of a transaction waits,
before it reads anything, until it has the turn for the document that it was aborted for, and while it has it no other
transaction may write that document. A turn that is not given back lapses, since its holder may have died.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

LONGEST = 5.0
"""Seconds after which a turn lapses if another transaction waits for it."""


@dataclass(slots=True, eq=False)
class Turn:
    """The right to write a document, for one holder after another.

    Attributes:
        document: the document's full name.
    """

    document: str


@dataclass(slots=True, eq=False)
class _Queue:
    holder: Turn
    since: float
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Turns:
    """The transaction that has the turn for each document, and those that wait for it, in order."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}

    async def take(self, document: str) -> Turn:
        """Wait for the turn for a document, by its full name."""
        turn = Turn(document)
        loop = asyncio.get_running_loop()
        while True:
            queue = self._queues.get(document)
            if queue is None:
                self._queues[document] = _Queue(turn, loop.time())
                return turn
            left = queue.since + LONGEST - loop.time()
            if left <= 0:
                queue.holder, queue.since = turn, loop.time()
                return turn
            called = loop.create_future()
            queue.waiting.append(called)
            try:
                await asyncio.wait_for(called, left)
            except TimeoutError:
                continue
            finally:
                if called in queue.waiting:
                    queue.waiting.remove(called)
            queue.holder, queue.since = turn, loop.time()
            return turn

    def give(self, turn: Turn) -> None:
        """Hand a turn to the next transaction that waits; do nothing if it had lapsed."""
        queue = self._queues.get(turn.document)
        if queue is None or queue.holder is not turn:
            return
        while queue.waiting:
            called = queue.waiting.popleft()
            if not called.done():
                # The transaction has the turn from now on, though it learns of it only a moment later.
                called.set_result(None)
                return
        del self._queues[turn.document]

    def is_anothers(self, document: str, turn: Turn | None) -> bool:
        """Whether another transaction than the holder of `turn` has the turn for a document."""
        queue = self._queues.get(document)
        if queue is None or queue.holder is turn:
            return False
        return asyncio.get_running_loop().time() < queue.since + LONGEST
