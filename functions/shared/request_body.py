"""The body of a request, as much of it as anybody who may call has a use for."""

from typing import IO

MOST_BYTES = 1024 * 1024
"""What a task may have. https://cloud.google.com/tasks/docs/quotas"""

_CHUNK = 64 * 1024


def read_body(stream: IO[bytes]) -> bytes:
    """Read a body to its end, and keep its first MOST_BYTES. What is cut off there is no task any more, and no JSON.

    To be called for every request, also one that is refused: functions-framework reads what is left of a body when the
    function has answered, and keeps all of it in memory, whoever sent it.

    Args:
        stream: the request's.
    """
    body = stream.read(MOST_BYTES)
    while stream.read(_CHUNK):
        pass
    return body
