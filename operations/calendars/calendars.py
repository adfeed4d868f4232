"""Reads and writes calendars."""

from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import delete
from functions.shared.records.calendar import CALENDARS, MOST_DATES, UnusableCalendar, calendar_path, days_off_of
from functions.shared.records.subscription import SUBSCRIPTIONS, is_of_a_user
from functions.shared.times.days_off import DaysOff, OnDayOff
from operations.errors import NotFound, OperatorError


class Calendar(NamedTuple):
    """A calendar as it is stored.

    Attributes:
        days_off: what it says; None where it is malformed.
        problem: what is wrong with it; empty where nothing is.
    """

    name: str
    days_off: DaysOff | None
    problem: str = ""

    def to_row(self, today: date) -> dict[str, Any]:
        """As JSON and lists show it."""
        dates = sorted(self.days_off.dates) if self.days_off else []
        return {
            "name": self.name,
            "dates": len(dates),
            "next": next((day.isoformat() for day in dates if day >= today), None),
            "last": dates[-1].isoformat() if dates else None,
            "on_day_off": self.days_off.then.value if self.days_off else None,
            "problem": self.problem or None,
        }


class CalendarChange(NamedTuple):
    """What a change makes of a calendar."""

    added: list[date]
    removed: list[date]
    then: OnDayOff


class Calendars:
    """The calendars of a database. Every method raises GoogleAPICallError if Firestore does not answer or refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Calendar]:
        """All of them, by their names."""
        return [_read(each) for each in self._database.stream(Query("", CALENDARS))]

    def get(self, name: str) -> Calendar:
        """One of them.

        Raises:
            NotFound: there is no such calendar.
        """
        found = self._database.get(calendar_path(name))
        if found.fields is None:
            raise NotFound(f"There is no calendar {name}: reports calendars list.")
        return _read(found)

    def change(
        self,
        name: str,
        *,
        add: Collection[date] = (),
        remove: Collection[date] = (),
        then: OnDayOff | None = None,
        is_dry_run: bool = False,
    ) -> CalendarChange:
        """Change a calendar, or make it. One that is malformed starts without dates.

        Args:
            then: what becomes of reports that are due on one; None for what it says, or else MOVE.

        Raises:
            OperatorError: it would have too many dates.
        """

        def decide(found: FoundDocument) -> tuple[CalendarChange, dict[str, Any]]:
            before = _read(found).days_off or DaysOff()
            dates = (before.dates | set(add)) - set(remove)
            if len(dates) > MOST_DATES:
                raise OperatorError(
                    f"{name} would have {len(dates)} dates; {MOST_DATES} is the most. Nothing was written."
                )
            change = CalendarChange(sorted(dates - before.dates), sorted(before.dates - dates), then or before.then)
            fields = {"dates": [day.isoformat() for day in sorted(dates)], "on_day_off": change.then.value}
            is_so = found.fields is not None and all(
                found.fields.get(field) == value for field, value in fields.items()
            )
            return change, {} if is_dry_run or is_so else fields

        return self._database.change(calendar_path(name), decide)

    def named_by(self, name: str) -> list[str]:
        """The subscriptions that name a calendar, as `USER/SUBSCRIPTION`, in the order of their paths."""
        query = Query.of_group(SUBSCRIPTIONS).where("calendar", "==", name).select([])
        paths = (found.path for found in self._database.stream(query))
        return ["/".join(path.split("/")[1::2]) for path in paths if is_of_a_user(path)]

    def remove(self, name: str) -> None:
        """Delete a calendar. The subscriptions that name it are malformed then."""
        self._database.commit([delete(calendar_path(name))])


def _read(found: FoundDocument) -> Calendar:
    try:
        return Calendar(found.id, days_off_of(found.id, found.fields))
    except UnusableCalendar as error:
        return Calendar(found.id, None, str(error))
