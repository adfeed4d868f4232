"""A cron line, such as `0 8 * * 1-5`, read on a wall clock that has no time zone. Pure.

Five fields: minute, hour, day of the month, month, day of the week. Where both days are restricted, either will do.
https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice, takewhile
from typing import Any

# croniter takes more than other crons do: seconds, L, #, random and hashed values.
_PART = r"(?:\*|(?:\d{1,2}|[A-Za-z]{3})(?:-(?:\d{1,2}|[A-Za-z]{3}))?)(?:/\d{1,2})?"
_FIELD = re.compile(rf"{_PART}(?:,{_PART})*", re.ASCII)
_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001  a wall clock has no zone
_LONGEST = 100


class InvalidCron(ValueError):
    """A text that is no cron line. The message says what is wrong."""


@dataclass(frozen=True)
class CronLine:
    """A cron line that is due at some time.

    Attributes:
        text: its five fields.

    Raises:
        InvalidCron: a field is malformed, or the line is never due, such as on 30 February.
    """

    text: str

    def __post_init__(self) -> None:
        fields = self.text.split()
        if len(self.text) > _LONGEST or len(fields) != 5 or not all(map(_FIELD.fullmatch, fields)):
            raise InvalidCron("must be five cron fields, such as 0 8 * * 1-5")
        from croniter import CroniterBadDateError, CroniterError

        try:
            _times(self.text, _ANY_TIME).get_next(datetime)
        except CroniterBadDateError:
            raise InvalidCron("is a cron line that is never due") from None
        except (CroniterError, ValueError):
            raise InvalidCron("must be five cron fields, such as 0 8 * * 1-5") from None

    @property
    def runs_every_hour(self) -> bool:
        """Whether the line counts hours as they pass, rather than naming hours of the day."""
        return self.text.split()[1].startswith("*")

    @property
    def is_due_at_most_daily(self) -> bool:
        """Whether the line names one time of the day."""
        minute, hour, *_ = self.text.split()
        return minute.isdigit() and hour.isdigit()

    @property
    def either_day(self) -> tuple[str, str] | None:
        """The days of the month and those of the week, where the line names both; None where it does not."""
        _, _, of_month, _, of_week = self.text.split()
        return (of_month, of_week) if "*" not in {of_month, of_week} else None

    def following(self, local: datetime, number: int, *, until: datetime | None = None) -> Iterator[datetime]:
        """The next local times after a local time: so many, and all others until another one, where one is given."""
        times = _times(self.text, local).all_next(datetime)
        return chain(islice(times, number), takewhile(lambda due: until is not None and due <= until, times))

    def preceding(self, local: datetime, number: int, *, until: datetime | None = None) -> Iterator[datetime]:
        """The last local times before a local time, the latest first: so many, and all others back to another one,
        where one is given."""
        times = _times(self.text, local).all_prev(datetime)
        return chain(islice(times, number), takewhile(lambda due: until is not None and due >= until, times))


def _times(text: str, local: datetime) -> Any:
    # Imported with the first cron line: most functions never meet one, and start sooner without it.
    from croniter import croniter

    return croniter(text, local)
