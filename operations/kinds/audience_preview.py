"""Reads the query that names a kind's recipients as a worker does, and writes nothing."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from functions.shared.firestore.audience_reading import AudienceReading
from functions.shared.firestore.database import Database
from functions.shared.firestore.write import Write
from functions.shared.records.audience import AUDIENCES, Effect
from functions.shared.records.subscription import SubscriptionDefaults
from operations.errors import OperatorError
from report_kit.kind_folders import folder_of
from report_kit.kinds import audience_of
from report_kit.report import PermanentError
from report_kit.sql.audience_rows import audience_rows
from report_kit.sql.source import SourceUnavailable

Change = tuple[str, Effect, Sequence[str]]
"""A user's id, what the next reading does, and the fields that it writes."""


def read_audience(
    database: Database, kind: str, defaults: SubscriptionDefaults, variables: Mapping[str, str]
) -> tuple[AudienceReading, Sequence[Change]]:
    """What the next reading would do.

    Args:
        database: the Firestore database.
        kind: which.
        defaults: what a subscription's document does not say.
        variables: the kind's own settings and secrets.

    Raises:
        OperatorError: no query names the kind's recipients, it has a mistake, or the database does not answer.
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer, or refuses.
    """
    changes: list[Change] = []
    now = datetime.now(UTC)
    try:
        audience = audience_of(kind)
        if audience is None:
            raise OperatorError(f"No query names the recipients of {kind}: its report.yaml has no audience.")
        reading = AudienceReading(
            database,
            kind,
            defaults,
            base=audience.defaults,
            options=audience.options,
            now=now,
            dry_run=True,
            on_effect=lambda *change: changes.append(change),
        )
        with contextlib.closing(audience_rows(folder_of(kind), variables, now=now)) as rows:
            reading.read(rows)
    except (PermanentError, SourceUnavailable) as error:
        raise OperatorError(str(error)) from error
    return reading, changes


def accept_leaving(database: Database, kind: str, most: int) -> None:
    """Have the next reading let so many recipients leave at once.

    Args:
        database: the Firestore database.
        kind: whose.
        most: how many.
    """
    fields = {"leaving_accepted": most}
    database.commit([Write(f"{AUDIENCES}/{kind}", fields, fields.keys(), None)])
