"""Reads a `report.yaml`. Each mistake is one line: file, line, place, and what was expected."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from functions.shared.records.audience import Audience
from functions.shared.records.audience_row import OF_SUBSCRIPTION, OF_USER, AudienceRow
from functions.shared.records.subscription import ADDRESS_LISTS, SubscriptionDefaults
from functions.shared.times.days_off import NO_DAYS_OFF
from functions.shared.times.schedule import Cadence
from report_kit.attachments.formats import FileFormat
from report_kit.chart import MOST_SERIES
from report_kit.drawn_series import ChartShape
from report_kit.mistakes import Place
from report_kit.report import PermanentError
from report_kit.sql.definition import (
    NUMBERS,
    OPTION_TYPES,
    PARAMETER,
    AudienceQuery,
    Block,
    Chart,
    ChartSeries,
    Counted,
    Currency,
    Direction,
    Figure,
    Format,
    Limits,
    Option,
    OptionName,
    ParameterType,
    Query,
    ReportDefinition,
    ResultColumn,
    SkipWhen,
    Sql,
    Table,
    TableColumn,
    Template,
    Text,
    ValueFormat,
)
from report_kit.sql.parameters import BUILT_IN_PARAMETERS, SAMPLE_ROWS
from report_kit.yaml_reader import YamlNode, nearest, read_yaml

FILE = "report.yaml"
"""A folder with this file and without `__init__.py` is a kind from SQL."""

MOST_SECONDS = 20
"""A report has about 25 seconds for all its queries, its chart and its templates (docs/guides/sql-reports.md)."""
MOST_ROWS = 10_000
MOST_FIGURES = 6
MOST_COLUMNS = 8
MOST_BLOCKS = 20
SHOWN_ROWS, MOST_SHOWN_ROWS = 20, 50
"""Rows of the table in the email: more would make it too large for Gmail, which cuts emails at 102 kB."""

_DEFAULTS = SubscriptionDefaults("x", Cadence.DAILY, lambda _calendar: NO_DAYS_OFF)

PLURALS = ("zero", "one", "two", "few", "many", "other")
"""https://cldr.unicode.org/index/cldr-spec/plural-rules"""

DIALECTS = ("postgresql", "bigquery", "sqlite")

_FORMAT_KEYS = ("format", "currency", "decimals")
_BARS = "bars"
"""The shape of a chart that says nothing of it."""
_ONE_OF_EACH = ("figures", "chart", "table")
_LIMITS = ("seconds", "rows", "bytes")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d+) ?(MB|GB|TB)")


