"""What is wrong with the query that names a kind's recipients, read from the kind's sample."""

from datetime import UTC, datetime

from functions.shared.records.audience import InvalidRow, check, recipient_of
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.times.days_off import NO_DAYS_OFF
from functions.shared.times.schedule import Cadence
from report_kit.kind_folders import folder_of
from report_kit.kinds import audience_of
from report_kit.report import PermanentError
from report_kit.sql.audience_rows import audience_rows


def audience_problems(kind: str) -> list[str]:
    """Say what is wrong with the query, and with each row of the sample; nothing where there is no query."""
    now, defaults = datetime.now(UTC), SubscriptionDefaults(kind, Cadence.DAILY, lambda _calendar: NO_DAYS_OFF)
    problems = []
    try:
        audience = audience_of(kind)
        if audience is None:
            return []
        for number, row in enumerate(audience_rows(folder_of(kind), None, now=now), 1):
            try:
                recipient = recipient_of(row, audience.defaults, audience.options, cadence=defaults.cadence)
                check(recipient, kind, defaults, now=now)
            except InvalidRow as error:
                problems.append(f"row {number} of the sample's recipients: {error}")
    except PermanentError as error:
        problems.append(str(error))
    return problems
