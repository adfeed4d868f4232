"""A job: its target, its schedule, and its retries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from local_cloud.errors import LocalCloudError
from local_cloud.flags_file import duration, read_flags_file
from local_pipeline.scheduler.cron import CronSchedule, InvalidSchedule
from local_pipeline.scheduler.retry import RetryConfig

SHORTEST_DEADLINE = timedelta(seconds=15)
LONGEST_DEADLINE = timedelta(minutes=30)
MOST_RETRIES = 5
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
METHODS_WITH_BODY = ("PATCH", "POST", "PUT")

_FLAGS = {
    "--attempt-deadline",
    "--description",
    "--headers",
    "--http-method",
    "--max-backoff",
    "--max-doublings",
    "--max-retry-attempts",
    "--max-retry-duration",
    "--message-body",
    "--min-backoff",
    "--oidc-service-account-email",
    "--oidc-token-audience",
    "--schedule",
    "--time-zone",
    "--uri",
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job with an HTTP target.

    Attributes:
        name: its id, which the target sees.
        schedule: when it is due.
        uri: what is called.
        http_method: and how.
        headers: sent beside the service's own.
        body: what is sent.
        attempt_deadline: how long the target may take to answer. 3 minutes unless set, 15 s to 30 min.
        retry: what follows a failed attempt.
        service_account: whose OIDC token is sent; none without.
        audience: the audience of the token, the `uri` unless set.
    """

    name: str
    schedule: CronSchedule
    uri: str
    http_method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    attempt_deadline: timedelta = timedelta(minutes=3)
    retry: RetryConfig = field(default_factory=RetryConfig)
    service_account: str | None = None
    audience: str | None = None

    @classmethod
    def from_flags_file(
        cls,
        path: str | Path,
        *,
        name: str,
        uri: str | None = None,
        service_account: str | None = None,
        audience: str | None = None,
    ) -> "Job":
        """The job that `gcloud scheduler jobs create http NAME --flags-file=PATH` would create.

        Args:
            path: the flags file.
            name: the job's id.
            uri: the target, where the file does not name it: what `--uri` on the command line would be.
            service_account: likewise for `--oidc-service-account-email`.
            audience: likewise for `--oidc-token-audience`.

        Raises:
            LocalCloudError: the file cannot be read, or gcloud or the service would refuse it. The text names the
                file and the flag.
        """
        flags = _Flags(path)
        line, zone = flags.text("--schedule", None), flags.text("--time-zone", "Etc/UTC")
        try:
            schedule = CronSchedule(line, ZoneInfo(zone))
        except InvalidSchedule as error:
            raise flags.error("--schedule", str(error)) from error
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise flags.error("--time-zone", f"{zone!r} is not a time zone: write it as in Europe/Berlin") from error
        method = flags.text("--http-method", "post").upper()
        if method not in METHODS:
            raise flags.error("--http-method", f"{method!r} is none of {', '.join(METHODS)}")
        body = flags.text("--message-body", "")
        if body and method not in METHODS_WITH_BODY:
            raise flags.error("--message-body", f"a {method} request has no body")
        deadline = flags.duration("--attempt-deadline", timedelta(minutes=3))
        if not SHORTEST_DEADLINE <= deadline <= LONGEST_DEADLINE:
            raise flags.error("--attempt-deadline", "must be from 15s to 30m")
        default = RetryConfig()
        retry = RetryConfig(
            retry_count=flags.number("--max-retry-attempts", default.retry_count, most=MOST_RETRIES),
            max_retry_duration=flags.duration("--max-retry-duration", default.max_retry_duration),
            min_backoff=flags.duration("--min-backoff", default.min_backoff),
            max_backoff=flags.duration("--max-backoff", default.max_backoff),
            max_doublings=flags.number("--max-doublings", default.max_doublings),
        )
        if retry.min_backoff > retry.max_backoff:
            raise flags.error("--min-backoff", "must not be longer than --max-backoff")
        return cls(
            name=name,
            schedule=schedule,
            uri=flags.text("--uri", uri),
            http_method=method,
            headers=flags.headers(),
            body=body.encode(),
            attempt_deadline=deadline,
            retry=retry,
            service_account=flags.optional_text("--oidc-service-account-email", service_account),
            audience=flags.optional_text("--oidc-token-audience", audience),
        )


class _Flags:
    """A flags file's values, each checked for its type."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._values = read_flags_file(path)
        if unknown := sorted(set(self._values) - _FLAGS):
            raise self.error(unknown[0], "the local cloud does not know this flag")

    def error(self, flag: str, message: str) -> LocalCloudError:
        return LocalCloudError(f"{self._path}: {flag}: {message}.")

    def text(self, flag: str, default: str | None) -> str:
        value = self.optional_text(flag, default)
        if value is None:
            raise self.error(flag, "is required")
        return value

    def optional_text(self, flag: str, default: str | None) -> str | None:
        value = self._values.get(flag, default)
        if value is not None and not isinstance(value, str):
            raise self.error(flag, f"{value!r} must be a string: put it in quotes")
        return value

    def number(self, flag: str, default: int, most: int | None = None) -> int:
        value = self._values.get(flag, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(flag, f"{value!r} must be a whole number, zero or more")
        if most is not None and value > most:
            raise self.error(flag, f"{value} is more than the {most} that the service allows")
        return value

    def duration(self, flag: str, default: timedelta) -> timedelta:
        if flag not in self._values:
            return default
        try:
            return duration(self._values[flag], flag)
        except LocalCloudError as error:
            raise LocalCloudError(f"{self._path}: {error}") from error

    def headers(self) -> dict[str, str]:
        """gcloud takes a map, or one string of `KEY=VALUE` pairs with commas between them."""
        value: Any = self._values.get("--headers", {})
        if isinstance(value, str):
            pairs = [pair.partition("=") for pair in value.split(",")]
            if not all(separator for _, separator, _ in pairs):
                raise self.error("--headers", f"{value!r} must be KEY=VALUE pairs with commas between them")
            return {key.strip(): text for key, _, text in pairs}
        if not isinstance(value, dict) or not all(isinstance(text, str) for pair in value.items() for text in pair):
            raise self.error("--headers", f"{value!r} must be a map of names to strings")
        return value
