"""Lists in pages."""

from collections.abc import Iterable, Sequence
from typing import Any

from local_cloud.pubsub.names import check_project, project_of

MAX_PAGE_SIZE = 1000


def page_of(names: Iterable[str], request: Any) -> tuple[Sequence[str], str]:
    """One page of a list of names.

    Args:
        names: all of them.
        request: for the page: its `page_size` is how many it holds, 0 for as many as Pub/Sub gives, and its
            `page_token` is as the page before gave it, empty for the first.

    Returns:
        The names, and the token of the next page: the last name, or empty if there is no next page.
    """
    size = min(request.page_size, MAX_PAGE_SIZE) if request.page_size > 0 else MAX_PAGE_SIZE
    rest = sorted(name for name in names if name > request.page_token)
    return rest[:size], rest[size - 1] if len(rest) > size else ""


def page_of_project(names: Iterable[str], request: Any) -> tuple[Sequence[str], str]:
    """One page of the names in a project, as `page_of` gives it.

    Args:
        names: those of all projects.
        request: for the page; its `project` says which project's.

    Raises:
        RpcError: what should name the project is malformed.
    """
    check_project(request.project)
    return page_of((name for name in names if project_of(name) == request.project), request)
