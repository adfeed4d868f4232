"""What an index file declares: the composite indexes of a collection id, and the fields whose own indexes differ.

https://firebase.google.com/docs/reference/firestore/indexes
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from local_cloud.firestore.paths import NAME, FieldPath

CompositeFields = tuple[FieldPath, ...]
"""The fields of a composite index in order."""


class Mode(StrEnum):
    """How an index holds a field. The names are those of Firestore's messages."""

    ASCENDING = "ASC"
    DESCENDING = "DESC"
    CONTAINS = "CONTAINS"
    VECTOR = "VECTOR"


AUTOMATIC = frozenset({Mode.ASCENDING, Mode.DESCENDING, Mode.CONTAINS})
"""The indexes that a field has in each collection unless an override says otherwise."""

NO_MODES: frozenset[Mode] = frozenset()
"""The indexes that a field has over all collections of one id together unless an override says otherwise."""

FieldModes = Mapping[FieldPath, frozenset[Mode]]
"""The indexes of the fields that overrides name. The empty path stands for all fields that are not listed."""


def modes_of(path: FieldPath, overridden: FieldModes, default: frozenset[Mode]) -> frozenset[Mode]:
    """The indexes of a field by itself. An override of a map holds for its parts."""
    for length in range(len(path), -1, -1):
        if path[:length] in overridden:
            return overridden[path[:length]]
    return default


@dataclass(frozen=True, slots=True)
class IndexField:
    """One field of a composite index.

    Attributes:
        path: the field.
        mode: how the index holds it.
        dimension: the length of its vectors; 0 for other modes.
    """

    path: FieldPath
    mode: Mode
    dimension: int = 0


CompositeIndex = tuple[IndexField, ...]
"""A composite index. The last field is the document's name, or the one with vectors."""


@dataclass(frozen=True, kw_only=True)
class DeclaredIndexes:
    """What an index file says of the collections with one id.

    Attributes:
        composites: the composite indexes of each collection.
        fields: the indexes of a field in each collection, where they are not the automatic ones.
        group_composites: the composite indexes of all these collections together.
        group_fields: the indexes of a field over all of them together, where there are any.
    """

    composites: tuple[CompositeIndex, ...] = ()
    fields: FieldModes = field(default_factory=dict)
    group_composites: tuple[CompositeIndex, ...] = ()
    group_fields: FieldModes = field(default_factory=dict)

    @property
    def kept(self) -> tuple[CompositeFields, ...]:
        """The composite indexes that the local Firestore keeps of each collection."""
        return _kept(self.composites)

    @property
    def group_kept(self) -> tuple[CompositeFields, ...]:
        """Those that it keeps of all of them together."""
        return _kept(self.group_composites)

    @property
    def exempt(self) -> frozenset[FieldPath]:
        """The fields that have no index of their own in a collection."""
        return frozenset(path for path, modes in self.fields.items() if path and not modes)

    @property
    def group_kept_fields(self) -> frozenset[FieldPath]:
        """The fields whose indexes over all of them together it keeps."""
        return frozenset(path for path, modes in self.group_fields.items() if path and modes)

    @property
    def has_group(self) -> bool:
        """Whether there is an index of all of them together."""
        return bool(self.group_composites or self.group_fields)


NOTHING_DECLARED = DeclaredIndexes()


def _kept(declared: tuple[CompositeIndex, ...]) -> tuple[CompositeFields, ...]:
    """Each list of fields once: the local Firestore walks an index either way."""
    ordered = (each for each in declared if {part.mode for part in each} <= {Mode.ASCENDING, Mode.DESCENDING})
    listed = (tuple(part.path for part in each if part.path != NAME) for each in ordered)
    return tuple(dict.fromkeys(filter(None, listed)))
