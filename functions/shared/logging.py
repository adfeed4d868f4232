"""Structured logs as Cloud Logging reads them, without email addresses and without the secrets of kinds.

https://cloud.google.com/logging/docs/structured-logging
"""

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

import structlog
import structlog_gcp

_ATOM = r"""(?:[^\s@＠﹫<>"'(),:;\[\]%]|%(?!(?:25)?40))"""
_LABEL = r"""[^\s@＠﹫<>"'(),:;\[\]%.．。｡]++"""
_DOT = r"(?:[.．。｡]|%2[eE])"
_AT = r"(?:[@＠﹫]|%(?:25)?40)"
"""Also as URLs and East Asian keyboards write it."""

_ADDRESS = re.compile(
    rf"""
    (?:
      "[^"\n]{{1,64}}"
    | (?:(?<![^\s@＠﹫<>"'(),:;\[\]])(?<![^\s@＠﹫<>"'(),:;\[\]]')|(?<=%40)|(?<=%2540))
      (?:{_ATOM}*+(?:(?<=[^\s@＠﹫<>"'(),:;\[\]])[<>"'(),;\[\]](?={_ATOM}|[)"'\]]?{_AT}){_ATOM}*+){{0,8}}+)
    )
    (?:
      {_AT}
      (?:
        {_LABEL}(?:{_DOT}{_LABEL})++
      # Without a dot only after a local part: an @ may begin a word.
      | (?:(?<=[^\s@＠﹫<>(,:;\[][@＠﹫])|(?<=[^\s]%40)|(?<=[^\s]%2540))(?:{_LABEL}|\[[^\s\[\]]++\])
      )
    )++
    """,
    re.VERBOSE,
)
"""An address: a local part, an at sign, and a domain, which may be one label, such as that of a host in a network of
one's own, or the number of a host (RFC 5321, section 4.1.3).

The local part may hold what it should have quoted (RFC 5322, section 3.2.3) where that stands between other characters
or before the at sign; not a colon, which stands before most addresses. It begins at the start of a word, has at most
eight such characters, and the match never backtracks. Otherwise the time for a long text would grow with the square of
its length.
"""


_LONGEST = 100_000
"""Characters of one value. Cloud Logging takes entries of 256 KB: https://cloud.google.com/logging/quotas"""

_SHORTEST_SECRET = 6
"""A shorter one stands in many words by chance."""

_TRACE = "logging.googleapis.com/trace"
_CLOUD_TRACE = re.compile("([0-9a-f]{32})(?:/|$)")
_TRACEPARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-")

_secrets: set[str] = set()


def redact_addresses(text: str) -> str:
    """Replace everything that looks like an email address by `[address]`."""
    return _ADDRESS.sub("[address]", text)


def redact(text: str) -> str:
    """Replace email addresses, and the secrets that `hide` was told."""
    # Before the addresses: a URL with a password looks like one. A longer one may have a shorter one in it.
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return redact_addresses(text)


def redacted_beginning(text: str, most: int) -> str:
    """The beginning of a text, without email addresses and secrets. A part of an address could not be told for one, so
    the text is cut afterwards; first only to what takes no long time.

    Args:
        text: anything.
        most: how many characters are kept.
    """
    return redact(text[: 10 * most])[:most]


def hide(secrets: Iterable[str]) -> None:
    """Have `redact` replace these from now on, in this process: an error may quote the secret that caused it.

    Args:
        secrets: their values. One of fewer than 6 characters is left out.
    """
    _secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)


def configure_logging(service: str, level: str = "INFO") -> None:
    """Write one JSON object a line to standard output, from this code and from the libraries alike.

    Args:
        service: the function's name, as Error Reporting shows it where Cloud Run names no service.
        level: the least severity that is written: DEBUG, INFO, WARNING or ERROR.
    """
    processors: list[Any] = structlog_gcp.build_processors(service=os.environ.get("K_SERVICE", service))
    # The last processor turns the event into a line, so redact before it.
    processors.insert(len(processors) - 1, _redact)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING)


def trace_lines(header: Callable[[str], str | None]) -> None:
    """Have the lines of a request name its trace, by which the Logs Explorer shows them below the request. Call it when
    a request comes: the thread may have had another one before.

    Args:
        header: returns a header of the request, or None. https://docs.cloud.google.com/trace/docs/trace-context
    """
    found = _CLOUD_TRACE.match(header("X-Cloud-Trace-Context") or "")
    found = found or _TRACEPARENT.match(header("traceparent") or "")
    project = os.environ.get("GOOGLE_CLOUD_PROJECT")
    if found and project:
        structlog.contextvars.bind_contextvars(**{_TRACE: f"projects/{project}/traces/{found[1]}"})
    else:
        structlog.contextvars.unbind_contextvars(_TRACE)


class _ToStructlog(logging.Handler):
    """Has what libraries, and kinds of report, log by Python's own `logging` be a line like any other."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # structlog knows no levels in between.
            level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
            text, trace = record.getMessage(), record.exc_info
            structlog.get_logger().log(level, text, logger=record.name, **({"exc_info": trace} if trace else {}))
        except Exception:  # noqa: BLE001  as every handler: what cannot be logged must not fail what logs it
            self.handleError(record)


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _redact_value(value)
    return event


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redacted_beginning(value, _LONGEST)
    if isinstance(value, dict):
        return {_redact_value(key): _redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # As the line would show it, such as an exception.
    return redacted_beginning(repr(value), _LONGEST)
