"""Enrolls users: makes active users that have no due time due now, ahead of the dispatcher's next run."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from operations import document_fields

_PAGE = 10_000
_COMMIT = 400
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class EnrollmentOutcome(StrEnum):
    """What came of one user."""

    ENROLLED = "enrolled"
    ALREADY_ENROLLED = "already-enrolled"
    NOT_ACTIVE = "not-active"
    CHANGED = "changed"
    NOT_FOUND = "not-found"

    @property
    def is_success(self) -> bool:
        """Whether the user has a next report now."""
        return self in {EnrollmentOutcome.ENROLLED, EnrollmentOutcome.ALREADY_ENROLLED}


class Enrollment:
    """Enrolls users. Every method raises GoogleAPICallError if Firestore does not answer or refuses.

    Args:
        client: the Firestore client.
        now: the present, in UTC.
    """

    def __init__(self, *, client: firestore.Client, now: datetime) -> None:
        self._client = client
        self._users = client.collection("users")
        # A run by hand is for the minute in which it begins, and would not find a user who is due within that minute.
        self.due_at = now.replace(second=0, microsecond=0)

    def enroll(self, user_id: str) -> EnrollmentOutcome:
        """Enroll one user, unless the user has a due time already."""
        snapshot = self._users.document(user_id).get()
        if not snapshot.exists:
            return EnrollmentOutcome.NOT_FOUND
        if snapshot.get("active") is not True:
            return EnrollmentOutcome.NOT_ACTIVE
        if isinstance(document_fields.fields_of(snapshot).get("next_report_at"), datetime):
            return EnrollmentOutcome.ALREADY_ENROLLED
        return EnrollmentOutcome.ENROLLED if self._write([snapshot]) else EnrollmentOutcome.CHANGED

    def count(self) -> tuple[int, int]:
        """How many users are active, and how many of them are not enrolled."""
        active = self._users.where(filter=FieldFilter("active", "==", True))
        enrolled = active.where(filter=FieldFilter("next_report_at", ">=", _EARLIEST))
        everybody = document_fields.count(active)
        return everybody, everybody - document_fields.count(enrolled)

    def enroll_all(self, *, on_read: Callable[[int], None], dry_run: bool = False) -> int:
        """Enroll every active user who is not enrolled.

        Firestore cannot find documents that lack a field, so this reads all active users, a page at a time.

        Args:
            on_read: called with how many more users were read.
            dry_run: only count.

        Returns:
            how many were enrolled. Users whose documents changed in the meantime are left to the dispatcher.
        """
        enrolled = 0
        for page in self._pages():
            new = [
                user for user in page if not isinstance(document_fields.fields_of(user).get("next_report_at"), datetime)
            ]
            for start in range(0, len(new), _COMMIT):
                some = new[start : start + _COMMIT]
                enrolled += len(some) if dry_run else self._write(some)
            on_read(len(page))
        return enrolled

    def _pages(self) -> Iterator[list[Any]]:
        query = self._users.where(filter=FieldFilter("active", "==", True)).select(["next_report_at"]).limit(_PAGE)
        page = list(query.stream())
        while page:
            yield page
            page = list(query.start_after(page[-1]).stream()) if len(page) == _PAGE else []

    def _write(self, users: Sequence[Any]) -> int:
        """Make users due, unless they were changed since they were read; how many."""
        batch = self._client.batch()
        for user in users:
            unchanged = self._client.write_option(last_update_time=user.update_time)
            batch.update(user.reference, {"next_report_at": self.due_at}, option=unchanged)
        try:
            batch.commit()
        except (exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted):
            # One of them was changed, and none was written.
            return 0 if len(users) == 1 else sum(self._write([user]) for user in users)
        return len(users)
