"""What a report from SQL says: its texts, figures, chart and table, in the recipient's language and zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from report_kit.attachments.columns import Column
from report_kit.blocks import Block, Headline, TableRow, Tone, compared
from report_kit.blocks import Chart as ShownChart
from report_kit.blocks import Table as ShownTable
from report_kit.chart import Series, bar_chart, heights, series_chart
from report_kit.drawn_series import ChartShape
from report_kit.language import Language
from report_kit.period_names import period_name
from report_kit.phrases import Words, footer, greeting, period_before
from report_kit.report import InlineImage
from report_kit.request import ReportRequest
from report_kit.sql.bars import Bars, bars
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
        blocks: what is shown, in this order.
        headlines: all figures of them.
        chart: the first of them.
        images: of the charts.
        table: the first of them.
        columns: of that table, as attached files have them.
        cells: likewise, all rows that were read.
    """

    blocks: Sequence[Block]
    headlines: Sequence[Headline]
    chart: ShownChart | None
    images: Sequence[InlineImage]
    table: ShownTable | None
    columns: Sequence[Column]
    cells: Sequence[Sequence[Cell]]

    @property
    def shown(self) -> dict[str, Any]:
        """What the templates name."""
        return {name: value for name, value in vars(self).items() if name not in {"columns", "cells", "images"}}


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
        named = {str(figure.value): line.value for figure, line in zip(definition.figures, headlines, strict=True)}
        named |= {"title": title, "period": self._name}
        following = iter(headlines)
        shown: list[Block] = []
        images: list[InlineImage] = []
        columns: Sequence[Column] = ()
        cells: Sequence[Sequence[Cell]] = ()
        for block in definition.blocks:
            match block:
                case Template():
                    shown.append(self._filled(block, named))
                case Chart():
                    if drawn := self._chart(block, f"{CHART_ID}-{len(images) + 1}" if images else CHART_ID):
                        shown.append(drawn[0])
                        images.append(drawn[1])
                case Table():
                    table, its_columns, its_cells = self._read_table(block)
                    if table:
                        shown.append(table)
                        columns, cells = columns or its_columns, cells or its_cells
                case _:
                    shown.append([next(following) for _ in block])
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
            blocks=shown,
            headlines=headlines,
            chart=next((block for block in shown if isinstance(block, ShownChart)), None),
            images=images,
            table=next((block for block in shown if isinstance(block, ShownTable)), None),
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
        for block in self._definition.blocks:
            if not isinstance(block, Chart | Table):
                continue
            rows, most = self._results.rows(block.query), MOST_BARS if isinstance(block, Chart) else None
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

    def _chart(self, chart: Chart, content_id: str) -> tuple[ShownChart, InlineImage] | None:
        rows = self._results.rows(chart.query)
        how = with_currency(chart.format, self._codes(chart.format, chart.query))
        labels = rows.values(chart.label)[:MOST_BARS]

        def drawn_of(column: ResultColumn) -> Bars:
            cells = [cell_of(each, how, column, self._zone) for each in rows.values(column)]
            values = [float(cast(Decimal, cell or 0)) for cell in cells[:MOST_BARS]]
            return bars(labels, values, period=self._request.period, zone=self._zone, language=self._language)

        series = [drawn_of(each.value) for each in chart.series]
        names, shown = series[0].names, series[0].labels
        above = heights([each.values for each in series], chart.shape)
        if len(above) < _FEWEST_BARS or max(above) <= 0:
            return None

        def write(value: float) -> str:
            return written(Decimal(str(value)), how, self._language)

        def write_top(value: float) -> str:
            whole = value.is_integer() and how.format is not ValueFormat.PERCENT
            return written(Decimal(str(value)), replace(how, decimals=0) if whole else how, self._language)

        title, highest = self._text(chart.title), above.index(max(above))
        says = (
            self._("{title}, a line chart. The highest is {label}: {value}.")
            if chart.shape is ChartShape.LINE
            else self._("{title}, a bar chart. The highest is {label}: {value}.")
        )
        description = says.format(title=title, label=names[highest], value=write(above[highest]))
        color = self._request.brand.graphic_color
        if chart.shape is None:
            return bar_chart(
                content_id,
                series[0].values,
                shown,
                title=title,
                description=description,
                write=write,
                write_top=write_top,
                language=self._language,
                color=color,
            )
        return series_chart(
            content_id,
            [
                Series(self._text(each.label) if each.label else "", drawn.values)
                for each, drawn in zip(chart.series, series, strict=True)
            ],
            shown,
            chart.shape,
            title=title,
            description=description,
            write=write,
            write_top=write_top,
            language=self._language,
            color=color,
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

    def _read_table(self, table: Table) -> tuple[ShownTable | None, list[Column], list[Sequence[Cell]]]:
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
            ShownTable(
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
