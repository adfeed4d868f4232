"""Adds up sample data as an application does whenever something happens: a document for each month.

docs/guides/shipped-reports.md describes such figures.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

Months = dict[str, dict[str, Any]]
"""The fields of each document, by its id, which is the month."""


def add_up(entries: Iterable[Mapping[str, Any]], *, by: str) -> Months:
    """Add up entries with a time `at`, and with an `amount` where they have one.

    Args:
        entries: what happened.
        by: the field that names what it was.
    """
    months: Months = {}
    for entry in entries:
        at = entry["at"].astimezone(UTC)
        days = months.setdefault(f"{at:%Y-%m}", {"days": {}})["days"]
        slot = days.setdefault(at.date().isoformat(), {}).setdefault(f"{at:%H}:{at.minute // 5 * 5:02}", {})
        figures = slot.setdefault(f"={entry.get(by) or ''}", {"count": 0})
        figures["count"] += 1
        amount = entry.get("amount")
        if amount is not None:
            figures["sum"] = figures.get("sum", 0) + amount
            if amount % 1:
                figures["fractional"] = True
    return months
