"""Finds causes by their leaders, in the collection `alerts`, which has one document for each cause."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from functions.dlq_handler.store.alertable_records import QUICK_SECONDS
from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query

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
        database: the Firestore database.
        collection: the path of the collection of the causes' documents.
        now: returns the present, in UTC.
    """

    def __init__(self, database: Database, collection: str, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._causes = Query.of(collection)
        self._now = now
        self._checked_at: datetime | None = None

    def led_by(self, message: str) -> list[LedCause]:
        """The causes that a message leads.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        led = self._causes.where_any(("leader", "==", message), ("claimant", "==", message))
        return self._read_led(led, takes_over=False)

    def leaderless(self) -> list[LedCause]:
        """Some causes whose leader was not delivered for too long. Each instance looks for them once a minute.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        now = self._now()
        if self._checked_at and now - self._checked_at < _LEADERLESS_CHECK_INTERVAL:
            return []
        self._checked_at = now
        passed = self._causes.where("leader_due_at", "<", now)
        return self._read_led(passed.limit(_MAX_LEADERLESS), takes_over=True)

    def are_too_many(self) -> bool:
        """Whether so many causes have a leader that further ones should share an alert.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        led = self._causes.where("leader", ">", "").limit(MAX_WAITING_CAUSES)
        return self._database.count(led) >= MAX_WAITING_CAUSES

    def _read_led(self, query: Query, *, takes_over: bool) -> list[LedCause]:
        return [
            LedCause(cause=found.id, collection=str((found.fields or {}).get("collection")), takes_over=takes_over)
            for found in self._database.stream(query, seconds=QUICK_SECONDS)
        ]
