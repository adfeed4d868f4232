"""What a `report.yaml` says, as it is used: frozen, checked, with the defaults filled in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from babel import Locale, UnknownLocaleError

from functions.shared.mail.language import closest
from report_kit.attachments.formats import FileFormat
from report_kit.drawn_series import ChartShape
from report_kit.report import PermanentError

PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?![:\w])")
"""What SQLAlchemy takes for a parameter: a colon and a name, unless a backslash makes it a colon.
https://docs.sqlalchemy.org/en/20/core/sqlelement.html#sqlalchemy.sql.expression.text"""


class ValueFormat(StrEnum):
    """How a value is written."""

    TEXT = "text"
    """As it is."""
    INTEGER = "integer"
    """A whole number, with the language's signs between thousands."""
    DECIMAL = "decimal"
    """A number with decimals: two, or as many as the file says."""
    MONEY = "money"
    """A number in a currency, with as many decimals as the currency has."""
    PERCENT = "percent"
    """A share: 0.25 is 25 %."""
    DATE = "date"
    """A day. Of a moment, the day on which it is in the recipient's zone."""
    TIME = "time"
    """A moment, with its day, in the recipient's zone."""


NUMBERS = frozenset({ValueFormat.INTEGER, ValueFormat.DECIMAL, ValueFormat.MONEY, ValueFormat.PERCENT})


class ParameterType(StrEnum):
    """What a parameter of a query may be."""

    IDENTIFIER = "identifier"
    """Text that may be compared with a column of any type, such as a number or a UUID. No option is one."""
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"
    """A point in time. No option is one."""


OPTION_TYPES = tuple(each for each in ParameterType if each not in {ParameterType.IDENTIFIER, ParameterType.MOMENT})


class Direction(StrEnum):
    """Which change of a figure is good news."""

    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


@dataclass(frozen=True)
class Text:
    """A text in one or several languages.

    Attributes:
        by_language: the texts, by BCP 47 tags in small letters. English is always there.
    """

    by_language: Mapping[str, str]

    def within(self, locale: str) -> str:
        """The text in the language of a locale, or else in English.

        Args:
            locale: BCP 47, such as `de-AT`: `de` serves where there is no `de-AT`.
        """
        return self.by_language[closest(locale, self.by_language)]


@dataclass(frozen=True, kw_only=True)
class Option:
    """One of the subscription's `options` that the queries use.

    Attributes:
        default: what counts where the subscription does not say; may be None, which is NULL.
        required: whether the subscription must say.
    """

    name: str
    type: ParameterType
    default: str | int | Decimal | bool | date | None = None
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a query may cost.

    Attributes:
        seconds: how long it may take.
        rows: how many rows are used at most.
        bytes: how many bytes BigQuery may bill for it; None for no limit.
    """

    seconds: int = 10
    rows: int = 1_000
    bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Sql:
    """The text of a query.

    Attributes:
        text: for SQLAlchemy, with PostgreSQL's `::` escaped.
        line: of the file, on which it begins.
    """

    text: str
    line: int

    @property
    def parameters(self) -> set[str]:
        """The names of the parameters in it."""
        return set(PARAMETER.findall(self.text))


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query, and its limits.

    Attributes:
        name: in the file.
        path: the keys that lead to it, for messages.
        file: how the file is called in messages.
        by_dialect: its text, by the source's SQLAlchemy dialect; under "" for those that are not named.
    """

    name: str
    path: str
    file: str
    by_dialect: Mapping[str, Sql]
    limits: Limits

    @property
    def line(self) -> int:
        """The line of the file on which its first text begins."""
        return next(iter(self.by_dialect.values())).line

    def sql(self, dialect: str) -> Sql:
        """The text for a source.

        Args:
            dialect: of the source, such as `postgresql`.

        Raises:
            PermanentError: there is none.
        """
        found = self.by_dialect.get(dialect) or self.by_dialect.get("")
        if found is None:
            known = " and ".join(self.by_dialect)
            raise PermanentError(
                f"{self.file}:{self.line}: {self.path}: there is SQL for {known}, but the source is {dialect}"
            )
        return found


@dataclass(frozen=True, kw_only=True)
class ResultColumn:
    """A column of a query's result.

    Attributes:
        query: the query's name.
        column: the column's name.
        place: the file and line that names it, for messages.
    """

    query: str
    column: str
    place: str

    def __str__(self) -> str:
        return f"{self.query}.{self.column}"


@dataclass(frozen=True)
class OptionName:
    """An option of the file whose value is meant."""

    name: str


