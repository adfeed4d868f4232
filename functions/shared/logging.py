"""Structured logs as Cloud Logging reads them, without e-mail addresses.

https://cloud.google.com/logging/docs/structured-logging
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
import structlog_gcp

_ADDRESS = re.compile(
    r"""
    (?:
      "[^"\n]{1,64}"
    | (?:(?<![^\s@＠﹫<>"'(),:;\[\]])(?<![^\s@＠﹫<>"'(),:;\[\]]')|(?<=%40)|(?<=%2540))
      (?:[^\s@＠﹫<>"'(),:;\[\]%]|%(?!(?:25)?40)|(?<=[^\s@＠﹫<>"'(),:;\[\]])'(?=[^\s@＠﹫<>"'(),:;\[\]]))*+
    )
    (?:[@＠﹫]|%(?:25)?40)                                      # also as URLs and East Asian keyboards write it
    [^\s@＠﹫<>"'(),:;\[\]%.．。｡]++
    (?:(?:[.．。｡]|%2[eE])[^\s@＠﹫<>"'(),:;\[\]%.．。｡]++)++
    """,
    re.VERBOSE,
)
"""An address: a local part, which may hold an apostrophe, an at sign, and a domain of two labels or more.

The local part begins at the start of a word, and the match never backtracks. Otherwise the time for a long text would
grow with the square of its length.
"""


def redact_addresses(text: str) -> str:
    """Replace everything that looks like an e-mail address by `[address]`."""
    return _ADDRESS.sub("[address]", text)


def configure_logging(service: str, level: str = "INFO") -> None:
    """Write one JSON object a line to standard output, from this code and from the libraries alike.

    Args:
        service: the function's name, as Error Reporting shows it.
        level: the least severity that is written: DEBUG, INFO, WARNING or ERROR.
    """
    processors: list[Any] = structlog_gcp.build_processors(service=service)
    # The last processor turns the event into a line, so redact before it.
    processors.insert(len(processors) - 1, _redact)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _redact_value(value)
    return event


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact_addresses(value)
    if isinstance(value, dict):
        return {_redact_value(key): _redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # As the line would show it, such as an exception.
    return redact_addresses(repr(value))
