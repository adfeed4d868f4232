"""Changes a Firestore document only if no other program has changed it meanwhile, and within a time limit.

Pub/Sub waits a minute for an answer, as its subscription says, and then delivers the message again. A call that takes
longer would run twice at the same time. Without a limit the client retries for up to five minutes.
https://cloud.google.com/pubsub/docs/subscription-properties#ack_deadline
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore


class FirestoreCall(TypedDict):
    """The options of a call of Firestore's client: `call(**QUICK_CALL)`."""

    retry: Retry
    timeout: float


def _within(seconds: float) -> FirestoreCall:
    return FirestoreCall(
        retry=Retry(predicate=_TRANSIENT, initial=0.1, maximum=1.0, timeout=seconds), timeout=seconds * 0.7
    )


_TRANSIENT = if_exception_type(
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
)

QUICK_CALL = _within(3.0)
"""For one document, which takes a few milliseconds."""

BULK_CALL = _within(10.0)
"""For hundreds or thousands of documents. If that takes longer than Pub/Sub waits, Pub/Sub delivers the message again,
and the second call finds that the first one is sending the alert."""

_CHANGED_BY_OTHERS = (
    exceptions.Aborted,
    exceptions.AlreadyExists,
    exceptions.FailedPrecondition,
    exceptions.NotFound,
)
"""How Firestore says that the document is no longer the version that was read."""

_MAX_TRIES = 8

SwapResult = TypeVar("SwapResult")
DocumentFields = Mapping[str, Any]


@dataclass(frozen=True)
class DocumentVersion:
    """One version of a document.

    Attributes:
        fields: its fields; None where the document does not exist.
    """

    fields: DocumentFields | None
    _client: firestore.Client
    _snapshot: firestore.DocumentSnapshot[firestore.DocumentReference]

    def swap(self, changes: DocumentFields) -> bool:
        """Write some fields, if this is still the document's latest version.

        A write whose answer was lost counts as another program's: the next version has what it wrote.

        Args:
            changes: the fields to write; none for no change.

        Returns:
            False if another program has written to the document, created or deleted it.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        if not changes:
            return True
        reference = self._snapshot.reference
        try:
            if self._snapshot.exists:
                unchanged = self._client.write_option(last_update_time=self._snapshot.update_time)
                reference.update(dict(changes), option=unchanged, **QUICK_CALL)
            else:
                reference.create(dict(changes), **QUICK_CALL)
        except _CHANGED_BY_OTHERS:
            return False
        return True


def document_versions(client: firestore.Client, reference: firestore.DocumentReference) -> Iterator[DocumentVersion]:
    """Read a document, and read it again whenever the caller asks for the next version because a swap failed.

    A transaction would do the same with two more calls, hold a lock meanwhile, and have no time limit.

    Args:
        client: the Firestore client.
        reference: the document.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore refused it, could not be reached, or others changed the
            document first every time.
    """
    for tries in range(1, _MAX_TRIES + 1):
        snapshot = reference.get(**QUICK_CALL)
        yield DocumentVersion(snapshot.to_dict(), client, snapshot)
        if tries < _MAX_TRIES:
            time.sleep(random.uniform(0, 0.02 * 2**tries))  # noqa: S311  it only spreads the tries
    raise exceptions.Aborted(f"others changed the document first, {_MAX_TRIES} times")  # type: ignore[no-untyped-call]  # google-api-core


def compare_and_swap(
    client: firestore.Client,
    reference: firestore.DocumentReference,
    decide: Callable[[DocumentFields | None], tuple[DocumentFields, SwapResult]],
) -> SwapResult:
    """Read a document, decide, and write only if no other program has written meanwhile; otherwise start again.

    Args:
        client: the Firestore client.
        reference: the document.
        decide: a pure function. It gets the document's fields, None where it does not exist, and returns the fields to
            write, none for no change, and the result of the whole call.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore refused it, could not be reached, or others changed the
            document first every time.
    """
    versions = document_versions(client, reference)
    while True:
        version = next(versions)
        changes, result = decide(version.fields)
        if version.swap(changes):
            return result