def read_report_file(folder: Path) -> ReportDefinition:
    """Read the `report.yaml` of a kind once, and again only if it has changed.

    Args:
        folder: of the kind.

    Raises:
        PermanentError: there is no such file, or a mistake in it.
    """
    file = folder / FILE
    name = shown_path(file)
    try:
        return _parsed(file.read_text(encoding="utf-8"), name)
    except OSError as error:
        raise PermanentError(f"{name}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PermanentError(f"{name}: is not UTF-8") from None


def shown_path(file: Path) -> str:
    """How messages name a file of a kind: from the root of the repository on."""
    return str(Place(file, 0))


@functools.lru_cache(maxsize=64)
def _parsed(text: str, name: str) -> ReportDefinition:
    return parse_report(text, name)


def parse_report(text: str, file: str) -> ReportDefinition:
    """Read the text of a `report.yaml`.

    Args:
        text: of the file.
        file: how it is called in messages.

    Raises:
        YamlMistake: there is a mistake in it.
    """
    return _Parser(read_yaml(text, file)).report()


T = TypeVar("T")
D = TypeVar("D")


class _Parser:
    def __init__(self, root: YamlNode) -> None:
        self._fields = root.fields(
            (
                "source",
                "title",
                "subject",
                "summary",
                "currency",
                "options",
                "limits",
                "queries",
                "figures",
                "chart",
                "table",
                "blocks",
                "skip_when",
                "attach",
                "audience",
            ),
            required=("source", "title", "queries"),
        )
        self._root = root
        self._used: set[str] = set()
        self._options = self._read("options", _options, {})
        self._limits = self._read("limits", lambda node: _limits(node.fields(_LIMITS), Limits()), Limits())
        self._queries = self._read_queries(self._fields["queries"])
        self._currency: Currency = self._read("currency", self._read_currency, "")

    def report(self) -> ReportDefinition:
        source = self._fields["source"]
        if not _VARIABLE.fullmatch(source.text()):
            raise source.mistake("expected the name of the secret with the database's URL, such as SALES_DATABASE_URL")
        blocks, template = self._read_blocks()
        has_table = any(isinstance(block, Table) for block in blocks)
        definition = ReportDefinition(
            file=self._root.file,
            source=source.text(),
            title=_text(self._fields["title"]),
            subject=self._read("subject", template, None),
            summary=self._read("summary", template, None),
            options=self._options,
            queries=self._queries,
            blocks=blocks,
            skip_when=self._read("skip_when", self._skip_when, None),
            attach=self._read("attach", functools.partial(_attach, has_table=has_table), ()),
            audience=self._read("audience", self._audience, None),
        )
        for name, node in self._fields["queries"].entries("queries").items():
            if name not in self._used:
                raise node.mistake("is never used: no figure, chart, table or skip_when names it")
        return definition

    def _read_blocks(self) -> tuple[tuple[Block, ...], Callable[[YamlNode], Template]]:
        """What the file shows, and how its texts with placeholders are read, which name figures of any block."""
        if "blocks" in self._fields:
            node = self._fields["blocks"]
            if beside := next((self._fields[key] for key in _ONE_OF_EACH if key in self._fields), None):
                raise beside.mistake("expected either blocks or figures, chart and table, but both are given")
            parts = [self._block(each) for each in node.items("blocks")]
            if not 1 <= len(parts) <= MOST_BLOCKS:
                raise node.mistake(f"expected 1 to {MOST_BLOCKS} blocks, but there are {len(parts)}")
        else:
            parts = [(key, self._fields[key]) for key in _ONE_OF_EACH if key in self._fields]
            if not parts:
                raise self._root.mistake("there is nothing to show: figures, chart, table or blocks is missing")
        figures = {id(part): self._figures(part) for key, part in parts if key == "figures"}
        named = {str(figure.value): figure.value for some in figures.values() for figure in some}
        template = functools.partial(_template, figures=named)

        def read(key: str, part: YamlNode) -> Block:
            match key:
                case "figures":
                    return figures[id(part)]
                case "chart":
                    return self._chart(part)
                case "table":
                    return self._table(part)
                case _:
                    return template(part)

        return tuple(read(key, part) for key, part in parts), template

    def _block(self, node: YamlNode) -> tuple[str, YamlNode]:
        [*found] = node.fields(("text", *_ONE_OF_EACH)).items()
        if len(found) != 1:
            raise node.mistake("expected one of text, figures, chart and table")
        return found[0]

    def _read(self, key: str, read: Callable[[YamlNode], T], default: D) -> T | D:
        return read(self._fields[key]) if key in self._fields else default

    def _read_queries(self, node: YamlNode) -> dict[str, Query]:
        queries = {}
        for name, each in node.entries("queries by their names").items():
            if not _NAME.fullmatch(name):
                raise each.mistake("a query's name is small letters, digits and _, and a letter first")
            queries[name] = self._query(name, each)
        if not queries:
            raise node.mistake("there is no query")
        return queries

    def _query(self, name: str, node: YamlNode) -> Query:
        limits, sql = self._limits, node
        if node.is_mapping:
            fields = node.fields(("sql", *_LIMITS), required=("sql",))
            limits, sql = _limits(fields, limits), fields["sql"]
        return self._query_of(sql, name, node.path, limits, (*BUILT_IN_PARAMETERS, *self._options))

    def _query_of(self, sql: YamlNode, name: str, path: str, limits: Limits, parameters: Sequence[str]) -> Query:
        texts = sql.fields(DIALECTS) if sql.is_mapping else {"": sql}
        if not texts:
            raise sql.mistake(f"expected SQL for one of {', '.join(DIALECTS)}")
        return Query(
            name=name,
            path=path,
            file=sql.file,
            by_dialect={dialect: _sql(each, parameters) for dialect, each in texts.items()},
            limits=limits,
        )

    def _audience(self, node: YamlNode) -> AudienceQuery:
        fields = node.fields(("sql", "defaults"), required=("sql",))
        limits = replace(self._limits, seconds=MOST_SECONDS)
        if taken := next((name for name in self._options if name in ("id", *OF_USER, *OF_SUBSCRIPTION)), ""):
            raise node.mistake(f"a column {taken} could be the option or the recipient's: call the option otherwise")
        return AudienceQuery(
            query=self._query_of(fields["sql"], "audience", node.path, limits, ()),
            defaults=_audience_defaults(fields["defaults"]) if "defaults" in fields else {},
        )

    def _figures(self, node: YamlNode) -> tuple[Figure, ...]:
        figures = []
        for each in node.items("figures"):
            fields = each.fields(
                ("label", "value", "before", "compare", "good", *_FORMAT_KEYS), required=("label", "value")
            )
            before, compare = fields.get("before"), fields.get("compare")
            if before and compare:
                raise compare.mistake("expected either before or compare, but both are given")
            figures.append(
                Figure(
                    label=_text(fields["label"]),
                    value=self._column(fields["value"]),
                    format=self._format(fields, numbers_only=True),
                    before=self._column(before) if before else None,
                    compare=compare.yes_or_no() if compare else False,
                    good=Direction(fields["good"].choice(tuple(Direction))) if "good" in fields else Direction.UP,
                )
            )
        if len(figures) > MOST_FIGURES:
            raise node.mistake(f"expected {MOST_FIGURES} figures at most, but there are {len(figures)}")
        return tuple(figures)

    def _chart(self, node: YamlNode) -> Chart:
        fields = node.fields(
            ("title", "query", "label", "value", "values", "shape", *_FORMAT_KEYS), required=("title", "query", "label")
        )
        query = self._query_name(fields["query"])
        shape = fields["shape"].choice((_BARS, *ChartShape)) if "shape" in fields else _BARS
        if ("value" in fields) == ("values" in fields):
            raise node.mistake("expected either value or values")
        if "value" in fields:
            series = [ChartSeries(label=None, value=_column_of(query, fields["value"]))]
        else:
            series = [_series(query, each) for each in fields["values"].items("values")]
            if not 2 <= len(series) <= MOST_SERIES:
                raise fields["values"].mistake(f"expected 2 to {MOST_SERIES} values, but there are {len(series)}")
            if shape == _BARS:
                raise node.mistake(f"expected shape: {', '.join(ChartShape)} for several values")
        return Chart(
            title=_text(fields["title"]),
            query=query,
            label=_column_of(query, fields["label"]),
            series=tuple(series),
            shape=None if shape == _BARS else ChartShape(shape),
            format=self._format(fields, numbers_only=True, query=query),
        )

    def _table(self, node: YamlNode) -> Table:
        fields = node.fields(("title", "query", "columns", "rows"), required=("title", "query", "columns"))
        query = self._query_name(fields["query"])
        columns = [self._table_column(query, each) for each in fields["columns"].items("columns")]
        if not 1 <= len(columns) <= MOST_COLUMNS:
            raise fields["columns"].mistake(f"expected 1 to {MOST_COLUMNS} columns, but there are {len(columns)}")
        rows = fields["rows"].integer(1, MOST_SHOWN_ROWS) if "rows" in fields else SHOWN_ROWS
        return Table(title=_text(fields["title"]), query=query, columns=tuple(columns), rows=rows)

    def _table_column(self, query: str, node: YamlNode) -> TableColumn:
        fields = node.fields(("column", "label", *_FORMAT_KEYS), required=("column", "label"))
        return TableColumn(
            label=_text(fields["label"]),
            column=_column_of(query, fields["column"]),
            format=self._format(fields, numbers_only=False, query=query),
        )

    def _skip_when(self, node: YamlNode) -> SkipWhen:
        fields = node.fields(("no_rows", "zero", "why"))
        if not fields.keys() - {"why"}:
            raise node.mistake("expected no_rows: QUERY, or zero: QUERY.COLUMN")
        return SkipWhen(
            no_rows=self._query_name(fields["no_rows"]) if "no_rows" in fields else None,
            zero=self._column(fields["zero"]) if "zero" in fields else None,
            why=fields["why"].text() if "why" in fields else "",
        )

    def _query_name(self, node: YamlNode) -> str:
        name = node.text()
        if name not in self._queries:
            raise node.mistake(f"there is no query {name!r}: {nearest(name, self._queries)}")
        self._used.add(name)
        return name

    def _column(self, node: YamlNode) -> ResultColumn:
        query, dot, column = node.text().partition(".")
        if not dot or not column:
            raise node.mistake(f"expected QUERY.COLUMN, such as {next(iter(self._queries))}.total")
        if query not in self._queries:
            raise node.mistake(f"there is no query {query!r}: {nearest(query, self._queries)}")
        self._used.add(query)
        return ResultColumn(query=query, column=column, place=f"{node.file}:{node.line}")

    def _read_currency(self, node: YamlNode, query: str = "") -> Currency:
        """By its letters, by an option, by a column of any query, or by a column of the query that is shown."""
        text = node.text()
        if _CURRENCY.fullmatch(text):
            return text
        if text in self._options:
            if self._options[text].type is not ParameterType.TEXT:
                raise node.mistake(f"the option {text} must have type: text to name a currency")
            return OptionName(text)
        if "." in text:
            return self._column(node)
        if query:
            return _column_of(query, node)
        raise node.mistake("expected a currency by its three letters, such as EUR, an option, or QUERY.COLUMN")

    def _format(self, fields: Mapping[str, YamlNode], *, numbers_only: bool, query: str = "") -> Format:
        choices = [each for each in ValueFormat if each in NUMBERS or not numbers_only]
        default = ValueFormat.INTEGER if numbers_only else ValueFormat.TEXT
        chosen = ValueFormat(fields["format"].choice(choices)) if "format" in fields else default
        currency = self._read_currency(fields["currency"], query) if "currency" in fields else self._currency
        if "currency" in fields and chosen is not ValueFormat.MONEY:
            raise fields["currency"].mistake("only format: money has a currency")
        if chosen is ValueFormat.MONEY and not currency:
            raise fields["format"].mistake("money needs a currency, such as currency: EUR, here or for the whole file")
        decimals = fields["decimals"].integer(0, 6) if "decimals" in fields else None
        if decimals is not None and chosen not in {ValueFormat.DECIMAL, ValueFormat.PERCENT}:
            raise fields["decimals"].mistake("only format: decimal and format: percent have decimals")
        return Format(format=chosen, currency=currency if chosen is ValueFormat.MONEY else "", decimals=decimals)


def _sql(node: YamlNode, known: Sequence[str]) -> Sql:
    # Or SQLAlchemy would take `:id::uuid` for a parameter `i`.
    text = node.text().replace("::", r"\:\:")
    for match in PARAMETER.finditer(text):
        if match[1] not in known:
            hint = nearest(match[1], known) if known else "the query of an audience has none"
            raise node.mistake(
                f"there is no parameter :{match[1]}: {hint} "
                r"(an option is declared under options; a colon that begins no parameter is written \:)",
                line=node.line_after(text[: match.start()]),
            )
    return Sql(text=text, line=node.line_after(""))


def _audience_defaults(node: YamlNode) -> dict[str, str | int | bool]:
    known = [name for name in (*OF_USER, *OF_SUBSCRIPTION) if name not in {"email", *ADDRESS_LISTS}]
    defaults = {name: _scalar(each) for name, each in node.fields(known).items()}
    anybody = {"id": "x", "email": "x@example.com"}
    row = AudienceRow.from_columns(anybody, defaults, (), cadence=_DEFAULTS.cadence)
    if problem := Audience("x", _DEFAULTS, datetime(2026, 1, 1, tzinfo=UTC)).problem_of(row):
        raise node.mistake(problem)
    return defaults


def _series(query: str, node: YamlNode) -> ChartSeries:
    fields = node.fields(("column", "label"), required=("column", "label"))
    return ChartSeries(label=_text(fields["label"]), value=_column_of(query, fields["column"]))


def _text(node: YamlNode) -> Text:
    return Text({tag: each.text() for tag, each in _by_language(node).items()})


def _by_language(node: YamlNode) -> dict[str, YamlNode]:
    if not node.is_mapping:
        return {"en": node}
    texts = {}
    for tag, each in node.entries("texts by their languages").items():
        if not _LANGUAGE.fullmatch(tag.lower()):
            raise each.mistake("expected a language, such as en, de or pt-BR")
        texts[tag.lower()] = each
    if "en" not in texts:
        raise node.mistake("en is missing: the text for everybody whose language is not here")
    return texts


def _template(node: YamlNode, figures: Mapping[str, ResultColumn]) -> Template:
    """Texts with placeholders, each one line, or the forms of its plurals."""
    known = ("title", "period", *sorted(figures))

    def checked(each: YamlNode) -> str:
        text = each.text()
        for name in _PLACEHOLDER.findall(text):
            if name not in known:
                raise each.mistake(f"there is no {{{name}}}: {nearest(name, known)} (a figure is named by its value)")
        return text

    texts: dict[str, str | Counted] = {}
    for tag, each in _by_language(node).items():
        if not each.is_mapping:
            texts[tag] = checked(each)
            continue
        fields = each.fields(("number", *PLURALS), required=("number", "other"))
        number = fields.pop("number")
        if number.text() not in figures:
            raise number.mistake(f"there is no figure {number.text()!r}: {nearest(number.text(), sorted(figures))}")
        forms = {form: checked(text) for form, text in fields.items()}
        texts[tag] = Counted(number=figures[number.text()], forms=forms)
    return Template(texts)


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Put values into the placeholders of a subject or a summary.

    Args:
        template: a text of the file.
        values: by the placeholders' names.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _options(node: YamlNode) -> dict[str, Option]:
    options = {}
    for name, each in node.entries("options by their names").items():
        if not _NAME.fullmatch(name):
            raise each.mistake("an option's name is small letters, digits and _, and a letter first")
        if name in (*BUILT_IN_PARAMETERS, SAMPLE_ROWS):
            raise each.mistake(f"there is a parameter :{name} already: choose another name")
        fields = each.fields(("type", "default", "required"), required=("type",))
        kind = ParameterType(fields["type"].choice(OPTION_TYPES))
        required = fields["required"].yes_or_no() if "required" in fields else False
        if required and "default" in fields:
            raise fields["default"].mistake("an option that is required has no default")
        options[name] = Option(
            name=name,
            type=kind,
            default=_default(fields["default"], kind) if "default" in fields else None,
            required=required,
        )
    return options


def _default(node: YamlNode, kind: ParameterType) -> str | int | Decimal | bool | date:
    value, tag = node.raw()
    try:
        match kind:
            case ParameterType.TEXT if tag == "str":
                return value
            case ParameterType.INTEGER if tag == "int":
                return node.integer(-(2**63), 2**63 - 1)
            case ParameterType.DECIMAL if tag in {"int", "float"}:
                return _finite(Decimal(value))
            case ParameterType.BOOLEAN if tag == "bool":
                return node.yes_or_no()
            case ParameterType.DATE if tag in {"timestamp", "str"}:
                return date.fromisoformat(value)
    except (ValueError, InvalidOperation):
        pass
    examples = {
        ParameterType.TEXT: "text, in quotes where it looks like something else",
        ParameterType.INTEGER: "a whole number",
        ParameterType.DECIMAL: "a number",
        ParameterType.BOOLEAN: "true or false",
        ParameterType.DATE: "a date, such as 2026-11-24",
    }
    raise node.mistake(f"expected {examples[kind]}, as the type says, but this is {value[:40]!r}")


def _scalar(node: YamlNode) -> str | int | bool:
    value, tag = node.raw()
    match tag:
        case "int":
            return node.integer(0, 2**31)
        case "bool":
            return node.yes_or_no()
        case _:
            return value


def _finite(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise ValueError(number)
    return number


def _limits(fields: Mapping[str, YamlNode], default: Limits) -> Limits:
    return Limits(
        seconds=fields["seconds"].integer(1, MOST_SECONDS) if "seconds" in fields else default.seconds,
        rows=fields["rows"].integer(1, MOST_ROWS) if "rows" in fields else default.rows,
        bytes=_size(fields["bytes"]) if "bytes" in fields else default.bytes,
    )


def _size(node: YamlNode) -> int:
    value, _ = node.raw()
    match = _SIZE.fullmatch(value)
    if not match or not int(match[1]):
        raise node.mistake(f"expected a number of bytes, such as 500 MB or 2 GB, but this is {value[:40]!r}")
    return int(match[1]) * _UNITS[match[2]]


def _attach(node: YamlNode, *, has_table: bool) -> tuple[FileFormat, ...]:
    formats = [FileFormat(each.choice(tuple(FileFormat))) for each in node.items("csv, xlsx or pdf")]
    if not has_table:
        raise node.mistake("there is no table to attach")
    if len(set(formats)) < len(formats):
        raise node.mistake("a format is given twice")
    return tuple(formats)


def _column_of(query: str, node: YamlNode) -> ResultColumn:
    return ResultColumn(query=query, column=node.text(), place=f"{node.file}:{node.line}")
