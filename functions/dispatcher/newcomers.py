"""Active users that no run would find, since `next_report_at` is missing or is not a timestamp.

Firestore cannot be asked for documents that lack a field. Two counts, of the active users and of those among them with
a timestamp, tell whether there are any, at one document read per thousand users; only if they differ is anybody looked
for. Those whose field is null or of another type come from the index; for those without the field the active users
are walked through until as many as are missing have been found. An application that writes `next_report_at: null`
with each new user spares its dispatcher that walk.
https://firebase.google.com/docs/firestore/query-data/aggregation-queries#pricing
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.types import Value

from functions.dispatcher.due_user import FIELDS, DueUser, read_due_user, user_id_of
from functions.dispatcher.user_stream import Operator, UserStream

_ENROLMENTS_A_COMMIT = 400
_MISNAMED_SHOWN = 100
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_ACTIVE = ("active", Operator.EQUAL, Value(boolean_value=True))


class Newcomers:
    """Finds and enrols them.

    Args:
        client: the Firestore client, for counts and writes.
        stream: what reads users.
    """

    def __init__(self, client: firestore.Client, stream: UserStream) -> None:
        self._client = client
        self._stream = stream
        self._active = client.collection("users").where(filter=FieldFilter("active", "==", True))

    def exist(self) -> bool:
        """Whether there are any.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        scheduled = self._active.where(filter=FieldFilter("next_report_at", ">=", _EARLIEST))
        with ThreadPoolExecutor(2) as threads:
            first, second = threads.map(_count, (self._active, scheduled))
        return first != second

    def find(self) -> Iterator[Any]:
        """Active users without a timestamp in `next_report_at`, as google.firestore.v1.Document.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        for place in (
            {"end_before": [Value(timestamp_value=_EARLIEST)]},
            {"start_after": [Value(timestamp_value=_LATEST)]},
        ):
            yield from self._stream.read(where=[_ACTIVE], order_by=["next_report_at"], select=FIELDS, **place)
        # An order by a field leaves out the documents without it.
        missing = _count(self._active) - _count(self._active.order_by("next_report_at"))
        if missing > 0:
            walk = self._stream.read(where=[_ACTIVE], order_by=[], select=FIELDS)
            yield from islice((document for document in walk if "next_report_at" not in document.fields), missing)

    def enrol(self, documents: Sequence[Any], run_time: datetime) -> list[DueUser]:
        """Make users due at the run's time, unless they have been changed since they were read.

        Args:
            documents: as `find()` gives them, without a value in `next_report_at`.
            run_time: the run's.

        Returns:
            those enrolled. The others are left to the next run.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be written.
        """
        try:
            self._write(documents, run_time)
        except (exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted):
            if len(documents) == 1:
                return []
            # Somebody changed one of them, and none was written.
            return [user for document in documents for user in self.enrol([document], run_time)]
        return [read_due_user(document, run_time) for document in documents]

    def misnamed(self) -> list[str]:
        """The ids of users whose `active` is neither true, false nor null, a hundred at most."""
        query = (
            self._client.collection("users")
            .order_by("active")
            .start_after({"active": True})
            .select([])
            .limit(_MISNAMED_SHOWN)
        )
        return [snapshot.id for snapshot in query.stream()]

    def _write(self, documents: Sequence[Any], run_time: datetime) -> None:
        batch = self._client.batch()
        users = self._client.collection("users")
        for document in documents:
            batch.update(
                users.document(user_id_of(document)),
                {"next_report_at": run_time},
                option=self._client.write_option(last_update_time=document.update_time),
            )
        batch.commit()


def in_batches(documents: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut a stream into what one commit takes."""
    iterator = iter(documents)
    while batch := list(islice(iterator, _ENROLMENTS_A_COMMIT)):
        yield batch


def _count(query: Any) -> int:
    return int(query.count().get()[0][0].value)
