"""The rows of the query that names a kind's recipients."""

from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from typing import Any

from functions.shared.records.audience_row import OF_SUBSCRIPTION, OF_USER, AudienceRow
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.kind_folders import folder_of
from report_kit.kinds import is_from_sql, kinds
from report_kit.report import PermanentError
from report_kit.sql.definition import Option, ParameterType
from report_kit.sql.parameters import Parameter, built_in, option_value
from report_kit.sql.report_file import read_report_file
from report_kit.sql.sample_database import FILE as SAMPLE_FILE
from report_kit.sql.sample_database import SampleDatabase
from report_kit.sql.source import open_source
from report_kit.yaml_reader import nearest

_YES_OR_NO = ("sandbox", "skip_empty")
_SAMPLE_PERIOD = timedelta(days=1)


def audience_rows(
    kind: str, settings: Mapping[str, str] | None, *, cadence: Cadence, now: datetime
) -> Generator[AudienceRow]:
    """Run the query, and take its rows one after another. A sample is made as for a report about the day until now.

    Args:
        kind: whose audience.
        settings: the kind's; None for the sample.
        cadence: where neither a row nor the file names one.
        now: the present, in UTC.

    Raises:
        PermanentError: no query names the kind's recipients, or there is a mistake in the report.yaml, in the query, or
            in the name of a column.
        SourceUnavailable: the database cannot answer this time.
    """
    definition = read_report_file(folder_of(kind)) if kind in kinds() and is_from_sql(kind) else None
    if definition is None or definition.audience is None:
        raise PermanentError(f"kinds/{kind}: no query names its recipients: its report.yaml has no audience")
    audience = definition.audience
    url = "sqlite://" if settings is None else settings.get(definition.source)
    if url is None:
        raise PermanentError(f"{definition.file}: source: needs.yaml declares no secret {definition.source}")
    period = Period(now - _SAMPLE_PERIOD, now)
    given = built_in("", "UTC", period, Period(period.start - _SAMPLE_PERIOD, period.start))
    given |= {name: Parameter(option.type, option.default) for name, option in definition.options.items()}
    sample = SampleDatabase(folder_of(kind) / SAMPLE_FILE, given, InMemoryUserData({}))
    options = definition.options
    known = ("id", *OF_USER, *OF_SUBSCRIPTION, *options)
    with open_source(definition.source, url, sample) as source:
        for columns in source.stream(audience.query):
            if unknown := next((name for name in columns if name not in known), ""):
                place = f"{definition.file}:{audience.query.line}: audience"
                raise PermanentError(f"{place}: there is no column {unknown!r}: {nearest(unknown, known)}")
            row = AudienceRow.from_columns(_typed(columns, options), audience.defaults, options, cadence=cadence)
            yield row if row.problem else row._replace(problem=_problem(row.said.get("options", {}), options))


def _typed(columns: Mapping[str, Any], options: Mapping[str, Option]) -> Mapping[str, Any]:
    """SQLite has numbers for true and false."""
    booleans = [*_YES_OR_NO, *(name for name, option in options.items() if option.type is ParameterType.BOOLEAN)]
    return {**columns, **{name: bool(columns[name]) for name in booleans if columns.get(name) in (0, 1)}}


def _problem(given: Mapping[str, Any], options: Mapping[str, Option]) -> str:
    """Why no report could be made with these options; empty where one could."""
    try:
        for name, option in options.items():
            option_value(option, given.get(name))
    except PermanentError as error:
        return str(error)
    return ""
