"""Lists in pages."""

from collections.abc import Iterable, Sequence

MAX_PAGE_SIZE = 1000


def page_of(names: Iterable[str], *, page_size: int, page_token: str) -> tuple[Sequence[str], str]:
    """One page of a list of names.

    Args:
        names: all of them.
        page_size: how many a page holds; 0: as many as Pub/Sub gives.
        page_token: as the page before gave it; empty for the first.

    Returns:
        The names, and the token of the next page: the last name, or empty if there is no next page.
    """
    size = min(page_size, MAX_PAGE_SIZE) if page_size > 0 else MAX_PAGE_SIZE
    rest = sorted(name for name in names if name > page_token)
    return rest[:size], rest[size - 1] if len(rest) > size else ""
