"""Tokens that lead from one page of a list to the next."""

import base64
import binascii

from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.refusals import invalid

_LIFETIME = 2 * 3600 * SECOND
"""https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/list"""


def page_token(after: str, now: int) -> str:
    """A token for the page after an item."""
    return base64.urlsafe_b64encode(f"{now}:{after}".encode()).decode()


def read_page_token(token: str, now: int) -> str:
    """The item that a token stands for; empty for the first page.

    Raises:
        RpcError: INVALID_ARGUMENT: the token is none of ours, or older than two hours.
    """
    if not token:
        return ""
    try:
        issued, after = base64.b64decode(token, altchars=b"-_", validate=True).decode().split(":", 1)
        age = now - int(issued)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise invalid("The page_token is not valid.") from error
    if age > _LIFETIME:
        raise invalid("The page_token has expired: it is valid for 2 hours.")
    return after


def page_size(requested: int, most: int) -> int:
    """How many items a page may have: the requested number, up to the method's limit.

    Raises:
        RpcError: INVALID_ARGUMENT: a negative number.
    """
    if requested < 0:
        raise invalid("The page_size cannot be negative.")
    return min(requested or most, most)
