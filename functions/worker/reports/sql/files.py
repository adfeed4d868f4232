"""The files that a report from SQL brings: its table as CSV and as a workbook, all of it as a document."""

from collections.abc import Sequence

from functions.worker.mail.model import Attachment
from functions.worker.reports.attachments.document import DataTable, Document
from functions.worker.reports.attachments.filenames import dated
from functions.worker.reports.attachments.formats import files_of
from functions.worker.reports.language import Language
from functions.worker.reports.request import ReportRequest
from functions.worker.reports.sql.contents import Contents
from functions.worker.reports.sql.definition import ReportDefinition


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
    table = definition.table
    if table is None or not contents.cells:
        return ()
    document = Document(
        brand=request.brand,
        title=contents.title,
        period=contents.period,
        paragraphs=(contents.summary, contents.note),
        headlines=contents.headlines,
        chart=contents.chart,
        picture=contents.image.content if contents.image else b"",
        tables=(
            DataTable(
                title=table.title.within(request.locale),
                columns=contents.columns,
                rows=contents.cells,
            ),
        ),
        footer=contents.footer,
    )
    name = dated(kind, request.period, request.time_zone)
    return files_of(document, definition.attach, filename=name, language=language)
