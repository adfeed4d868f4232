"""Writes many changes at once, each of them only if its documents are still as they were read."""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any

from google.api_core import exceptions
from google.cloud import firestore

Change = Callable[[firestore.WriteBatch], None]
"""Adds the writes of one change, with their conditions, to a batch."""


NO_ROOM = "the document: must have room for the pipeline's fields"
"""The problem of a document whose change Firestore refuses."""


class CommitResult(Enum):
    """The result of a change."""

    WRITTEN = auto()
    """Its documents have it."""
    CHANGED_MEANWHILE = auto()
    """A condition did not hold: another program wrote first."""
    REFUSED = auto()
    """Firestore takes no such write: a document would become too large."""


def update(client: firestore.Client, reference: Any, fields: dict[str, Any], *, version: Any) -> Change:
    """The change of one document.

    Args:
        client: the Firestore client.
        reference: the document's.
        fields: what to write.
        version: the update time of the document as it was read.
    """

    def add(batch: firestore.WriteBatch) -> None:
        batch.update(reference, fields, option=client.write_option(last_update_time=version))

    return add


def all_of(changes: Sequence[Change]) -> Change:
    """Several changes as one: either Firestore has all of them, or none."""

    def add(batch: firestore.WriteBatch) -> None:
        for change in changes:
            change(batch)

    return add


def commit(client: firestore.Client, changes: Sequence[Change]) -> list[CommitResult]:
    """Write changes, in one commit where all of them go through. A change that fails holds up no other.

    Args:
        client: the Firestore client.
        changes: each of one document or a few.

    Returns:
        what became of each, in their order.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore cannot be written.
    """
    if not changes:
        return []
    batch = client.batch()
    all_of(changes)(batch)
    try:
        batch.commit()
    except (
        exceptions.FailedPrecondition,
        exceptions.NotFound,
        exceptions.AlreadyExists,
        exceptions.Aborted,
        exceptions.InvalidArgument,
    ) as error:
        # One change failed, so the commit wrote none of them.
        if len(changes) > 1:
            middle = len(changes) // 2
            return [*commit(client, changes[:middle]), *commit(client, changes[middle:])]
        refused = isinstance(error, exceptions.InvalidArgument)
        return [CommitResult.REFUSED if refused else CommitResult.CHANGED_MEANWHILE]
    return [CommitResult.WRITTEN] * len(changes)
