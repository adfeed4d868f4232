"""Fixtures of all tests."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support import Background

# A shell that starts this in the background has it ignore Ctrl-C, and what a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


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
