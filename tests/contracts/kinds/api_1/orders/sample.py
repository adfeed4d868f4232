"""Made-up orders."""

from datetime import timedelta

from report_kit import Documents, Period, SampleAmount

_ORDERS = {SampleAmount.MUCH: 20, SampleAmount.LITTLE: 1, SampleAmount.NOTHING: 0}


def documents(period: Period, amount: SampleAmount) -> Documents:
    """Orders, a minute apart."""
    return {
        "orders": {
            f"o{number}": {"at": period.start + number * timedelta(minutes=1), "product": "Tea", "total": 12.5}
            for number in range(_ORDERS[amount])
        }
    }
