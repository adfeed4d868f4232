"""The settings of a queue: the service's limits and defaults, and gcloud's flags for them.

https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#Queue
"""

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from local_cloud.errors import LocalCloudError
from local_cloud.flags_file import duration
from local_cloud.rpc import RpcError, has
from local_cloud.tasks import messages, moments
from local_cloud.tasks.headers import check_headers
from local_cloud.tasks.refusals import invalid
from local_cloud.tasks.retry import UNLIMITED, RetryPolicy

MAX_DISPATCHES_PER_SECOND = 500
MAX_CONCURRENT_DISPATCHES = 5000

HTTP_METHODS = frozenset(int(method) for method in messages.HttpMethod)
"""The methods that requests may have, and 0 for the default."""

_DEFAULT_RATE = 500.0
_DEFAULT_CONCURRENCY = 1000
_DEFAULT_ATTEMPTS = 100
_DEFAULT_DOUBLINGS = 16
_DEFAULT_MIN_BACKOFF = 100_000
_DEFAULT_MAX_BACKOFF = 3600 * moments.SECOND
_LEAST_BURST = 10


def burst_size(rate: float) -> int:
    """The burst that goes with a rate.

    The service sets it by itself, "generally at least equal to" the rate; a queue of one dispatch a second has always
    had 10.
    """
    return max(_LEAST_BURST, math.ceil(rate))


def complete(queue: Any) -> None:
    """Check a queue's settings and fill in the service's defaults, in place. What is 0 counts as not given.

    Raises:
        RpcError: INVALID_ARGUMENT: a setting is out of bounds.
    """
    limits = queue.rate_limits
    rate, concurrency = limits.max_dispatches_per_second, limits.max_concurrent_dispatches
    if not rate >= 0:  # also not a number
        raise invalid("RateLimits.maxDispatchesPerSecond cannot be negative.")
    if rate > MAX_DISPATCHES_PER_SECOND:
        raise invalid(f"RateLimits.maxDispatchesPerSecond must be less than or equal to {MAX_DISPATCHES_PER_SECOND}.")
    if concurrency < 0:
        raise invalid("RateLimits.maxConcurrentDispatches cannot be negative.")
    if concurrency > MAX_CONCURRENT_DISPATCHES:
        raise invalid(f"RateLimits.maxConcurrentDispatches must be less than or equal to {MAX_CONCURRENT_DISPATCHES}.")
    limits.max_dispatches_per_second = rate or _DEFAULT_RATE
    limits.max_concurrent_dispatches = concurrency or _DEFAULT_CONCURRENCY
    limits.max_burst_size = burst_size(limits.max_dispatches_per_second)
    _complete_retry(queue.retry_config, _SERVICE_DEFAULTS)
    ratio = queue.stackdriver_logging_config.sampling_ratio
    if not 0 <= ratio <= 1:
        raise invalid("StackdriverLoggingConfig.samplingRatio must be between 0.0 and 1.0.")
    if has(queue, "http_target"):
        _check_target(queue)


def task_retry(config: Any, queue: Any) -> None:
    """Check a task's own retry configuration and fill in the queue's where it says nothing, in place.

    Raises:
        RpcError: INVALID_ARGUMENT: a setting is out of bounds.
    """
    _complete_retry(config, queue.retry_config)


def policy(config: Any) -> RetryPolicy:
    """The retry policy of a complete RetryConfig."""
    return RetryPolicy(
        max_attempts=config.max_attempts,
        max_retry_duration=timedelta(microseconds=moments.from_message(config.max_retry_duration)),
        min_backoff=timedelta(microseconds=moments.from_message(config.min_backoff)),
        max_backoff=timedelta(microseconds=moments.from_message(config.max_backoff)),
        max_doublings=config.max_doublings,
    )


def queue_from_flags(flags: Mapping[str, Any]) -> Any:
    """The queue that `gcloud tasks queues create --flags-file` would make of a file's flags, without a name.

    https://cloud.google.com/sdk/gcloud/reference/tasks/queues/create

    Args:
        flags: by name, such as `--max-attempts`, as local_cloud.flags_file.read_flags_file gives them.

    Returns:
        A protobuf Queue, complete.

    Raises:
        LocalCloudError: a flag that is not known, or a value that is not allowed. The message names the flag.
    """
    queue = messages.Queue()
    for flag, value in flags.items():
        setter = _FLAGS.get(flag)
        if setter is None:
            raise LocalCloudError(f"{flag} is not a flag that the local queue takes; it takes {', '.join(_FLAGS)}.")
        setter(queue, value, flag)
    try:
        complete(queue)
    except RpcError as error:
        # Each flag's own bounds are already checked. This checks the flags together.
        raise LocalCloudError(f"--min-backoff and --max-backoff: {error.message}") from error
    return queue


