"""Active users that no run would find, since `next_report_at` is missing or is no plausible timestamp.

Firestore cannot be asked for documents that lack a field. Two counts, of the active users and of those among them with
a plausible timestamp, tell whether there are any, at one document read per thousand users; only if they differ is
anybody looked for. Those whose field has another value come from the index; for those without the field the active
users are walked through until as many as are missing have been found. An application that writes
`next_report_at: null` with each new user spares its dispatcher that walk.

All that is compared is read at one time: a user who leaves between two counts would look like a newcomer whom no walk
ever finds.
https://firebase.google.com/docs/firestore/query-data/aggregation-queries#pricing
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#runaggregationqueryrequest
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.types import Value

from functions.dispatcher.due_user import FIELDS, DueUser, read_due_user, user_id_of
from functions.dispatcher.user_stream import Operator, UserStream
from functions.shared.plausible_time import EARLIEST, LATEST

_ENROLMENTS_A_COMMIT = 400
_MISNAMED_SHOWN = 100
_ACTIVE = ("active", Operator.EQUAL, Value(boolean_value=True))


class Enrolled(NamedTuple):
    """What came of enrolling users; those who were changed meanwhile are in neither, and left to the next run.

    Attributes:
        users: those who are due now.
        refused: those whose document Firestore does not change, since it is too large.
    """

    users: list[DueUser]
    refused: list[DueUser]


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
        active, read_time = _count(self._active)
        scheduled = self._active.where(filter=FieldFilter("next_report_at", ">=", EARLIEST)).where(
            filter=FieldFilter("next_report_at", "<=", LATEST)
        )
        return active != _count(scheduled, read_time)[0]

    def find(self) -> Iterator[Any]:
        """Active users without a plausible timestamp in `next_report_at`, as google.firestore.v1.Document.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        others = functools.partial(self._stream.read, where=[_ACTIVE], order_by=["next_report_at"], select=FIELDS)
        yield from others(end_before=[Value(timestamp_value=EARLIEST)])
        yield from others(start_after=[Value(timestamp_value=LATEST)])
        # An order by a field leaves out the documents without it.
        active, read_time = _count(self._active)
        missing = active - _count(self._active.order_by("next_report_at"), read_time)[0]
        if missing > 0:
            walk = self._stream.read(where=[_ACTIVE], order_by=[], select=FIELDS, read_time=read_time)
            yield from islice((document for document in walk if "next_report_at" not in document.fields), missing)

    def enrol(self, documents: Sequence[Any], run_time: datetime) -> Enrolled:
        """Make users due at the run's time, unless they have been changed since they were read.

        Args:
            documents: as `find()` gives them, without a value in `next_report_at`.
            run_time: the run's.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be written.
        """
        try:
            self._write(documents, run_time)
        except (
            exceptions.FailedPrecondition,
            exceptions.NotFound,
            exceptions.Aborted,
            exceptions.InvalidArgument,
        ) as error:
            if len(documents) > 1:
                # One of them was changed, or cannot be, and none was written.
                each = [self.enrol([document], run_time) for document in documents]
                return Enrolled(
                    [user for enrolled in each for user in enrolled.users],
                    [user for enrolled in each for user in enrolled.refused],
                )
            if isinstance(error, exceptions.InvalidArgument):
                user = read_due_user(documents[0], run_time)
                return Enrolled([], [user._replace(problem="the document: must have room for the pipeline's fields")])
            return Enrolled([], [])
        return Enrolled([read_due_user(document, run_time) for document in documents], [])

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


def _count(query: Any, read_time: datetime | None = None) -> tuple[int, datetime]:
    """How many there are, and when that was so."""
    result = query.count().get(read_time=read_time)[0][0]
    return int(result.value), result.read_time
