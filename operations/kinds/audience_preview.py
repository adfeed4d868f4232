"""Reads the query that names a kind's recipients as a worker does, and writes nothing."""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from functions.shared.firestore.audience_reading import AudienceReading
from functions.shared.firestore.database import Database
from functions.shared.firestore.write import Write
from functions.shared.records.audience import Audience
from functions.shared.records.audience_comparison import Outcome
from functions.shared.records.last_reading import LastReading, audience_path
from functions.shared.records.subscription import SubscriptionDefaults
from operations.errors import OperatorError
from report_kit.audience_rows import audience_rows
from report_kit.report import PermanentError
from report_kit.sql.source import SourceUnavailable


def next_reading(
    database: Database, kind: str, defaults: SubscriptionDefaults, variables: Mapping[str, str], *, now: datetime
) -> list[Outcome]:
    """What the next reading would do about each recipient, in the order of the rows.

    Args:
        database: the Firestore database.
        kind: which.
        defaults: what a subscription's document does not say.
        variables: the kind's own settings and secrets.
        now: the present, in UTC.

    Raises:
        OperatorError: no query names the kind's recipients, it has a mistake, or the database does not answer.
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer, or refuses.
    """
    reading = AudienceReading(database, Audience(kind, defaults, now), dry_run=True)
    try:
        with contextlib.closing(audience_rows(kind, variables, cadence=defaults.cadence, now=now)) as rows:
            return sorted(reading.read(rows), key=lambda each: each.number)
    except (PermanentError, SourceUnavailable) as error:
        raise OperatorError(str(error)) from error


def last_readings(database: Database, kinds: Iterable[str]) -> dict[str, LastReading]:
    """What the last whole readings came to, by kind.

    Args:
        database: the Firestore database.
        kinds: those whose recipients a query names: one read for each.
    """
    found = database.get_all(map(audience_path, kinds))
    return {each.id: LastReading.from_fields(each.fields) for each in found.values()}


def accept_leaving(database: Database, kind: str, most: int) -> None:
    """Have the next reading, which comes with the next run, let so many recipients leave at once.

    Args:
        database: the Firestore database.
        kind: whose.
        most: how many.
    """
    fields = {"leaving_accepted": most}
    database.commit([Write(audience_path(kind), fields, fields.keys(), None)])
