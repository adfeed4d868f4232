"""Compares a database's backup schedules with the wanted one.

    backup_schedule.py RECURRENCE RETENTION

RECURRENCE is daily or weekly, RETENTION as in 14d or 8w. The schedules are read as JSON from standard input. Prints
"as-it-should-be", the id of the schedule whose retention is another, or nothing where there is none of this recurrence.
https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.backupSchedules
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_SECONDS = {"d": 86_400, "w": 7 * 86_400}


def schedule_to_change(schedules: Sequence[Mapping[str, Any]], recurrence: str, retention: str) -> str:
    """The answer, as above."""
    wanted = int(retention[:-1]) * _SECONDS[retention[-1]]
    for schedule in schedules:
        if f"{recurrence}Recurrence" in schedule:
            kept = float(str(schedule.get("retention", "0s")).removesuffix("s"))
            return "as-it-should-be" if kept == wanted else str(schedule["name"]).rpartition("/")[2]
    return ""


if __name__ == "__main__":
    print(schedule_to_change(json.load(sys.stdin), *sys.argv[1:]))
