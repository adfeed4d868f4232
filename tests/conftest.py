"""Fixtures of all tests."""

from collections.abc import Iterator

import pytest

from tests.support import Background


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    """An event loop in a thread, for a module's servers."""
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the local cloud does."""
    return "asyncio"
