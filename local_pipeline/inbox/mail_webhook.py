"""Plans what becomes of the emails that were accepted, and calls a webhook with it until it is taken."""

import asyncio
import contextlib
import heapq
import itertools
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import aiohttp

from local_cloud.clock import Clock
from local_pipeline.inbox import fates
from local_pipeline.inbox.fates import Happening
from local_pipeline.inbox.mail import Envelope

GATHERING = timedelta(seconds=0.3)
"""How long events are gathered for one call."""
_REPEATED = 0.1
"""How many events come a second time."""
_CALL_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CallForm:
    """How a provider calls its webhooks.

    Attributes:
        most_events: of one call.
        waits: before each repetition of a call that is not answered by 2xx; after the last of them it is given up.
        at_once: how many calls may be under way.
    """

    most_events: int
    waits: Sequence[timedelta]
    at_once: int


@dataclass(order=True)
class _Call:
    """Events that wait for their moment: in `due`, then a number that makes it unique."""

    due: datetime
    number: int
    id: str = field(compare=False)
    events: list[dict[str, Any]] = field(compare=False)
    tried: int = field(default=0, compare=False)


class MailWebhook(ABC):
    """A provider's webhook.

    Args:
        clock: what time it is.
        url: where to; None for nowhere.
    """

    form: ClassVar[CallForm]

    def __init__(self, clock: Clock, *, url: str | None) -> None:
        self._clock = clock
        self.url = url
        self.kinds: dict[str, str] = {}
        """What becomes of emails to other addresses: such as `bounce`, by the address in lower case."""
        self.lists: dict[str, Happening] = {}
        """The addresses to which emails are dropped, in lower case, and as what."""
        self._chance = random.Random(1)  # noqa: S311  the same every time
        self._calls: list[_Call] = []
        self._numbers = itertools.count()
        self._sending: asyncio.Task[None] | None = None
        self._unsent = 0
        self._sooner = asyncio.Event()
        self._less_unsent = asyncio.Event()

    @property
    def unsent(self) -> int:
        """How many events are neither taken nor given up."""
        return self._unsent

    async def all_taken(self, on_progress: Callable[[int], None] = lambda unsent: None) -> None:
        """Return when every event so far was taken, or given up.

        Args:
            on_progress: is told how many are left, each time.
        """
        while self._unsent:
            on_progress(self._unsent)
            self._less_unsent.clear()
            await self._less_unsent.wait()

    async def start(self) -> None:
        """Begin to send."""
        if self.url is not None:
            self._sending = asyncio.create_task(self._send_all(self.url))

    async def stop(self) -> None:
        """Send nothing more."""
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
            self._sending = None

    def is_dropped(self, address: str) -> bool:
        """Whether an email to an address is dropped, since an earlier one bounced or was marked as spam."""
        return self._listed(address) is not None

    def accepted(self, envelope: Envelope) -> None:
        """An email was accepted: plan what becomes of it.

        Args:
            envelope: the email's.
        """
        for recipient in envelope.recipients:
            address = recipient.email
            listed, kind = self._listed(address), self._kind_of(address)
            for seconds, happening in fates.dropped(listed) if listed else fates.fate_of(kind):
                self._happens(envelope, address, happening, self._clock.now() + timedelta(seconds=seconds))
            if listed is None and self.url is not None and kind in fates.LISTED_AS:
                self._list(address, fates.LISTED_AS[kind])

    def _kind_of(self, address: str) -> str:
        return self.kinds.get(address.lower(), fates.kind_of(address))

    def _listed(self, address: str) -> Happening | None:
        """As what an email to an address is dropped; None where it is not."""
        return self.lists.get(address.lower())

    def _list(self, address: str, why: Happening) -> None:
        """Drop further emails to an address."""
        self.lists[address.lower()] = why

    @abstractmethod
    def _happens(self, envelope: Envelope, address: str, happening: Happening, at: datetime) -> None:
        """Something happens to an email."""

    @abstractmethod
    def _request(self, call_id: str, events: Sequence[dict[str, Any]]) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of a call that is made now, perhaps again."""

    def _is_repeated(self) -> bool:
        """Whether an event comes a second time, as every tenth does."""
        return self._chance.random() < _REPEATED

    def _add(self, due: datetime, event: dict[str, Any], call_id: str) -> None:
        self._unsent += 1
        self._push(_Call(due, next(self._numbers), call_id, [event]))

    def _push(self, call: _Call) -> None:
        heapq.heappush(self._calls, call)
        if self._calls[0] is call:
            self._sooner.set()

    async def _send_all(self, url: str) -> None:
        free = asyncio.Semaphore(self.form.at_once)
        timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            while True:
                await self._next_due()
                await free.acquire()
                group.create_task(self._send(session, url, self._gathered(), free))

    async def _next_due(self) -> None:
        """Return when there is a call whose moment has come."""
        while not self._calls or self._clock.now() < (due := self._calls[0].due + GATHERING):
            self._sooner.clear()
            waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._sooner.wait())]
            if self._calls:
                waits.append(asyncio.create_task(self._clock.sleep_until(due)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()

    def _gathered(self) -> _Call:
        """The call that is due, with the events of others that are; those in no order, as providers send them."""
        now = self._clock.now()
        call = heapq.heappop(self._calls)
        while (
            self._calls
            and self._calls[0].due <= now
            and self._calls[0].tried == call.tried == 0
            and len(call.events) < self.form.most_events
        ):
            call.events += heapq.heappop(self._calls).events
        self._chance.shuffle(call.events)
        return call

    async def _send(self, session: aiohttp.ClientSession, url: str, call: _Call, free: asyncio.Semaphore) -> None:
        try:
            is_taken = await self._is_taken(session, url, call)
        finally:
            free.release()
        if not is_taken and call.tried < len(self.form.waits):
            call.due, call.number = self._clock.now() + self.form.waits[call.tried], next(self._numbers)
            call.tried += 1
            self._push(call)
            return
        self._unsent -= len(call.events)
        self._less_unsent.set()

    async def _is_taken(self, session: aiohttp.ClientSession, url: str, call: _Call) -> bool:
        body, headers = self._request(call.id, call.events)
        try:
            async with session.post(url, data=body, headers=headers) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.info("The webhook could not be called: %s", type(error).__name__)
            return False
        if status // 100 != 2:
            _log.info("The webhook was answered %s", status)
        return status // 100 == 2
