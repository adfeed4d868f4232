"""What operators did in the time of an incident and later, read again only when there is more of it."""

from datetime import datetime

from operations.incidents.window import Window
from operations.operator_actions import OperatorAction, OperatorActions
from operations.reading.kept import Kept
from operations.reading.threads import in_threads

_MOST_KEPT = 50


class KeptActions:
    """Reads the actions of an incident, and keeps those that have all ended while no other has begun. Safe for
    threads."""

    def __init__(self) -> None:
        self._kept: Kept[tuple[datetime, datetime | None], list[OperatorAction]] = Kept(_MOST_KEPT)

    def get(self, log: OperatorActions, window: Window, *, limit: int) -> tuple[list[OperatorAction], int]:
        """The first actions that began in the time of an incident or later, the first first. Those that are about
        reports that failed then have the deliveries that they sent again.

        Args:
            log: reads them.
            window: the time of the incident.
            limit: how many at most.

        Returns:
            the actions, and how many reads they took.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
        """
        key = window.since, window.end
        kept = self._kept.get(key)
        if kept is not None and len(kept) == log.count(window.since):
            return kept, 1
        found = log.since(window.since, limit=limit)
        about = [each.id for each in found if each.is_about(window.since, window.end)]
        read = in_threads(lambda each: log.find(each, with_deliveries=True), about)
        whole = {each.id: each for each in read if each}
        actions = [whole.get(each.id, each) for each in found]
        # An erasure changes actions that have ended, and is an action itself: it must be among those that were read.
        if len(actions) < limit and all(each.ended_at for each in actions):
            self._kept.put(key, actions)
        return actions, 1 + len(found) + len(about)
