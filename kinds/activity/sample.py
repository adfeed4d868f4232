"""Events as they might be, for `reports preview --sample` and for tests."""

import random
from datetime import timedelta
from typing import Any

from report_kit import Documents, Period, SampleAmount

_TYPES = (
    ("page.viewed", 0.5),
    ("order.placed", 0.17),
    ("invoice.paid", 0.1),
    ("file.uploaded", 0.08),
    ("refund", 0.03),
    *((f"import.step_{number}.finished-with_warnings", 0.02) for number in range(1, 7)),
)
_EVENTS = {SampleAmount.MUCH: 900, SampleAmount.LITTLE: 7, SampleAmount.NOTHING: 0}


def documents(period: Period, amount: SampleAmount = SampleAmount.MUCH) -> Documents:
    """Events of the period and of the one before, more of them of late. Much has more types than an email shows."""
    chance = random.Random(7)  # noqa: S311  sample data, the same every time
    events: dict[str, dict[str, Any]] = {}
    span = (period.end - period.start) * 2
    for number in range(_EVENTS[amount]):
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
