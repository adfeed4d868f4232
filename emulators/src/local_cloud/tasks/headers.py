"""The headers of tasks and of queues: those that HTTP can carry, and not too many."""

import re
from collections.abc import Collection

from local_cloud.tasks.refusals import invalid

MAX_BYTES = 80 * 1024
"""https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#HttpRequest.FIELDS.headers"""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_VALUES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check_headers(field: str, headers: Collection[tuple[str, str]]) -> None:
    """Refuse headers with which no request could be sent: https://www.rfc-editor.org/rfc/rfc9110#section-5.

    Args:
        field: where they are, for the message.
        headers: names and values.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    size = 0
    for name, value in headers:
        if not _NAME.fullmatch(name):
            raise invalid(f"{field}: '{name}' is not a valid header name.")
        if _NOT_IN_VALUES.search(value):
            raise invalid(f"{field}: the value of '{name}' has a control character.")
        size += len(name) + len(value)
    if size >= MAX_BYTES:
        raise invalid(f"{field} must be less than 80KB in size.")
