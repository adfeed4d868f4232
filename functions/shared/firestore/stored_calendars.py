"""The calendars that subscriptions name, kept for some minutes: a report costs no read of one."""

import threading
import time
from collections.abc import Callable

from functions.shared.firestore.database import Database
from functions.shared.records.calendar import calendar_path, days_off_of
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.settings import SubscriptionSettings
from functions.shared.times.days_off import DaysOff

_KEPT_SECONDS = 300.0
_MOST_KEPT = 100


class StoredCalendars:
    """Finds calendars by their names. Safe for threads.

    Args:
        database: makes the connection to Firestore, with the first calendar.
    """

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database
        self._kept: dict[str, tuple[float, DaysOff]] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> DaysOff:
        """The days off of a calendar, as they were within the last five minutes.

        Args:
            name: the calendar's.

        Raises:
            UnusableCalendar: there is no such calendar, or it is malformed. It is looked up again each time, so that a
                correction counts at once.
            GoogleAPICallError: Firestore does not answer.
        """
        now = time.monotonic()
        with self._lock:
            read_at, days_off = self._kept.get(name, (None, None))
        if read_at is not None and days_off is not None and now - read_at < _KEPT_SECONDS:
            return days_off
        found = self._database().get(calendar_path(name))
        days_off = days_off_of(name, found.fields)
        with self._lock:
            self._kept.pop(name, None)
            self._kept[name] = now, days_off
            if len(self._kept) > _MOST_KEPT:
                # The first is the one that was read longest ago.
                del self._kept[next(iter(self._kept))]
        return days_off


def stored_defaults(settings: SubscriptionSettings, database: Callable[[], Database]) -> SubscriptionDefaults:
    """What a subscription's document does not say: by the settings, and by the calendars that Firestore has.

    Args:
        settings: of the function, or of the deployment.
        database: makes the connection to Firestore, with the first calendar.
    """
    return SubscriptionDefaults(settings.default_kind, settings.default_cadence, StoredCalendars(database))
