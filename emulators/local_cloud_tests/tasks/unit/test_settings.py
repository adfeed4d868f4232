"""A queue's settings: bounds, defaults, and gcloud's flags."""

import math
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from local_cloud.errors import LocalCloudError
from local_cloud.rpc import RpcError
from local_cloud.tasks.messages import Queue, RetryConfig
from local_cloud.tasks.settings import burst_size, complete, queue_from_flags, task_retry


def test_the_services_defaults() -> None:
    queue = Queue()
    complete(queue)

    assert queue.rate_limits.max_dispatches_per_second == 500
    assert queue.rate_limits.max_concurrent_dispatches == 1000
    assert queue.rate_limits.max_burst_size == 500
    assert queue.retry_config.max_attempts == 100
    assert queue.retry_config.max_doublings == 16
    assert queue.retry_config.min_backoff == Duration(nanos=100_000_000)
    assert queue.retry_config.max_backoff == Duration(seconds=3600)
    assert not queue.retry_config.HasField("max_retry_duration")


@pytest.mark.parametrize(("rate", "burst"), [(0.5, 10), (1, 10), (10, 10), (10.5, 11), (250, 250), (500, 500)])
def test_the_burst_follows_from_the_rate(rate: float, burst: int) -> None:
    assert burst_size(rate) == burst


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate_limits": {"max_dispatches_per_second": -1}}, "RateLimits.maxDispatchesPerSecond cannot be negative."),
        (
            {"rate_limits": {"max_dispatches_per_second": 501}},
            "RateLimits.maxDispatchesPerSecond must be less than or equal to 500.",
        ),
        ({"rate_limits": {"max_dispatches_per_second": math.nan}}, "RateLimits.maxDispatchesPerSecond"),
        ({"rate_limits": {"max_concurrent_dispatches": -1}}, "RateLimits.maxConcurrentDispatches cannot be negative."),
        (
            {"rate_limits": {"max_concurrent_dispatches": 5001}},
            "RateLimits.maxConcurrentDispatches must be less than or equal to 5000.",
        ),
        ({"retry_config": {"max_attempts": -2}}, "RetryConfig.maxAttempts must be greater or equal to -1."),
        ({"retry_config": {"max_doublings": -1}}, "RetryConfig.maxDoublings cannot be negative."),
        ({"retry_config": {"min_backoff": Duration(seconds=-1)}}, "RetryConfig.minBackoff cannot be negative."),
        (
            {"retry_config": {"min_backoff": Duration(seconds=10), "max_backoff": Duration(seconds=5)}},
            "RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.",
        ),
        (
            {"stackdriver_logging_config": {"sampling_ratio": 1.5}},
            "StackdriverLoggingConfig.samplingRatio must be between 0.0 and 1.0.",
        ),
        ({"http_target": {"uri_override": {"host": ""}}}, "UriOverride.host cannot be empty."),
    ],
)
def test_out_of_bounds(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RpcError) as refused:
        complete(Queue(**settings))

    assert refused.value.message.startswith(message)


def test_a_burst_size_of_the_clients_is_ignored() -> None:
    queue = Queue(rate_limits={"max_dispatches_per_second": 20, "max_burst_size": -1})
    complete(queue)

    assert queue.rate_limits.max_burst_size == 20


def test_a_tasks_own_retry_takes_the_rest_from_its_queue() -> None:
    queue = queue_from_flags({"--max-attempts": 8, "--min-backoff": "10s", "--max-backoff": "300s"})
    config = RetryConfig(max_attempts=3)
    task_retry(config, queue)

    assert config.max_attempts == 3
    assert config.min_backoff == Duration(seconds=10)
    assert config.max_backoff == Duration(seconds=300)


def test_every_flag() -> None:
    queue = queue_from_flags(
        {
            "--max-dispatches-per-second": 12.5,
            "--max-concurrent-dispatches": 7,
            "--max-attempts": "unlimited",
            "--min-backoff": "0.5s",
            "--max-backoff": "60s",
            "--max-doublings": 2,
            "--max-retry-duration": "3600s",
            "--log-sampling-ratio": 0.25,
        }
    )

    assert queue.rate_limits.max_dispatches_per_second == 12.5
    assert queue.rate_limits.max_concurrent_dispatches == 7
    assert queue.retry_config.max_attempts == -1
    assert queue.retry_config.min_backoff == Duration(nanos=500_000_000)
    assert queue.retry_config.max_backoff == Duration(seconds=60)
    assert queue.retry_config.max_doublings == 2
    assert queue.retry_config.max_retry_duration == Duration(seconds=3600)
    assert queue.stackdriver_logging_config.sampling_ratio == 0.25


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--dead-letter-topic", "letters"),
        ("--max-dispatches-per-second", 501),
        ("--max-dispatches-per-second", "fast"),
        ("--max-dispatches-per-second", math.nan),
        ("--max-concurrent-dispatches", 5001),
        ("--max-concurrent-dispatches", 1.5),
        ("--max-attempts", -2),
        ("--max-attempts", True),
        ("--max-attempts", None),
        ("--max-doublings", "3"),
        ("--min-backoff", 10),
        ("--min-backoff", "5m"),
        ("--max-backoff", "s"),
        ("--min-backoff", "7200s"),
        ("--log-sampling-ratio", 2),
    ],
)
def test_what_a_flag_may_not_be_is_refused_with_its_name(flag: str, value: Any) -> None:
    with pytest.raises(LocalCloudError) as refused:
        queue_from_flags({flag: value})

    assert flag in str(refused.value)
