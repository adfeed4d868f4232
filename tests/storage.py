"""A Cloud Storage with one bucket, for a test."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from aiohttp.typedefs import Middleware

from local_cloud.clock import Clock
from local_cloud.storage.server import StorageEmulator
from tests.support import Background

BUCKET = "report-copies"


@contextmanager
def storage_running(background: Background, *, middlewares: Sequence[Middleware] = ()) -> Iterator[StorageEmulator]:
    """Within it the emulator runs, and this process finds it."""
    storage = StorageEmulator(host="127.0.0.1", port=0, clock=Clock(), middlewares=middlewares)
    storage.make_bucket(BUCKET, days_since_custom_time=0)
    background.run(storage.start())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", storage.url)
        yield storage
    background.run(storage.stop())
