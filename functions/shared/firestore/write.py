"""What is written to a document, and on which condition."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from google.cloud.firestore_v1.types import Write as WriteMessage

from functions.shared.firestore.field_path import field_path
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.values import set_timestamp, set_value


class Write(NamedTuple):
    """A write of one document.

    Attributes:
        path: the document's.
        fields: what to write; None to delete the document.
        mask: the only fields that change: those that `fields` lacks are removed. None for the whole document.
        condition: the version that the document must still have, or whether there must be one; None for none.
    """

    path: str
    fields: Mapping[str, Any] | None
    mask: Collection[str] | None
    condition: datetime | bool | None

    def to_message(self, root: str) -> Any:
        """As google.firestore.v1.Write.

        Args:
            root: the beginning of all names in the database.
        """
        message = WriteMessage.pb()()
        if self.fields is None:
            message.delete = root + self.path
        else:
            message.update.name = root + self.path
            for name, value in self.fields.items():
                set_value(message.update.fields[name], value, root)
            if self.mask is not None:
                message.update_mask.field_paths.extend([field_path(name) for name in self.mask])
        if isinstance(self.condition, bool):
            message.current_document.exists = self.condition
        elif self.condition is not None:
            set_timestamp(message.current_document.update_time, self.condition)
        return message


def create(path: str, fields: Mapping[str, Any]) -> Write:
    """The write of a document that there must not be yet."""
    return Write(path, fields, None, condition=False)


def update(path: str, fields: Mapping[str, Any], version: datetime | None = None) -> Write:
    """The write of some fields of a document.

    Args:
        path: the document's.
        fields: those to write, by their names.
        version: the one that the document must still have; None for any.
    """
    return Write(path, fields, fields.keys(), version or True)


def without(path: str, names: Collection[str]) -> Write:
    """The removal of fields from a document that there must be."""
    return Write(path, {}, names, condition=True)


def delete(path: str, version: datetime | None = None) -> Write:
    """The removal of a document.

    Args:
        path: the document's.
        version: the one that the document must still have; None for any, and for none.
    """
    return Write(path, None, None, version)


def changed(found: FoundDocument, fields: Mapping[str, Any]) -> Write:
    """The write of some fields of a document that must still be as it was found; there may have been none."""
    return update(found.path, fields, found.update_time) if found.exists else create(found.path, fields)


def replaced(found: FoundDocument, fields: Mapping[str, Any]) -> Write:
    """The write of a whole document that must still be as it was found; there may have been none."""
    return Write(found.path, fields, None, found.update_time or False)
