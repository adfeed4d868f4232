"""Usage as it might be, for `reports preview --sample`."""

import random
from datetime import timedelta
from typing import Any

from functions.shared.period import Period
from functions.worker.reports.in_memory_user_data import Documents


def documents(period: Period) -> Documents:
    """Three quotas: one that will not last, one that will, and one that was hardly touched."""
    chance = random.Random(7)  # noqa: S311  sample data, the same every time
    usage: dict[str, dict[str, Any]] = {}
    for hours in range(0, 40 * 24, 5):
        at = period.end - timedelta(hours=hours, minutes=1)
        usage[f"storage-{hours}"] = {"at": at, "quota": "storage", "amount": round(chance.uniform(0.2, 1.4), 2)}
        usage[f"calls-{hours}"] = {"at": at, "quota": "calls", "amount": chance.randrange(80, 600)}
    usage["seat"] = {"at": period.end - timedelta(hours=1), "quota": "seats", "amount": 1}
    return {
        "quotas": {
            "storage": {"name": "Storage", "allowed": 100, "unit": "GB"},
            "calls": {"name": "API calls", "allowed": 100_000},
            "seats": {"name": "Seats", "allowed": 25},
        },
        "usage": usage,
    }
