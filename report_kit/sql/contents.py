"""What a report from SQL says: its texts, figures, chart and table, in the recipient's language and zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from report_kit import blocks
from report_kit.attachments.columns import Column
from report_kit.blocks import Headline, TableRow, Tone, compared
from report_kit.chart import bar_chart
from report_kit.language import Language
from report_kit.period_names import period_name
from report_kit.phrases import Words, footer, greeting, period_before
from report_kit.report import InlineImage
from report_kit.request import ReportRequest
from report_kit.sql.bars import bars
from report_kit.sql.currencies import currency_of_option, currency_of_value, with_currency
from report_kit.sql.definition import (
    NUMBERS,
    Chart,
    Direction,
    Figure,
    Format,
    OptionName,
    ReportDefinition,
    ResultColumn,
    Table,
    Template,
    Text,
    ValueFormat,
)
from report_kit.sql.parameters import Parameter
from report_kit.sql.report_file import fill_in
from report_kit.sql.results import Results
from report_kit.sql.values import Cell, cell_of, file_column, written

CHART_ID = "sql-chart"

MOST_BARS = 200
_FEWEST_BARS = 2

_TONES = {Direction.UP: Tone.GOOD, Direction.DOWN: Tone.BAD, Direction.NEITHER: Tone.NEUTRAL}


@dataclass(frozen=True, kw_only=True)
class Contents(Words):
    """The report's words and figures.

    Attributes:
        columns: of the table, as attached files have them.
        cells: likewise, all rows that were read.
        image: of the chart.
    """

    headlines: Sequence[Headline]
    chart: blocks.Chart | None
    image: InlineImage | None
    table: blocks.Table | None
    columns: Sequence[Column]
    cells: Sequence[Sequence[Cell]]

    @property
    def shown(self) -> dict[str, Any]:
        """What the templates name."""
        return {name: value for name, value in vars(self).items() if name not in {"columns", "cells", "image"}}


class ContentsWriter:
    """Writes a report's contents.

    Args:
        definition: what the file says.
        request: what was asked for.
        parameters: of the queries.
        results: of the queries.
        language: in which.
    """

    def __init__(
        self,
        definition: ReportDefinition,
        request: ReportRequest,
        parameters: Mapping[str, Parameter],
        results: Results,
        language: Language,
    ) -> None:
        self._definition = definition
        self._request = request
        self._parameters = parameters
        self._results = results
        self._language = language
        self._ = language.gettext
        self._zone = request.time_zone
        self._name = period_name(request.period, request.time_zone, language)

    def contents(self, *, nothing: bool) -> Contents:
        """Read what the queries return, and put it into words.

        Args:
            nothing: whether there is nothing to report, and the report is to say so.

        Raises:
            PermanentError: a query fails for good, or returns something else than the file says.
            SourceUnavailable: a query fails this time.
        """
        definition, _ = self._definition, self._
        title = self._text(definition.title)
        headlines = [self._headline(figure) for figure in definition.figures]
        chart, image = self._chart(definition.chart) if definition.chart else (None, None)
        table, columns, cells = self._read_table(definition.table) if definition.table else (None, [], [])
        named = {str(figure.value): line.value for figure, line in zip(definition.figures, headlines, strict=True)}
        named |= {"title": title, "period": self._name}
        summary = self._filled(definition.summary, named) if definition.summary and not nothing else ""
        return Contents(
            subject=self._subject(title, headlines, named),
            preview=summary
            or " · ".join(f"{line.label}: {line.value}. {line.change}".rstrip() for line in headlines)
            or title,
            greeting=greeting(self._request.user.name, self._language),
            title=title,
            period=self._name,
            summary=summary,
            nothing=_("Nothing happened in this time.") if nothing else "",
            note=self._note(),
            headlines=headlines,
            chart=chart,
            image=image,
            table=table,
            columns=columns,
            cells=cells,
            footer=self._footer(),
        )

    def _text(self, text: Text) -> str:
        return text.within(self._request.locale)

    def _filled(self, template: Template, named: dict[str, str]) -> str:
        """A text with its placeholders filled in, in the form that goes with its number."""
        number = template.number(self._request.locale)
        count = self._results.first(number) if number else None
        return self._language.sentences([fill_in(template.within(self._request.locale, count), named)])

    def _subject(self, title: str, headlines: Sequence[Headline], named: dict[str, str]) -> str:
        if self._definition.subject:
            return self._filled(self._definition.subject, named)
        figure = f": {headlines[0].label} {headlines[0].value}" if headlines else ""
        return f"{title}{figure} · {self._name}"

    def _footer(self) -> str:
        compares = any(figure.compare or figure.before for figure in self._definition.figures)
        before = period_name(self._request.previous_period, self._zone, self._language)
        compared_with = self._("Compared with {period}.").format(period=before) if compares else ""
        return footer(compared_with, self._request, self._language)

    def _note(self) -> str:
        """What is left out, because a query has more rows than its limit, a chart more than it has room for, or a value
        more bytes than there is room for."""
        sentences = []
        table, chart = self._definition.table, self._definition.chart
        for query, most in ((table and table.query, None), (chart and chart.query, MOST_BARS)):
            if not query:
                continue
            rows = self._results.rows(query)
            if rows.is_cut or (most is not None and len(rows.rows) > most):
                sentences.append(
                    self._("There are more rows than this report shows. These are the first {number}.").format(
                        number=self._language.number(min(len(rows.rows), most or len(rows.rows)))
                    )
                )
                break
        if any(rows.too_large for rows in self._results.left_out()):
            sentences.append(self._("Values that are too large for this report are left out."))
        return self._language.sentences(sentences)

    def _headline(self, figure: Figure) -> Headline:
        label = self._text(figure.label)
        code, code_before = self._code(figure.format), self._code(figure.format, before=figure.compare)
        how = with_currency(figure.format, [code])
        value = self._number(self._results.first(figure.value), how, figure)
        before = None
        if figure.compare:
            before = self._number(self._results.first(figure.value, before=True), how, figure)
        elif figure.before:
            before = self._number(self._results.first(figure.before), how, figure)
        # Amounts of two currencies cannot be compared. Nothing is nothing in each.
        if value is None or before is None or (value and before and code != code_before):
            return Headline(label=label, value=written(value, how, self._language))
        is_regular = self._request.is_regular
        return compared(
            label,
            # Babel writes them without making them floats first.
            cast(Any, value),
            cast(Any, before),
            write=lambda number: written(Decimal(number), how, self._language),
            before=period_before(self._request.cadence if is_regular else None, self._language),
            language=self._language,
            more_is=_TONES[figure.good],
        )

    def _number(self, value: Any, how: Format, figure: Figure) -> Decimal | None:
        return cast(Decimal | None, cell_of(value, how, figure.value, self._zone))

    def _chart(self, chart: Chart) -> tuple[blocks.Chart | None, InlineImage | None]:
        rows = self._results.rows(chart.query)
        how = with_currency(chart.format, self._codes(chart.format, chart.query))
        cells = [cell_of(each, how, chart.value, self._zone) for each in rows.values(chart.value)]
        drawn = bars(
            rows.values(chart.label)[:MOST_BARS],
            [float(cast(Decimal, cell or 0)) for cell in cells[:MOST_BARS]],
            period=self._request.period,
            zone=self._zone,
            language=self._language,
        )
        if len(drawn.values) < _FEWEST_BARS or max(drawn.values) <= 0:
            return None, None

        def write(value: float) -> str:
            return written(Decimal(str(value)), how, self._language)

        title = self._text(chart.title)
        highest = list(drawn.values).index(max(drawn.values))
        description = self._("{title}, a bar chart. The highest is {label}: {value}.").format(
            title=title, label=drawn.names[highest], value=write(drawn.values[highest])
        )
        return bar_chart(
            CHART_ID,
            drawn.values,
            drawn.labels,
            title=title,
            description=description,
            write=write,
            language=self._language,
            color=self._request.brand.graphic_color,
        )

    def _code(self, how: Format, *, before: bool = False) -> str:
        """The currency of a figure; empty where it has none."""
        match how.currency:
            case OptionName():
                return currency_of_option(how.currency, self._parameters)
            case ResultColumn():
                return currency_of_value(self._results.first(how.currency, before=before), how.currency)
            case code:
                return code

    def _codes(self, how: Format, query: str) -> list[str]:
        """The currency of each row of a query."""
        rows = self._results.rows(query)
        if isinstance(how.currency, ResultColumn) and how.currency.query == query:
            return [currency_of_value(value, how.currency) for value in rows.values(how.currency)]
        return [self._code(how)] * len(rows.rows)

    def _read_table(self, table: Table) -> tuple[blocks.Table | None, list[Column], list[Sequence[Cell]]]:
        """The table as the email shows it, and as files have it: there, amounts of several currencies are numbers
        beside a column with the currency of each."""
        rows = self._results.rows(table.query)
        if not rows.rows:
            return None, [], []
        shown: list[list[str]] = []
        columns: list[Column] = []
        in_files: list[Sequence[Cell]] = []
        year = self._request.period.end.astimezone(self._zone).year
        for column in table.columns:
            how, codes = column.format, self._codes(column.format, table.query)
            cells = [cell_of(value, how, column.column, self._zone) for value in rows.values(column.column)]
            shown.append(
                [
                    written(cell, with_currency(how, [code]), self._language, year=year)
                    for cell, code in zip(cells[: table.rows], codes, strict=False)
                ]
            )
            label = self._text(column.label)
            columns.append(file_column(label, with_currency(how, codes)))
            in_files.append(cells)
            if how.format is ValueFormat.MONEY and len(set(codes)) > 1:
                columns.append(Column(self._("{column}: currency").format(column=label)))
                in_files.append(codes)
        hidden = len(rows.rows) - len(shown[0])
        more = self._language.ngettext(
            "{number} more row is not shown here.", "{number} more rows are not shown here.", hidden
        ).format(number=self._language.number(hidden))
        return (
            blocks.Table(
                title=self._text(table.title),
                columns=[self._text(column.label) for column in table.columns],
                rows=[TableRow(cells=list(row)) for row in zip(*shown, strict=True)],
                more=more if hidden else "",
                texts=frozenset(
                    index for index, column in enumerate(table.columns) if column.format.format not in NUMBERS
                ),
            ),
            columns,
            list(zip(*in_files, strict=True)),
        )
