"""Usage as it might be, for `reports preview --sample` and for tests."""

import random
from datetime import timedelta
from typing import Any

from report_kit import Documents, Period, SampleAmount

_QUOTAS: dict[str, tuple[dict[str, Any], float]] = {
    "storage": ({"name": "Storage", "allowed": 100, "unit": "GB"}, 0.8),
    "calls": ({"name": "API calls", "allowed": 100_000}, 340),
    "seats": ({"name": "Seats", "allowed": 25}, 0),
    "traffic": ({"name": "Traffic", "allowed": 2.5, "unit": "TB"}, 0.022),
    "mails": ({"name": "Emails sent to customers of the shop in the European Union", "allowed": 40_000}, 310),
    "builds": ({"name": "Build minutes", "allowed": 3_000, "unit": "min"}, 19),
    **{f"region-{number}": ({"name": f"Region {number}", "allowed": 1_000}, number) for number in range(1, 7)},
}
"""By id: the document, and about how much is used within five hours."""

_SHOWN = {
    SampleAmount.MUCH: tuple(_QUOTAS),
    SampleAmount.LITTLE: ("calls", "seats"),
    SampleAmount.NOTHING: (),
}


def documents(period: Period, amount: SampleAmount = SampleAmount.MUCH) -> Documents:
    """Quotas that will last and quotas that will not. Much has more than an email shows, and little one that is hardly
    touched.
    """
    chance = random.Random(7)  # noqa: S311  sample data, the same every time
    usage: dict[str, dict[str, Any]] = {}
    for quota in _SHOWN[amount]:
        document, pace = _QUOTAS[quota]
        for hours in range(0, 40 * 24, 5):
            used = pace * chance.uniform(0.3, 1.7)
            usage[f"{quota}-{hours}"] = {
                "at": period.end - timedelta(hours=hours, minutes=1),
                "quota": quota,
                "amount": round(used) if float(document["allowed"]).is_integer() and pace >= 1 else round(used, 3),
            }
        if not pace:
            usage[quota] = {"at": period.end - timedelta(hours=1), "quota": quota, "amount": 1}
    return {"quotas": {quota: _QUOTAS[quota][0] for quota in _SHOWN[amount]}, "usage": usage}
