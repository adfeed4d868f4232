"""What a kind of report may import, and all of it: `from report_kit import Report, ReportRequest, Skip`.

A kind of report is one folder in `kinds/`, named as subscriptions name it in `kind`. Its package has one function, and
beside it the templates that say what it returns:

    def build(request: ReportRequest) -> Report | Skip

A kind of another sort is one file, `report.yaml`, and imports nothing.

What is named here keeps its meaning as long as `API` stays the same. Other modules of this package, and what they have
beside this, may change with any release. docs/guides/python-reports.md shows how a kind is made.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functions.shared.records.user import User
    from functions.shared.sanitize import display_name, sanitize
    from functions.shared.times.period import Period
    from functions.shared.times.schedule import Cadence, Schedule
    from report_kit.amounts import LARGEST_AMOUNT, SMALLEST_ALLOWED, usable_amount
    from report_kit.attachments.columns import AttachmentError, Column, ColumnKind
    from report_kit.attachments.csv_attachment import csv_attachment
    from report_kit.attachments.document import DataTable, Document
    from report_kit.attachments.filenames import dated
    from report_kit.attachments.formats import FileFormat, files_of, read_formats
    from report_kit.attachments.pdf_attachment import pdf_attachment
    from report_kit.attachments.xlsx_attachment import xlsx_attachment
    from report_kit.blocks import Chart, Headline, Table, TableRow, Tone, change_share, compared
    from report_kit.calendar_days import starts_of_days
    from report_kit.chart import Series, bar_chart, series_chart
    from report_kit.drawn_series import ChartShape
    from report_kit.in_memory_user_data import Answer, Documents, InMemoryUserData, Sample
    from report_kit.kinds import sample
    from report_kit.language import Language, language_for
    from report_kit.period_names import period_name
    from report_kit.phrases import Words, footer, greeting, how_often, period_before
    from report_kit.rendering import render
    from report_kit.report import Attachment, InlineImage, PermanentError, Report, Skip
    from report_kit.request import ReportRequest
    from report_kit.sample_amount import SampleAmount
    from report_kit.stored_figures import Collections, Entry, Figure, StoredFigures
    from report_kit.trial import Trial, try_kind
    from report_kit.user_data import NoIndex, Total, UserData

API = 1
"""Raised when something that is named here goes, or changes its meaning. What is new does not raise it."""

__all__ = [
    "API",
    "LARGEST_AMOUNT",
    "SMALLEST_ALLOWED",
    "Answer",
    "Attachment",
    "AttachmentError",
    "Cadence",
    "Chart",
    "ChartShape",
    "Collections",
    "Column",
    "ColumnKind",
    "DataTable",
    "Document",
    "Documents",
    "Entry",
    "Figure",
    "FileFormat",
    "Headline",
    "InMemoryUserData",
    "InlineImage",
    "Language",
    "NoIndex",
    "Period",
    "PermanentError",
    "Report",
    "ReportRequest",
    "Sample",
    "SampleAmount",
    "Schedule",
    "Series",
    "Skip",
    "StoredFigures",
    "Table",
    "TableRow",
    "Tone",
    "Total",
    "Trial",
    "User",
    "UserData",
    "Words",
    "bar_chart",
    "change_share",
    "compared",
    "csv_attachment",
    "dated",
    "display_name",
    "files_of",
    "footer",
    "greeting",
    "how_often",
    "language_for",
    "pdf_attachment",
    "period_before",
    "period_name",
    "read_formats",
    "render",
    "sample",
    "sanitize",
    "series_chart",
    "starts_of_days",
    "try_kind",
    "usable_amount",
    "xlsx_attachment",
]

MODULES = (
    "functions.shared.records.user",
    "functions.shared.sanitize",
    "functions.shared.times.period",
    "functions.shared.times.schedule",
    "report_kit.report",
    "report_kit.user_data",
    "report_kit.in_memory_user_data",
    "report_kit.sample_amount",
    "report_kit.request",
    "report_kit.kinds",
    "report_kit.amounts",
    "report_kit.calendar_days",
    "report_kit.stored_figures",
    "report_kit.language",
    "report_kit.blocks",
    "report_kit.period_names",
    "report_kit.phrases",
    "report_kit.drawn_series",
    "report_kit.chart",
    "report_kit.attachments.columns",
    "report_kit.attachments.filenames",
    "report_kit.attachments.document",
    "report_kit.attachments.csv_attachment",
    "report_kit.attachments.xlsx_attachment",
    "report_kit.attachments.pdf_attachment",
    "report_kit.attachments.formats",
    "report_kit.rendering",
    "report_kit.trial",
)
"""Where the names come from, each module after those that it imports. None is imported before one of its names, or of
those behind it, is asked for: a worker starts without Babel, and the help of a command without all of it."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in MODULES:
            found = vars(importlib.import_module(module))
            if name in found:
                globals()[name] = found[name]
                return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
