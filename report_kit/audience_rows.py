"""The rows of the query that names a kind's recipients."""

from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from functions.shared.records.audience import OF_SUBSCRIPTION, OF_USER
from functions.shared.times.period import Period
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.report import PermanentError
from report_kit.sql.parameters import Parameter, built_in
from report_kit.sql.report_file import read_report_file
from report_kit.sql.sample_database import FILE as SAMPLE_FILE
from report_kit.sql.sample_database import SampleDatabase
from report_kit.sql.source import open_source
from report_kit.yaml_reader import nearest

_SAMPLE_PERIOD = timedelta(days=1)


def audience_rows(folder: Path, settings: Mapping[str, str] | None, *, now: datetime) -> Generator[Mapping[str, Any]]:
    """Run the query, and take its rows one after another. A sample is made as for a report about the day until now.

    Args:
        folder: of a kind that has an audience.
        settings: the kind's; None for the sample.
        now: the present, in UTC.

    Yields:
        the values of each row, by the names of the columns.

    Raises:
        PermanentError: there is a mistake in the report.yaml or in the query, or a column is none of a recipient's.
        SourceUnavailable: the database cannot answer this time.
    """
    definition = read_report_file(folder)
    if definition.audience is None:
        raise PermanentError(f"{definition.file}: audience: is missing")
    url = "sqlite://" if settings is None else settings.get(definition.source)
    if url is None:
        raise PermanentError(f"{definition.file}: source: needs.yaml declares no secret {definition.source}")
    period = Period(now - _SAMPLE_PERIOD, now)
    given = built_in("", "UTC", period, Period(period.start - _SAMPLE_PERIOD, period.start))
    given |= {name: Parameter(option.type, option.default) for name, option in definition.options.items()}
    sample = SampleDatabase(folder / SAMPLE_FILE, given, InMemoryUserData({}))
    known = ("id", *OF_USER, *OF_SUBSCRIPTION, *definition.options)
    with open_source(definition.source, url, sample) as source:
        for row in source.stream(definition.audience.query):
            if unknown := next((name for name in row if name not in known), ""):
                place = f"{definition.file}:{definition.audience.query.line}: audience"
                raise PermanentError(f"{place}: there is no column {unknown!r}: {nearest(unknown, known)}")
            yield row
