"""Gives active users their first due time.

No run finds a user whose `next_report_at` is missing or is no plausible timestamp, and Firestore cannot be asked for
documents that lack a field. Two counts tell whether there are any: of the active users, and of those among them with a
plausible timestamp, at the price of one document read per thousand users. Only if the counts differ does the run look
for the users. The index finds those whose field has another value; for those without the field the run walks through
the active users until it has found as many as are missing. An application that writes `next_report_at: null` with each
new user spares its dispatcher that walk.

All that is compared is read at one time: a user who leaves between two counts would look like a new user whom no walk
ever finds.
https://firebase.google.com/docs/firestore/query-data/aggregation-queries#pricing
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#runaggregationqueryrequest
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import structlog
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.types import Value

from functions.dispatcher.due_user import FIELDS, DueUser, has_no_due_time, read_due_user, read_stray, user_id_of
from functions.dispatcher.user_stream import Operator, UserStream
from functions.shared.plausible_time import EARLIEST, LATEST

_ENROLLMENTS_A_COMMIT = 400
_MISNAMED_SHOWN = 100
_ACTIVE = ("active", Operator.EQUAL, Value(boolean_value=True))

_logger = structlog.get_logger()


class Enrolled(NamedTuple):
    """What came of enrolling users. Those who were changed meanwhile are in neither list; the next run enrolls them.

    Attributes:
        users: those who are due now.
        malformed: those whose due time is no timestamp, or whose document is too large for Firestore to change.
    """

    users: list[DueUser]
    malformed: list[DueUser]


class Enrollment:
    """Finds the users and enrolls them.

    Args:
        client: the Firestore client, for counts and writes.
        stream: what reads users.
    """

    def __init__(self, client: firestore.Client, stream: UserStream) -> None:
        self._client = client
        self._stream = stream
        self._active = client.collection("users").where(filter=FieldFilter("active", "==", True))

    def is_needed(self) -> bool:
        """Whether there are any such users.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        active, read_time = _count(self._active)
        scheduled = self._active.where(filter=FieldFilter("next_report_at", ">=", EARLIEST)).where(
            filter=FieldFilter("next_report_at", "<=", LATEST)
        )
        return active != _count(scheduled, read_time)[0]

    def enroll(self, run_time: datetime) -> Iterator[Enrolled]:
        """Make each user due at the run's time, unless the document has changed since it was read; in batches.

        Args:
            run_time: the time that the run is for.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read or written.
        """
        for batch in _in_batches(self._find()):
            unscheduled = [document for document in batch if has_no_due_time(document)]
            strays = [read_stray(document, run_time) for document in batch if not has_no_due_time(document)]
            users, refused = self._enroll(unscheduled, run_time) if unscheduled else Enrolled([], [])
            yield Enrolled(users, [*strays, *refused])

    def warn_of_misnamed(self, run_id: str) -> None:
        """Log the ids of users whose `active` is neither true, false nor null, a hundred at most. It raises nothing.

        Args:
            run_id: the id of the run.
        """
        query = (
            self._client.collection("users")
            .order_by("active")
            .start_after({"active": True})
            .select([])
            .limit(_MISNAMED_SHOWN)
        )
        try:
            misnamed = [snapshot.id for snapshot in query.stream()]
        except Exception:
            _logger.exception("misnamed_users_unreadable", run_id=run_id)
            return
        if misnamed:
            _logger.warning(
                "users_ignored",
                run_id=run_id,
                field="active",
                user_ids=misnamed,
                hint="these users get no reports: `active` must be true or false",
            )

    def _find(self) -> Iterator[Any]:
        """Active users without a plausible timestamp in `next_report_at`, as google.firestore.v1.Document."""
        others = functools.partial(self._stream.read, where=[_ACTIVE], order_by=["next_report_at"], select=FIELDS)
        yield from others(end_before=[Value(timestamp_value=EARLIEST)])
        yield from others(start_after=[Value(timestamp_value=LATEST)])
        # An order by a field leaves out the documents without it.
        active, read_time = _count(self._active)
        missing = active - _count(self._active.order_by("next_report_at"), read_time)[0]
        if missing > 0:
            walk = self._stream.read(where=[_ACTIVE], order_by=[], select=FIELDS, read_time=read_time)
            yield from islice((document for document in walk if "next_report_at" not in document.fields), missing)

    def _enroll(self, documents: Sequence[Any], run_time: datetime) -> Enrolled:
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
                each = [self._enroll([document], run_time) for document in documents]
                return Enrolled(
                    [user for enrolled in each for user in enrolled.users],
                    [user for enrolled in each for user in enrolled.malformed],
                )
            if isinstance(error, exceptions.InvalidArgument):
                user = read_due_user(documents[0], run_time)
                return Enrolled([], [user._replace(problem="the document: must have room for the pipeline's fields")])
            return Enrolled([], [])
        return Enrolled([read_due_user(document, run_time) for document in documents], [])

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


def _in_batches(documents: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut a stream into what one commit takes."""
    iterator = iter(documents)
    while batch := list(islice(iterator, _ENROLLMENTS_A_COMMIT)):
        yield batch


def _count(query: Any, read_time: datetime | None = None) -> tuple[int, datetime]:
    """How many there are, and when that was so."""
    result = query.count().get(read_time=read_time)[0][0]
    return int(result.value), result.read_time