Currency = str | OptionName | ResultColumn
"""A currency by ISO 4217, or where it stands. Empty: there is none."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A text with a form for each of a language's plurals.

    Attributes:
        number: what decides between them.
        forms: by CLDR's names, such as `one`; `other` is always there. https://cldr.unicode.org/index/cldr-spec/plural-rules
    """

    number: ResultColumn
    forms: Mapping[str, str]


@dataclass(frozen=True)
class Template:
    """A text with placeholders, in one or several languages.

    Attributes:
        by_language: as those of `Text`.
    """

    by_language: Mapping[str, str | Counted]

    def number(self, locale: str) -> ResultColumn | None:
        """What decides about the form of the text in the language of a locale; None where it has one form."""
        found = self.by_language[closest(locale, self.by_language)]
        return found.number if isinstance(found, Counted) else None

    def within(self, locale: str, count: Any) -> str:
        """The text in the language of a locale, or else in English.

        Args:
            locale: BCP 47.
            count: the value of its number. What is none counts as many.
        """
        tag = closest(locale, self.by_language)
        found = self.by_language[tag]
        if not isinstance(found, Counted):
            return found
        try:
            form = Locale.parse(tag, sep="-").plural_form(abs(Decimal(str(count))))
        except (InvalidOperation, ValueError, UnknownLocaleError):
            form = "other"
        return found.forms.get(form) or found.forms["other"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """How values are written.

    Attributes:
        currency: of money.
        decimals: of `decimal` and `percent`; None for the format's own.
    """

    format: ValueFormat = ValueFormat.TEXT
    currency: Currency = ""
    decimals: int | None = None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A headline figure: a column of the first row of a query.

    Attributes:
        before: the column with the figure of the period before; None where there is none.
        compare: whether the query runs a second time, over the period before.
        good: which change is good news.
    """

    label: Text
    value: ResultColumn
    format: Format
    before: ResultColumn | None = None
    compare: bool = False
    good: Direction = Direction.UP


@dataclass(frozen=True, kw_only=True)
class ChartSeries:
    """A column of a chart's query.

    Attributes:
        label: for the legend; None where it is the only one.
    """

    label: Text | None
    value: ResultColumn


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A place for each row of a query, which is named by its name.

    Attributes:
        label: how a place is called.
        series: what stands there.
        shape: how that is drawn; None for one bar.
    """

    title: Text
    query: str
    label: ResultColumn
    series: Sequence[ChartSeries]
    shape: ChartShape | None
    format: Format


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column of the table."""

    label: Text
    column: ResultColumn
    format: Format


@dataclass(frozen=True, kw_only=True)
class Table:
    """A line for each row of a query.

    Attributes:
        query: the query's name.
        rows: how many of them the email shows. Attached files have all.
    """

    title: Text
    query: str
    columns: Sequence[TableColumn]
    rows: int


Block = Template | Sequence[Figure] | Chart | Table
"""A part of the email: a text, figures beside one another, a chart or a table."""


@dataclass(frozen=True, kw_only=True)
class SkipWhen:
    """When there is nothing to report: if all that is given holds.

    Attributes:
        no_rows: the query that returns no row.
        zero: the column whose value, in the first row, is zero or NULL, or that has no row.
        why: the kind's words for it, for the people who look after the reports; may be empty.
    """

    no_rows: str | None = None
    zero: ResultColumn | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class AudienceQuery:
    """Who gets the reports: a query with a row for each recipient.

    Attributes:
        query: the query. It names no parameter.
        defaults: what counts for columns that are NULL or that it lacks, by their names.
    """

    query: Query
    defaults: Mapping[str, str | int | bool]


@dataclass(frozen=True, kw_only=True)
class ReportDefinition:
    """A `report.yaml`.

    Attributes:
        file: how it is called in messages.
        source: the secret with the database's URL.
        title: the headline.
        subject: a line with placeholders; None for the title, the period and the first figure.
        summary: a sentence with placeholders, before the blocks; may be None.
        blocks: what the email shows, in this order.
        attach: the formats of the files with all rows of the first table.
        audience: who gets it; None where no query says that.
    """

    file: str
    source: str
    title: Text
    subject: Template | None
    summary: Template | None
    options: Mapping[str, Option]
    queries: Mapping[str, Query]
    blocks: Sequence[Block]
    skip_when: SkipWhen | None
    attach: Sequence[FileFormat]
    audience: AudienceQuery | None = None

    @property
    def figures(self) -> list[Figure]:
        """All figures of all blocks."""
        return [figure for block in self.blocks if isinstance(block, tuple) for figure in block]

    @property
    def tables(self) -> list[Table]:
        """All tables of the blocks."""
        return [block for block in self.blocks if isinstance(block, Table)]
