"""Reads an index file of Firestore, so that the local Firestore keeps the indexes that are deployed.

https://firebase.google.com/docs/reference/firestore/indexes
"""

import json
from pathlib import Path

from local_cloud.errors import LocalCloudError

CompositeIndexes = dict[str, list[tuple[tuple[str, ...], ...]]]


def read_index_file(path: Path) -> CompositeIndexes:
    """The composite indexes of a file by collection id, each a list of field paths.

    Directions are left out: the local Firestore walks an index either way.

    Args:
        path: the file.

    Raises:
        LocalCloudError: the file cannot be read, or is not an index file. The text names the file.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        indexes: CompositeIndexes = {}
        for index in document["indexes"]:
            fields = tuple(tuple(field["fieldPath"].split(".")) for field in index["fields"])
            indexes.setdefault(index["collectionGroup"], []).append(fields)
    except OSError as error:
        raise LocalCloudError(f"{path} cannot be read: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalCloudError(f"{path} is not a Firestore index file: {type(error).__name__}: {error}.") from error
    return indexes
