"""Fixtures of the Cloud Tasks tests."""

from collections.abc import Iterator

import pytest

from local_cloud.background import Background
from local_cloud_tests.tasks.integration.worker import Tasks


@pytest.fixture
def tasks(background: Background) -> Iterator[Tasks]:
    """A Cloud Tasks with the queue `reports`, and a worker."""
    tasks = Tasks(background)
    tasks.make_queue(
        max_dispatches_per_second=500, max_attempts=8, min_backoff="10s", max_backoff="300s", max_doublings=3
    )
    yield tasks
    tasks.close()
