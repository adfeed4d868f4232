"""Suggests ids where an operator names a document that does not exist: half an id, or one with a slip."""

import difflib

from functions.shared.firestore.database import Database
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.query import Query
from functions.shared.records.ids import is_document_id

_MOST = 3
_READ = 20
"""How many ids each look reads: those that begin with the id, with all but its last character, then with shorter and
shorter beginnings of it."""

_LAST = "\uf8ff"
"""Sorts behind every id that is written."""


def did_you_mean(database: Database, collection: str, wanted: str) -> str:
    """A question to put behind the sentence that there is no such document; empty where no id is like it.

    Args:
        collection: the path of the collection where the document would be.
        wanted: the id that is not there.
    """
    if not is_document_id(wanted):
        return ""
    found = _beginning_with(database, collection, wanted)
    length = len(wanted) - 1
    while not found and length > 0:
        near = _beginning_with(database, collection, wanted[:length])
        found = difflib.get_close_matches(wanted, near, n=_MOST)
        length //= 2
    if not found:
        return ""
    *others, last = found[:_MOST]
    return f" Did you mean {', '.join(others)} or {last}?" if others else f" Did you mean {last}?"


def _beginning_with(database: Database, collection: str, prefix: str) -> list[str]:
    query = Query.of(collection).order_by(NAME).select([]).limit(_READ)
    query = query.start_at(f"{collection}/{prefix}").end_at(f"{collection}/{prefix}{_LAST}")
    return [found.id for found in database.stream(query)]
