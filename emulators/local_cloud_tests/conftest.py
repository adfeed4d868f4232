"""Fixtures of all tests of the emulators."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from local_cloud.background import Background

# How long an example takes says how busy the machine is. The same examples each time: a change that fails is the
# change's fault.
settings.register_profile("local_cloud", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("local_cloud")


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    """An event loop in a thread, for a module's servers."""
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the emulators do."""
    return "asyncio"