def _complete_retry(config: Any, defaults: Any) -> None:
    if config.max_attempts < UNLIMITED:
        raise invalid("RetryConfig.maxAttempts must be greater or equal to -1.")
    if config.max_doublings < 0:
        raise invalid("RetryConfig.maxDoublings cannot be negative.")
    for field, name in (
        ("max_retry_duration", "maxRetryDuration"),
        ("min_backoff", "minBackoff"),
        ("max_backoff", "maxBackoff"),
    ):
        if moments.from_message(getattr(config, field)) < 0:
            raise invalid(f"RetryConfig.{name} cannot be negative.")
    config.max_attempts = config.max_attempts or defaults.max_attempts
    config.max_doublings = config.max_doublings or defaults.max_doublings
    for field in ("min_backoff", "max_backoff", "max_retry_duration"):
        given = getattr(config, field)
        if moments.from_message(given) == 0 and defaults.HasField(field):
            given.CopyFrom(getattr(defaults, field))
    if moments.from_message(config.min_backoff) > moments.from_message(config.max_backoff):
        raise invalid("RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.")


def _check_target(queue: Any) -> None:
    override = queue.http_target.uri_override
    if override.HasField("host") and not override.host:
        raise invalid("UriOverride.host cannot be empty.")
    if override.HasField("port") and not 0 <= override.port <= 65535:
        raise invalid("UriOverride.port must be between 0 and 65535.")
    if override.scheme not in {0, *messages.SCHEMES}:
        raise invalid(f"UriOverride.scheme {override.scheme} is unknown.")
    target = queue.http_target
    if target.http_method not in HTTP_METHODS:
        raise invalid(f"HttpTarget.httpMethod {target.http_method} is unknown.")
    check_headers(
        "HttpTarget.headerOverrides", [(each.header.key, each.header.value) for each in target.header_overrides]
    )
    # "Both the service account email and the audience MUST be specified" for a queue's OIDC token, and the scope for an
    # OAuth token. A task's own token needs only the email.
    if target.HasField("oidc_token") and not (target.oidc_token.service_account_email and target.oidc_token.audience):
        raise invalid("HttpTarget.oidcToken.serviceAccountEmail and HttpTarget.oidcToken.audience are required.")
    if target.HasField("oauth_token") and not (target.oauth_token.service_account_email and target.oauth_token.scope):
        raise invalid("HttpTarget.oauthToken.serviceAccountEmail and HttpTarget.oauthToken.scope are required.")


def _service_defaults() -> Any:
    config = messages.RetryConfig(max_attempts=_DEFAULT_ATTEMPTS, max_doublings=_DEFAULT_DOUBLINGS)
    moments.write(config.min_backoff, _DEFAULT_MIN_BACKOFF)
    moments.write(config.max_backoff, _DEFAULT_MAX_BACKOFF)
    return config


_SERVICE_DEFAULTS = _service_defaults()


def _whole_number(value: Any, flag: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise LocalCloudError(f"{flag}: {value!r} is not a whole number.")
    if not least <= value <= most:
        raise LocalCloudError(f"{flag}: {value} is not between {least} and {most}.")
    return value


def _number(value: Any, flag: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LocalCloudError(f"{flag}: {value!r} is not a number.")
    if not 0 <= value <= most:
        raise LocalCloudError(f"{flag}: {value} is not between 0 and {most:g}.")
    return float(value)


def _set_rate(queue: Any, value: Any, flag: str) -> None:
    queue.rate_limits.max_dispatches_per_second = _number(value, flag, MAX_DISPATCHES_PER_SECOND)


def _set_concurrency(queue: Any, value: Any, flag: str) -> None:
    queue.rate_limits.max_concurrent_dispatches = _whole_number(value, flag, 0, MAX_CONCURRENT_DISPATCHES)


def _set_attempts(queue: Any, value: Any, flag: str) -> None:
    attempts = UNLIMITED if value == "unlimited" else _whole_number(value, flag, UNLIMITED, 2**31 - 1)
    queue.retry_config.max_attempts = attempts


def _set_doublings(queue: Any, value: Any, flag: str) -> None:
    queue.retry_config.max_doublings = _whole_number(value, flag, 0, 2**31 - 1)


def _set_sampling_ratio(queue: Any, value: Any, flag: str) -> None:
    queue.stackdriver_logging_config.sampling_ratio = _number(value, flag, 1)


def _duration_setter(field: str) -> Callable[[Any, Any, str], None]:
    def set_duration(queue: Any, value: Any, flag: str) -> None:
        # gcloud hands these to the API as they stand, and the API knows no minutes.
        if isinstance(value, str) and not value.endswith("s"):
            raise LocalCloudError(f"{flag}: {value!r} must be in seconds and end in s, as in 300s.")
        moments.write(getattr(queue.retry_config, field), moments.length(duration(value, flag)))

    return set_duration


_FLAGS: Mapping[str, Callable[[Any, Any, str], None]] = {
    "--max-dispatches-per-second": _set_rate,
    "--max-concurrent-dispatches": _set_concurrency,
    "--max-attempts": _set_attempts,
    "--min-backoff": _duration_setter("min_backoff"),
    "--max-backoff": _duration_setter("max_backoff"),
    "--max-doublings": _set_doublings,
    "--max-retry-duration": _duration_setter("max_retry_duration"),
    "--log-sampling-ratio": _set_sampling_ratio,
}
