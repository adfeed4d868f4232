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
