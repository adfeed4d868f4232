"""The filter of ListQueues."""

from typing import Any

import pytest

from local_cloud.rpc import RpcError
from local_cloud.tasks.messages import PAUSED, Queue
from local_cloud.tasks.queue_filter import parse
from local_cloud.tasks.settings import complete


def queue() -> Any:
    message = Queue(
        name="projects/p/locations/l/queues/reports",
        rate_limits={"max_dispatches_per_second": 10},
        retry_config={"max_attempts": 8, "max_backoff": {"seconds": 300}},
    )
    complete(message)
    message.state = PAUSED
    message.purge_time.seconds = 1_800_000_000
    return message


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("  ", True),
        ("state: PAUSED", True),
        ("state=PAUSED", True),
        ("state != PAUSED", False),
        ("state: RUNNING", False),
        ("name: reports", True),
        ('name = "projects/p/locations/l/queues/reports"', True),
        ("name = reports", False),
        ("rateLimits.maxDispatchesPerSecond >= 10", True),
        ("rate_limits.max_dispatches_per_second < 10", False),
        ("retryConfig.maxAttempts > 7 AND state: PAUSED", True),
        ("retryConfig.maxAttempts > 7 AND state: RUNNING", False),
        ("retryConfig.maxBackoff <= 300s", True),
        ("retryConfig.maxBackoff < 300s", False),
        ('purgeTime > "2027-01-01T00:00:00Z"', True),
    ],
)
def test_filters(text: str, passes: bool) -> None:
    assert parse(text)(queue()) is passes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paused", "not understood at 'paused'"),
        ("state: PAUSED OR state: RUNNING", "AND is what may come here"),
        ("state: PAUSED AND", "not understood at ''"),
        ("colour: RED", "'colour', which is no field"),
        ("state.name: RED", "'state.name', which is no field"),
        ("state: SLEEPING", "'SLEEPING', which is no value"),
        ("retryConfig.maxAttempts > many", "'many', which is no value"),
        ("retryConfig.maxBackoff > long", "'long', which is no value"),
        ("retryConfig: x", "cannot be compared"),
    ],
)
def test_filters_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(RpcError, match=message):
        parse(text)
