"""Fixtures of all tests, those of the product (tests) and those of what proves it (proof/tests)."""

import gc
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from local_cloud.garbage import collect_rarely
from tests.support import Background

# Processes that tests start find the emulators of this checkout, also where .venv is another one's.
_EMULATORS = str(Path(__file__).parent / "emulators" / "src")
os.environ["PYTHONPATH"] = os.pathsep.join([_EMULATORS, *filter(None, [os.environ.get("PYTHONPATH")])])

# A shell that starts this in the background has it ignore Ctrl-C, and what a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What code logs in a test's own process. By default each exception comes as a drawing with the variables of each frame,
# which takes longer than most tests.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# How long an example takes says how busy the machine is, and nothing of the code. The same examples each time: a change
# that fails is the change's fault. `make test ARGS=--hypothesis-profile=explore` tries others.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same examples", settings.get_profile("explore"), derandomize=True)
settings.load_profile("same examples")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where there is no browser, the summary says so in one line, not in one for the place of each test."""
    report = yield
    if report.skipped and "chromium" in getattr(item, "fixturenames", ()) and isinstance(report.longrepr, tuple):
        _, _, reason = report.longrepr
        report.longrepr = (str(Path(__file__).parent / "tests/chromium.py"), None, reason)  # type: ignore[assignment]  # no line is shown
    return report


# What collecting makes stays to the end: to look for garbage among it takes almost half of its time.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage, but not among what was imported and collected: that stays to the end."""
    gc.freeze()
    gc.enable()
    collect_rarely()


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
