"""Tells the team's application what became of reports: each outcome at least once, after the record has it.

As a rule this costs no write. The commit that makes a delivery final leaves its subscription due for it until Pub/Sub
has the event. If the process ends before that, the task's next call finds the delivery final, or else the next run
finds the subscription due for it, and makes a task: the same event is published, and the subscription moves.
Where no subscription is due for the delivery, as for a replay, and where Pub/Sub does not take the event, a commit
keeps it, as a document of its own. Once it is published, the document goes; what is left the next run publishes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, delete
from functions.shared.outcome_topic import OutcomeNotTold, OutcomeTopic
from functions.shared.records.outcome import UNTOLD_OUTCOMES, Outcome
from functions.shared.sanitize import error_text
from functions.shared.threads import Threads


class _Settings(Protocol):
    google_cloud_project: str
    firestore_database: str
    outcomes_topic: str | None


_MOST = 2_000
"""How many kept events a run publishes."""

_AT_ONCE = 16

_FORGET_SECONDS = 2.0
"""Deleting a kept event that is told. If that fails, the next run tells it again."""

_KEPT_FOR = timedelta(days=30)
"""After this Firestore deletes an event that no run has told, by the TTL policy on `expire_at`."""

_logger = structlog.get_logger()


def keep(outcome: Outcome) -> Write:
    """The write that keeps an event until it is published."""
    return Write(outcome.path, {**outcome._asdict(), "expire_at": outcome.at + _KEPT_FOR}, None, condition=None)


class Outcomes:
    """Publishes events, and forgets those that were kept. Safe for threads.

    Args:
        database: the Firestore database.
        topic: where the events go.
    """

    def __init__(self, database: Database, topic: OutcomeTopic) -> None:
        self._database = database
        self._topic = topic

    @classmethod
    def from_settings(cls, settings: _Settings, database: Database) -> "Outcomes | None":
        """What the environment says; None where the application wants to hear nothing.

        Args:
            settings: a function's.
            database: the Firestore database.
        """
        if settings.outcomes_topic is None:
            return None
        project, name = settings.google_cloud_project, settings.firestore_database
        return cls(database, OutcomeTopic(project, settings.outcomes_topic, database=name))

    def tell(self, outcome: Outcome) -> bool:
        """Publish an event.

        Returns:
            whether Pub/Sub has it. If not, the next run publishes it, once it is kept.
        """
        try:
            self._topic.publish(outcome)
        except OutcomeNotTold as error:
            _logger.warning("outcome_told_later", outcome=outcome.type, error=error_text(error))
            return False
        return True

    def forget(self, outcome: Outcome) -> None:
        """Delete a kept event that is told."""
        try:
            self._database.commit([delete(outcome.path)], seconds=_FORGET_SECONDS)
        except GoogleAPIError as error:
            # The next run publishes it again, under the same id.
            _logger.info("outcome_still_kept", outcome=outcome.type, error=type(error).__name__)

    def tell_all(self, outcomes: Sequence[Outcome]) -> None:
        """Publish events that are not kept, those of a subscription in their order.

        Raises:
            OutcomeNotTold: Pub/Sub does not take one of them.
        """
        by_key: dict[str, list[Outcome]] = {}
        for each in outcomes:
            by_key.setdefault(each.ordering_key, []).append(each)

        def tell_in_order(of_key: list[Outcome]) -> None:
            for each in sorted(of_key, key=lambda outcome: outcome.at):
                self._topic.publish(each)

        if by_key:
            with Threads(min(len(by_key), _AT_ONCE)) as pool:
                list(pool.map(tell_in_order, by_key.values()))

    def tell_kept(self) -> int:
        """Publish the kept events, which their writers could not publish.

        Returns:
            how many.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore cannot be read or written.
            OutcomeNotTold: Pub/Sub does not take one of them.
        """
        found = list(self._database.stream(Query.of(UNTOLD_OUTCOMES).limit(_MOST)))
        self.tell_all([outcome for each in found if (outcome := Outcome.from_snapshot(each))])
        for error in self._database.write_each([delete(each.path) for each in found]):
            if error:
                raise error
        if found:
            _logger.info("kept_outcomes_told", outcomes=len(found))
        return len(found)
