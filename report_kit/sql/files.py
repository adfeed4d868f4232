"""The files that a report from SQL brings: its first table as CSV and as a workbook, all of it as a document."""

from collections.abc import Sequence

from report_kit.attachments.document import DataTable, Document
from report_kit.attachments.filenames import dated
from report_kit.attachments.formats import files_of
from report_kit.language import Language
from report_kit.report import Attachment
from report_kit.request import ReportRequest
from report_kit.sql.contents import Contents
from report_kit.sql.definition import ReportDefinition


def files(
    kind: str, definition: ReportDefinition, contents: Contents, request: ReportRequest, language: Language
) -> Sequence[Attachment]:
    """Make the attachments. There are none where the table has no rows.

    Args:
        kind: of the report, for the files' names.
        definition: what the report.yaml says.
        contents: of the report.
        request: what was asked for.
        language: of the report.

    Raises:
        PermanentError: a file cannot be made of the values.
    """
    if contents.table is None:
        return ()
    document = Document(
        brand=request.brand,
        title=contents.title,
        period=contents.period,
        paragraphs=(contents.summary, contents.note),
        headlines=contents.headlines,
        chart=contents.chart,
        picture=contents.images[0].content if contents.images else b"",
        tables=(
            DataTable(
                title=contents.table.title,
                columns=contents.columns,
                rows=contents.cells,
            ),
        ),
        footer=contents.footer,
    )
    name = dated(kind, request.period, request.time_zone)
    return files_of(document, definition.attach, filename=name, language=language)
