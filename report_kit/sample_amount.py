"""How much made-up data a preview shows."""

from enum import StrEnum


class SampleAmount(StrEnum):
    """How much a sample has."""

    MUCH = "much"
    """As a busy user has."""
    LITTLE = "little"
    """As a user has who has just begun."""
    NOTHING = "nothing"
    """Nothing to report."""
