"""Amounts as applications write them."""

import math
from typing import Any

LARGEST_AMOUNT = 1e15
"""Below this every whole number is one to a float, and sums of tens of thousands of amounts can still be written: Babel
refuses numbers from 1e28 on."""

SMALLEST_ALLOWED = 1e-6
"""A share of less would be a number that cannot be written."""


def usable_amount(value: Any, *, entries: int = 1) -> float | None:
    """The number, or None for what is none, is not finite, or is beyond LARGEST_AMOUNT in either direction.

        >>> usable_amount(12.5), usable_amount("12.5"), usable_amount(float("nan"))
        (12.5, None, None)

    Args:
        value: anything.
        entries: of how many amounts it is the sum.
    """
    # True is an int to Python, and NaN a number to Firestore.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= LARGEST_AMOUNT * entries and not math.isnan(value) else None
