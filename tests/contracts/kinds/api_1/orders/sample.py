"""Made-up orders."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from report_kit import Answer, Documents, Period, SampleAmount

_ORDERS = {SampleAmount.MUCH: 20, SampleAmount.LITTLE: 1, SampleAmount.NOTHING: 0}


def documents(period: Period, amount: SampleAmount) -> Documents:
    """Orders, a minute apart."""
    return {
        "orders": {
            f"o{number}": {"at": period.start + number * timedelta(minutes=1), "product": "Tea", "total": 12.5}
            for number in range(_ORDERS[amount])
        }
    }


def answers(period: Period, amount: SampleAmount) -> Answer:
    """What the service of refunds answers."""

    def answer(settings: Mapping[str, str], asked: Any) -> dict[str, int]:
        return {"refunds": 2} if settings["ORDERS_KEY"] == "none" and asked["user"] else {}

    return answer
