"""Turns for transactions that were aborted for the same document, so that each gets through in the end.

Client libraries run an aborted transaction again at once and give up after a few attempts. Without turns, of several
that contend for one document some would lose every time. So the second attempt of a transaction waits, before it reads
anything, until it alone has the turn for the document that it was aborted for, and while it has it no other
transaction may write that document.
"""

import asyncio
from collections import deque

LONGEST_WAIT = 5.0
"""Seconds after which a transaction goes on without a turn: whoever has it may have died."""


class Turns:
    """Who has the turn for a document, and who waits for it, in order."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, document: str) -> bool:
        """Wait for the turn for a document, by its full name. False if it took too long."""
        queue = self._waiting.get(document)
        if queue is None:
            self._waiting[document] = deque()
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn.done() and not turn.cancelled():
                # It was handed over in the same moment.
                self.give(document)
            elif turn in queue:
                queue.remove(turn)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def give(self, document: str) -> None:
        """Hand the turn for a document to the next."""
        queue = self._waiting[document]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[document]

    def taken(self, document: str) -> bool:
        """Whether anybody has the turn for a document."""
        return document in self._waiting
