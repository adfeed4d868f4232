"""Builds the reports of a kind that is a `report.yaml`."""

from pathlib import Path

import structlog

from report_kit.report import PermanentError, Report, Skip
from report_kit.request import ReportRequest
from report_kit.sql.contents import ContentsWriter
from report_kit.sql.figures import figures
from report_kit.sql.files import files
from report_kit.sql.parameters import over_period_before, parameters
from report_kit.sql.report_file import read_report_file
from report_kit.sql.results import Results
from report_kit.sql.sample_database import FILE as SAMPLE_FILE
from report_kit.sql.sample_database import SampleDatabase
from report_kit.sql.source import open_source

_logger = structlog.get_logger()

TEMPLATES = "templates"
"""The folder of a kind with templates in the place of those that all kinds from SQL have."""

_TEMPLATES = Path(__file__).parent / TEMPLATES


def build(folder: Path, request: ReportRequest, *, version: str = "") -> Report | Skip:
    """Build a report.

    Args:
        folder: of the kind.
        request: what is asked for.
        version: the folder within it that has the report.yaml; empty: the kind's own.

    Raises:
        PermanentError: there is a mistake in the report.yaml, or in the subscription's options.
        SourceUnavailable: the database cannot answer this time.
    """
    definition = read_report_file(folder / version)
    if definition.source not in request.settings:
        raise PermanentError(f"{definition.file}: source: needs.yaml declares no secret {definition.source}")
    given = parameters(request, definition.options)
    before = over_period_before(given, request.previous_period)
    language = request.language
    sample = SampleDatabase(folder / SAMPLE_FILE, given, request.data)
    with open_source(definition.source, request.setting(definition.source), sample) as source:
        results = Results(source, definition.queries, given, before)
        reason = results.nothing_to_report(definition.skip_when) if definition.skip_when else ""
        if reason and request.skip_empty:
            return Skip(reason)
        contents = ContentsWriter(definition, request, given, results, language).contents(nothing=bool(reason))
        programs = figures(definition, results, request.time_zone)
        for rows in results.left_out():
            _logger.warning(
                "query_result_left_out",
                user_id=request.user.id,
                kind=folder.name,
                query=rows.query,
                rows=len(rows.rows),
                more_rows=rows.is_full,
                values=rows.too_large,
            )
    attachments = files(folder.name, definition, contents, request, language)
    return Report(
        subject=contents.subject,
        templates=(*dict.fromkeys((folder / version / TEMPLATES, folder / TEMPLATES)), _TEMPLATES),
        values=contents.shown,
        images=contents.images,
        attachments=attachments,
        figures=programs,
    )
