"""The names of fields, as masks and queries have them."""

import functools

from google.cloud.firestore_v1.field_path import FieldPath

NAME = "__name__"
"""The name of a document, as a field of a query: filters and cursors have its path."""


@functools.lru_cache(maxsize=1024)
def field_path(*names: str) -> str:
    """The path to a field in maps, each name quoted where it must be.

    Args:
        names: from the outermost map inward.
    """
    path: str = FieldPath(*names).to_api_repr()
    return path
