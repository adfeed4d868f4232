"""What a report shows beside its words: figures, a chart, a table. The layout has a template for each (layout/)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Imported where a report is built: it takes the languages' data along.
    from report_kit.language import Language


class Tone(StrEnum):
    """What a change means to the reader. The layout's colors repeat what the words and the arrow say.

    >>> how = {"write": language.number, "before": "the day before", "language": language}
    >>> compared("Refunds", 3, 2, **how, more_is=Tone.BAD).tone is Tone.BAD
    True
    """

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One figure.

        >>> Headline(label="Orders", value="30", change="Up 50% from 20", arrow="▲", tone=Tone.GOOD).value
        '30'

    Attributes:
        label: what it is.
        value: how much, as text.
        change: how it compares, in words; may be empty.
        arrow: which way it went; repeats what `change` says.
        tone: what the change means.
    """

    label: str
    value: str
    change: str = ""
    arrow: str = ""
    tone: Tone = Tone.NEUTRAL

    @property
    def is_long(self) -> bool:
        """Whether it needs smaller letters."""
        return len(self.value) > 13


@dataclass(frozen=True, kw_only=True)
class AxisLabel:
    """What stands under the bars of a chart, beginning under the first of those that it names.

    Attributes:
        text: short.
        width: of those bars, in percent of the chart.
        is_of_one_bar: whether it names one bar, and stands below its middle.
        value: how high that bar is; empty where there is no room for it.
    """

    text: str
    width: float
    is_of_one_bar: bool = False
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """What a sign of a chart stands for.

    Attributes:
        sign: a character that looks like it.
        text: what it is.
        color: of the sign, as #rrggbb.
    """

    sign: str
    text: str
    color: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture of values. Its labels are text of the email, so that they are readable at any size and on any ground.

        >>> Chart(content_id="orders-chart", title="Orders", description="Most came at noon.", top="5", axis=[]).title
        'Orders'

    Attributes:
        content_id: of the picture.
        title: above it.
        description: what it shows, for those who do not see it.
        top: what the upper end of the chart stands for.
        axis: under the bars.
        legend: under those; may be empty.
    """

    content_id: str
    title: str
    description: str
    top: str
    axis: Sequence[AxisLabel]
    legend: Sequence[LegendEntry] = ()


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A line of a table.

        >>> TableRow(cells=["Tea", "€12.50"], share=76).rest
        24

    Attributes:
        cells: what stands in it, as text; the first names the line.
        share: the line's part of the whole, 0 to 100, drawn as a bar; None: no bar.
    """

    cells: Sequence[str]
    share: int | None = None

    @property
    def rest(self) -> int:
        """What is not the line's part."""
        return 100 - (self.share or 0)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Lines with figures.

        >>> Table(title="Orders", columns=["Product", "Total"], rows=[TableRow(cells=["Tea", "€12.50"])]).lines
        [['Product', 'Total'], ['Tea', '€12.50']]

    Attributes:
        title: above it.
        columns: the names of the columns.
        rows: the lines.
        more: what is said of lines that are left out; may be empty.
        texts: which columns beside the first have text in them, by their numbers from 0 on. The others have figures,
            which stand to the right.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[TableRow]
    more: str = ""
    texts: Collection[int] = ()

    @property
    def lines(self) -> list[Sequence[str]]:
        """The names of the columns, and then the cells: for the text part."""
        return [self.columns, *(row.cells for row in self.rows)]


@dataclass(frozen=True, kw_only=True)
class Button:
    """Where the email leads.

    Attributes:
        label: what it says.
        url: https.
    """

    label: str
    url: str


Block = str | Sequence[Headline] | Chart | Table
"""What the layout's `blocks.mjml` shows, in any order: a paragraph, figures, a chart or a table."""


def compared(
    label: str,
    value: float,
    previous: float,
    *,
    write: Callable[[float], str],
    before: str,
    language: "Language",
    more_is: Tone = Tone.GOOD,
) -> Headline:
    """A figure with how it compares.

        >>> before = period_before(request.cadence, language)
        >>> compared("Orders", 30, 20, write=language.number, before=before, language=language).change
        'Up 50% from 20 the day before'

    Args:
        label: what it is.
        value: how much.
        previous: how much it was.
        write: makes text of a number.
        before: when that was, as it stands within a sentence (period_before).
        language: in which.
        more_is: what a rise means; a fall means the opposite.
    """
    _ = language.gettext
    if write(value) == write(previous):
        words = _("The same as {before}").format(before=before)
        return Headline(label=label, value=write(value), change=words, arrow="=")
    up = value > previous
    share = change_share(value, previous, write)
    if share is None:
        message = _("Up from {previous} {before}") if up else _("Down from {previous} {before}")
    elif share < _LEAST_SHARE:
        message = (
            _("Up less than {percent} from {previous} {before}")
            if up
            else _("Down less than {percent} from {previous} {before}")
        )
    else:
        message = _("Up {percent} from {previous} {before}") if up else _("Down {percent} from {previous} {before}")
    percent = language.percent(max(share or 0.0, _LEAST_SHARE))
    opposite = {Tone.GOOD: Tone.BAD, Tone.BAD: Tone.GOOD, Tone.NEUTRAL: Tone.NEUTRAL}
    return Headline(
        label=label,
        value=write(value),
        change=message.format(percent=percent, previous=write(previous), before=before),
        arrow="▲" if up else "▼",
        tone=more_is if up else opposite[more_is],
    )


def change_share(value: float, previous: float, write: Callable[[float], str]) -> float | None:
    """By which share of the previous value a value has changed; None where that says nothing.

        >>> change_share(30, 20, language.number), change_share(30, 0, language.number)
        (0.5, None)

    Args:
        value: how much.
        previous: how much it was.
        write: makes text of a number.
    """
    # A share of nothing, of what is shown as nothing, or of a debt says nothing.
    if previous <= 0 or write(previous) == write(0):
        return None
    return abs(value - previous) / previous


_LEAST_SHARE = 0.01
