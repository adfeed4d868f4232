"""The report's files, where the subscription's option `attach` asks for some."""

from collections.abc import Sequence

from kinds.activity.figures import Figures
from kinds.activity.texts import Contents, Texts
from report_kit import Attachment, Chart, Document, FileFormat, Language, ReportRequest, dated, files_of


def files(
    request: ReportRequest,
    formats: Sequence[FileFormat],
    texts: Texts,
    contents: Contents,
    figures: Figures,
    chart: Chart | None,
    picture: bytes,
    language: Language,
) -> Sequence[Attachment]:
    """Write the report's files, with all types of events; none where nothing happened.

    Args:
        request: what was asked for.
        formats: which files.
        texts: the report's.
        contents: likewise.
        figures: what the events add up to.
        chart: of the email.
        picture: of the chart.
        language: of the report.
    """
    if not figures.events:
        return ()
    document = Document(
        brand=request.brand,
        title=contents.title,
        period=contents.period,
        paragraphs=(contents.summary, contents.note),
        headlines=contents.headlines,
        chart=chart,
        picture=picture,
        tables=(texts.data_table(figures),),
        footer=contents.footer,
    )
    return files_of(document, formats, filename=dated("activity", request.period, request.time_zone), language=language)
