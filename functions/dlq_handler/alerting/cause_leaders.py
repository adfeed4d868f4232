"""Finds causes by their leaders, in the collection `alerts`, which has one document for each cause."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter, Or

from functions.dlq_handler.store.compare_and_swap import QUICK_CALL

MAX_WAITING_CAUSES = 20
"""How many causes may have a leader before further ones share an alert. Hundreds of alerts, each about one dead letter,
would be of no use to people, and would take minutes at one a second."""

_LEADERLESS_CHECK_INTERVAL = timedelta(minutes=1)
_MAX_LEADERLESS = 3
"""How many causes without a leader one message takes over: each alert takes seconds, and the message has a minute."""


class LedCause(NamedTuple):
    """A cause that a message must handle, besides the cause of its own record.

    Attributes:
        cause: its id.
        collection: the name of the collection that its records are in, as the document has it.
        takes_over: whether the cause has lost its leader.
    """

    cause: str
    collection: str
    takes_over: bool


class CauseLeaders:
    """The leaders of all causes.

    Args:
        collection: the collection of the causes' documents.
        now: returns the present, in UTC.
    """

    def __init__(self, collection: firestore.CollectionReference, *, now: Callable[[], datetime]) -> None:
        self._collection = collection
        self._now = now
        self._checked_at: datetime | None = None

    def led_by(self, message: str) -> list[LedCause]:
        """The causes that a message leads.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        leads = Or([FieldFilter("leader", "==", message), FieldFilter("claimant", "==", message)])
        return _read_led(self._collection.where(filter=leads), takes_over=False)

    def leaderless(self) -> list[LedCause]:
        """Some causes whose leader was not delivered for too long. Each instance looks for them once a minute.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        now = self._now()
        if self._checked_at and now - self._checked_at < _LEADERLESS_CHECK_INTERVAL:
            return []
        self._checked_at = now
        overdue = self._collection.where(filter=FieldFilter("leader_due_at", "<", now))
        return _read_led(overdue.limit(_MAX_LEADERLESS), takes_over=True)

    def are_too_many(self) -> bool:
        """Whether so many causes have a leader that further ones should share an alert.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        led: Any = self._collection.where(filter=FieldFilter("leader", ">", "")).limit(MAX_WAITING_CAUSES).count()
        [[count]] = led.get(**QUICK_CALL)
        return bool(count.value >= MAX_WAITING_CAUSES)


def _read_led(query: Any, *, takes_over: bool) -> list[LedCause]:
    return [
        LedCause(cause=found.id, collection=str((found.to_dict() or {}).get("collection")), takes_over=takes_over)
        for found in query.stream(**QUICK_CALL)
    ]
