"""What is wrong with the query that names a kind's recipients, read from the kind's sample."""

from collections.abc import Iterator
from datetime import UTC, datetime

from functions.shared.records.audience import Audience
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.times.days_off import NO_DAYS_OFF
from functions.shared.times.schedule import Cadence
from report_kit.audience_rows import audience_rows
from report_kit.report import PermanentError

_NOW = datetime(2026, 11, 25, tzinfo=UTC)
"""A kind's tests say the same every day."""


def audience_problems(kind: str) -> Iterator[str]:
    """Say what is wrong with the query, and with each row of the sample."""
    defaults = SubscriptionDefaults(kind, Cadence.DAILY, lambda _calendar: NO_DAYS_OFF)
    audience = Audience(kind, defaults, _NOW)
    try:
        for number, row in enumerate(audience_rows(kind, None, cadence=defaults.cadence, now=_NOW), 1):
            if problem := audience.problem_of(row):
                yield f"row {number} of the sample's recipients: {problem}"
    except PermanentError as error:
        yield str(error)
