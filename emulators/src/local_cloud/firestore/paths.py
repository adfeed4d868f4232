"""Names of documents and collections, and paths of fields.

The rules are those of https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields
"""

import re
from functools import lru_cache

from local_cloud.firestore.errors import invalid_argument

FieldPath = tuple[str, ...]
"""A field's place in a document: the key of a top-level field, then of the map in it, and so on."""

NAME: FieldPath = ("__name__",)
"""The document's own name, as a field path."""

MAX_ID_BYTES = 1500
MAX_DOCUMENT_NAME_BYTES = 6 * 1024
MAX_SUBCOLLECTION_DEPTH = 100
MAX_FIELD_NAME_BYTES = 1500
MAX_FIELD_PATH_BYTES = 1500

_RESERVED = re.compile(r"__.*__", re.DOTALL)
_NUMERIC_ID = re.compile(r"__id(0|-?[1-9][0-9]{0,18})__")
"""A whole number of 64 bits, written in one way only: two spellings of a number would be one document."""

_INT64 = range(-(2**63), 2**63)
_SIMPLE = re.compile(r"[a-zA-Z_][a-zA-Z_0-9]*")
_PART = re.compile(r"(?:([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)+)`)(\.(?=.)|\Z)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def split_database(name: str) -> tuple[str, str]:
    """`projects/P/databases/D` or a name below it: (the database's name, what comes after it).

    Raises:
        RpcError: INVALID_ARGUMENT, it is not such a name.
    """
    parts = name.split("/", 4)
    if len(parts) < 4 or parts[0] != "projects" or parts[2] != "databases" or not parts[1] or not parts[3]:
        raise invalid_argument(f'Resource name "{name}" is not of the form projects/PROJECT/databases/DATABASE.')
    return "/".join(parts[:4]), parts[4] if len(parts) > 4 else ""


def split_parent(name: str) -> tuple[str, str]:
    """A document's name or the root `.../documents`: (the database's name, the path below it, empty for the root).

    Raises:
        RpcError: INVALID_ARGUMENT, it is neither.
    """
    database, rest = split_database(name)
    root, slash, path = rest.partition("/")
    if root != "documents":
        raise invalid_argument(f'Resource name "{name}" lacks "documents" at index 4.')
    if path and path.count("/") % 2 == 0:
        raise invalid_argument(f'Document parent name "{name}" is the name of a collection.')
    if slash:
        check_path(path, name)
    return database, path


def split_document(name: str) -> tuple[str, str]:
    """A document's name: (the database's name, the path below it).

    Raises:
        RpcError: INVALID_ARGUMENT, it is not a document's name.
    """
    database, path = split_parent(name)
    if not path:
        raise invalid_argument(f'Document name "{name}" has no collection and document id.')
    return database, path


def check_path(path: str, name: str) -> None:
    """Refuse a path that Firestore would refuse.

    Raises:
        RpcError: INVALID_ARGUMENT, saying which id is wrong.
    """
    segments = path.split("/")
    if len(segments) > 2 * MAX_SUBCOLLECTION_DEPTH:
        raise invalid_argument(f'Resource name "{name}" is nested deeper than {MAX_SUBCOLLECTION_DEPTH} collections.')
    if len(name.encode()) > MAX_DOCUMENT_NAME_BYTES:
        raise invalid_argument(f"Resource name is longer than {MAX_DOCUMENT_NAME_BYTES} bytes.")
    for segment in segments:
        check_id(segment, name)


def check_id(segment: str, name: str) -> None:
    """Refuse a collection or document id that Firestore would refuse.

    Raises:
        RpcError: INVALID_ARGUMENT, saying what is wrong.
    """
    if not segment:
        raise invalid_argument(f'Resource name "{name}" contains an empty id.')
    if segment in {".", ".."}:
        raise invalid_argument(f'Resource id "{segment}" is invalid.')
    if segment.startswith("__") and _RESERVED.fullmatch(segment) and not _is_numeric(segment):
        raise invalid_argument(f'Resource id "{segment}" is invalid because it is reserved.')
    if len(segment.encode()) > MAX_ID_BYTES:
        raise invalid_argument(f"Resource id is longer than {MAX_ID_BYTES} bytes.")


def check_single_id(given: str) -> None:
    """Refuse a collection or document id that a request names by itself, not in a path.

    Raises:
        RpcError: INVALID_ARGUMENT, saying what is wrong.
    """
    if "/" in given:
        raise invalid_argument(f'Resource id "{given}" is invalid because it contains a "/".')
    check_id(given, given)


def _is_numeric(segment: str) -> bool:
    number = _NUMERIC_ID.fullmatch(segment)
    return number is not None and int(number[1]) in _INT64


def is_reserved(name: str) -> bool:
    """Whether documents cannot have a field of this name."""
    return name.startswith("__") and _RESERVED.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def parse_field_path(path: str) -> FieldPath:
    """A field path as the protocol writes it: `a.b`, or with backquotes: a.`b c`; `__name__` for the document's name.

    Raises:
        RpcError: INVALID_ARGUMENT, it is not one, it is too long, or a reserved name is in it.
    """
    parts: list[str] = []
    position = 0
    while position < len(path) or not parts:
        part = _PART.match(path, position)
        if part is None:
            raise invalid_argument(
                f'Invalid property path "{path}". Unquoted property names must match regex '
                "([a-zA-Z_][a-zA-Z_0-9]*), and quoted property names must match regex (`(?:[^`\\\\]|(?:\\\\.))+`)."
            )
        simple, quoted, _ = part.groups()
        parts.append(simple if quoted is None else _ESCAPED.sub(r"\1", quoted))
        position = part.end()
    parsed = tuple(parts)
    if len(".".join(parsed).encode()) > MAX_FIELD_PATH_BYTES:
        raise invalid_argument(f"A field path is longer than {MAX_FIELD_PATH_BYTES} bytes.")
    if parsed != NAME and any(map(is_reserved, parsed)):
        raise invalid_argument(f'Invalid property path "{path}": it has a reserved name in it.')
    return parsed


def format_field_path(path: FieldPath) -> str:
    """The inverse of `parse_field_path`."""
    return ".".join(
        part if _SIMPLE.fullmatch(part) else "`" + part.replace("\\", "\\\\").replace("`", "\\`") + "`" for part in path
    )
