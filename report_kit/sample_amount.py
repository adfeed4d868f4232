"""How much made-up data a preview shows."""

from enum import StrEnum


class SampleAmount(StrEnum):
    """How much a sample has.

    >>> len(sample("orders", request.period, SampleAmount.NOTHING).documents["orders"])
    0
    """

    MUCH = "much"
    """As a busy user has."""
    LITTLE = "little"
    """As a user has who has just begun."""
    NOTHING = "nothing"
    """Nothing to report."""
