"""Suggests ids where an operator names a document that does not exist: half an id, or one with a slip."""

import difflib
from typing import Any

from google.cloud.firestore_v1.field_path import FieldPath

from functions.shared.ids import is_document_id

_MOST = 3
_READ = 20
"""How many ids each look reads: those that begin with the id, with all but its last character, then with shorter and
shorter beginnings of it."""

_LAST = "\uf8ff"
"""Sorts behind every id that is written."""


def did_you_mean(collection: Any, wanted: str) -> str:
    """A question to put behind the sentence that there is no such document; empty where no id is like it.

    Args:
        collection: where the document would be.
        wanted: the id that is not there.
    """
    if not is_document_id(wanted):
        return ""
    found = _beginning_with(collection, wanted)
    length = len(wanted) - 1
    while not found and length > 0:
        near = _beginning_with(collection, wanted[:length])
        found = difflib.get_close_matches(wanted, near, n=_MOST)
        length //= 2
    if not found:
        return ""
    *others, last = found[:_MOST]
    return f" Did you mean {', '.join(others)} or {last}?" if others else f" Did you mean {last}?"


def _beginning_with(collection: Any, prefix: str) -> list[str]:
    by_id = FieldPath.document_id()
    query = collection.order_by(by_id).select([by_id])
    query = query.start_at({by_id: collection.document(prefix)}).end_at({by_id: collection.document(prefix + _LAST)})
    return [snapshot.id for snapshot in query.limit(_READ).stream()]
