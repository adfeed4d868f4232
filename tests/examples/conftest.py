"""The examples' functions as processes, each on a local cloud of its own."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from examples.local_run import HOST, Running, running
from examples.transactional_mail.run import API_KEY
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.storage.server import StorageEmulator
from local_pipeline.inbox.server import Inbox
from tests.support import Background, free_ports

BUCKET = "pictures"


class Example:
    """A running example, for synchronous tests."""

    def __init__(self, background: Background, example: Running) -> None:
        self._background = background
        self._example = example
        self.port = example.function.port

    def carry_out(self, *bodies: object) -> list[dict[str, object]]:
        """Put tasks in, wait until none is left, and return the dead letters."""

        async def run() -> list[dict[str, object]]:
            await self._example.enqueue(*bodies)  # type: ignore[arg-type]  # whatever a test wants
            await self._example.drained()
            return await self._example.dead_letters()

        return self._background.run(run())

    @property
    def log(self) -> str:
        return self._example.function.log_file.read_text()


def _started(
    background: Background, start: Callable[[AsyncExitStack], Coroutine[Any, Any, Running]]
) -> Iterator[Example]:
    stack = AsyncExitStack()
    running_example = background.run(start(stack))
    yield Example(background, running_example)
    background.run(stack.aclose())


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def inbox(clock: Clock) -> Inbox:
    return Inbox(host=HOST, port=0, clock=clock, sendgrid_api_key=API_KEY)


@pytest.fixture(scope="module")
def storage(clock: Clock) -> StorageEmulator:
    storage = StorageEmulator(host=HOST, port=0, clock=clock)
    storage.buckets[BUCKET] = {}
    return storage


@pytest.fixture(scope="module")
def mail_example(background: Background, clock: Clock, inbox: Inbox) -> Iterator[Example]:
    """The transactional email function, with SendGrid and Firestore."""
    firestore = FirestoreEmulator(host=HOST, port=0, clock=clock)

    async def start(stack: AsyncExitStack) -> Running:
        return await stack.enter_async_context(
            running(
                "transactional_mail",
                clock=clock,
                parts=(inbox, firestore),
                variables=lambda: {
                    "SENDGRID_API_KEY": API_KEY,
                    "SENDGRID_HOST": inbox.url,
                    "MAIL_FROM": "shop@example.com",
                    "FIRESTORE_EMULATOR_HOST": f"{HOST}:{firestore.port}",
                },
                port=free_ports(1),
            )
        )

    yield from _started(background, start)


@pytest.fixture(scope="module")
def image_example(background: Background, clock: Clock, storage: StorageEmulator) -> Iterator[Example]:
    """The image function, with Cloud Storage."""

    async def start(stack: AsyncExitStack) -> Running:
        return await stack.enter_async_context(
            running(
                "image_resize",
                clock=clock,
                parts=(storage,),
                variables=lambda: {"STORAGE_EMULATOR_HOST": storage.url},
                port=free_ports(1),
            )
        )

    yield from _started(background, start)
