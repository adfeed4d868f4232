"""Events as they might be, for `reports preview --sample`."""

import random
from datetime import timedelta
from typing import Any

from functions.shared.period import Period
from functions.worker.reports.in_memory_user_data import Documents

_TYPES = (
    ("page.viewed", 0.55),
    ("order.placed", 0.2),
    ("invoice.paid", 0.12),
    ("file.uploaded", 0.1),
    ("refund", 0.03),
)


def documents(period: Period) -> Documents:
    """Some hundred events of five types, more of them of late."""
    chance = random.Random(7)  # noqa: S311  sample data, the same every time
    events: dict[str, dict[str, Any]] = {}
    span = (period.end - period.start) * 2
    for number in range(240):
        kind = chance.choices([name for name, _ in _TYPES], [weight for _, weight in _TYPES])[0]
        event: dict[str, Any] = {
            "at": period.end - span * chance.random() ** 1.4 - timedelta(microseconds=1),
            "type": kind,
        }
        if kind in {"order.placed", "invoice.paid"}:
            event["amount"] = round(chance.lognormvariate(3.5, 0.8), 2)
        elif kind == "refund":
            event["amount"] = -round(chance.lognormvariate(3, 0.5), 2)
        events[f"e{number}"] = event
    return {"events": events}
