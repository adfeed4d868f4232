"""The body of a request, up to the largest that a task can have."""

from typing import IO

MOST_BYTES = 1024 * 1024
"""The largest body of a task. https://cloud.google.com/tasks/docs/quotas"""

_CHUNK = 64 * 1024


def read_body(stream: IO[bytes], most_bytes: int = MOST_BYTES) -> bytes:
    """Read a body to its end, and keep its first bytes. A longer body is cut, and is then no valid JSON.

    Call this for every request, also for one that is refused: functions-framework reads what is left of a body when the
    function has answered, and keeps all of it in memory, even if the caller is not authorized.

    Args:
        stream: the request's.
        most_bytes: how many to keep.
    """
    body = stream.read(most_bytes)
    while stream.read(_CHUNK):
        pass
    return body
