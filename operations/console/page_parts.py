"""Reads the parts of a page at the same time, so that one that cannot be read leaves the others."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from operations.errors import OperatorError
from operations.failures import describe


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What was read.

    Attributes:
        read: the parts that could be read, by their names.
        failed: why the others could not.
    """

    read: Mapping[str, Any] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


def read_parts(readers: Mapping[str, Callable[[], Any]], *, at_once: int | None = None) -> Parts:
    """Read all parts.

    Args:
        readers: what reads each, by its name.
        at_once: how many are read at the same time; None for all.
    """
    read: dict[str, Any] = {}
    failed: dict[str, str] = {}
    with ThreadPoolExecutor(at_once or max(len(readers), 1), thread_name_prefix="parts") as threads:
        begun = {name: threads.submit(reader) for name, reader in readers.items()}
        for name, result in begun.items():
            try:
                read[name] = result.result()
            except (OperatorError, GoogleAPIError, GoogleAuthError) as error:
                failed[name] = describe(getattr(error, "message", None) or error)[:300]
    return Parts(read=read, failed=failed)
