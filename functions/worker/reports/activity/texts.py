"""Everything that the report says, in words. What is here is all that another language has to say differently."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from babel.numbers import format_decimal, format_percent

from functions.shared.schedule import Cadence, Period
from functions.shared.user import User
from functions.worker.one_line import one_line
from functions.worker.reports.activity.buckets import Bucket
from functions.worker.reports.activity.figures import Figures
from functions.worker.reports.period_name import period_name

_LOCALE = "en"

_BEFORE = {
    Cadence.HOURLY: "the hour before",
    Cadence.DAILY: "the day before",
    Cadence.WEEKLY: "the week before",
    Cadence.MONTHLY: "the month before",
}


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One figure, with what it is and how it compares. `arrow` repeats the direction that `change` says in words."""

    label: str
    value: str
    change: str
    arrow: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. `share` is the type's part of the events, 0 to 100; `amount` is empty without amounts."""

    type: str
    events: str
    share: int
    amount: str


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The report's words and figures, in the order in which they are read."""

    subject: str
    preview: str
    greeting: str
    title: str
    period: str
    nothing: str
    headlines: Sequence[Headline]
    chart_title: str
    chart_description: str
    table_title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    footer: str


class Texts:
    """Writes a report's texts.

    Args:
        user: for whom.
        period: what the report covers.
        before: what it is compared with.
    """

    def __init__(self, *, user: User, period: Period, before: Period) -> None:
        self._user = user
        self._name = period_name(period, user.time_zone, _LOCALE)
        regular = user.schedule.after(period.start) == period.end
        self._before = _BEFORE[user.schedule.cadence] if regular else "in the period before"
        self._name_before = period_name(before, user.time_zone, _LOCALE)

    def contents(self, figures: Figures, slices: Sequence[Bucket]) -> Contents:
        """Put figures into words.

        Args:
            figures: what the events add up to.
            slices: the slices of the period that figures.per_bucket counts.
        """
        name = one_line(self._user.name, 80)
        headlines = [self._headline("Events", figures.events, figures.events_before, number)]
        if figures.has_amounts:
            write = number if figures.whole_amounts else number_with_cents
            headlines.append(self._headline("Total amount", figures.amount, figures.amount_before, write))
        return Contents(
            subject=f"Your activity: {self._name}",
            preview="; ".join(f"{item.label}: {item.value}. {item.change}" for item in headlines),
            greeting=f"Hello {name}," if name else "Hello,",
            title="Your activity",
            period=self._name,
            nothing="" if figures.events else "Nothing happened in this time.",
            headlines=headlines,
            chart_title="When it happened",
            chart_description=_chart_description(figures, slices),
            table_title="What it was",
            columns=("Type", "Events", "Amount") if figures.has_amounts else ("Type", "Events"),
            rows=_rows(figures),
            footer=(
                f"Compared with {self._name_before}. All times are those of {self._user.time_zone.key}. "
                f"You get this report {self._user.schedule.cadence.value}."
            ),
        )

    def _headline(self, label: str, value: float, previous: float, write: Callable[[float], str]) -> Headline:
        words, arrow = self._change(value, previous, write)
        return Headline(label=label, value=write(value), change=words, arrow=arrow)

    def _change(self, value: float, previous: float, write: Callable[[float], str]) -> tuple[str, str]:
        if write(value) == write(previous):
            return f"The same as {self._before}", "="
        direction, arrow = ("Up", "▲") if value > previous else ("Down", "▼")
        if previous <= 0:
            # A share of nothing, or of a debt, says nothing.
            return f"{direction} from {write(previous)} {self._before}", arrow
        share = abs(value - previous) / previous
        percent = format_percent(share, locale=_LOCALE) if share >= 0.01 else "less than 1%"
        return f"{direction} {percent} from {write(previous)} {self._before}", arrow


def number(value: float) -> str:
    """A whole number as people write it."""
    text: str = format_decimal(round(value) + 0.0, "#,##0", locale=_LOCALE)
    return text


def number_with_cents(value: float) -> str:
    """A number as people write it, with two decimals."""
    text: str = format_decimal(round(value, 2) + 0.0, "#,##0.00", locale=_LOCALE)
    return text


def _rows(figures: Figures) -> list[Row]:
    named = [(item.type or "(no type)", item) for item in figures.types]
    if figures.others.events:
        count = f"{number(figures.other_types)} other types" if figures.other_types else "Other types"
        named.append((count, figures.others))
    write = number if figures.whole_amounts else number_with_cents
    return [
        Row(
            type=name,
            events=number(item.events),
            share=round(100 * item.events / figures.events),
            amount=write(item.amount) if figures.has_amounts else "",
        )
        for name, item in named
    ]


def _chart_description(figures: Figures, slices: Sequence[Bucket]) -> str:
    if not figures.events:
        return ""
    most = max(figures.per_bucket)
    busiest = slices[list(figures.per_bucket).index(most)]
    return f"A chart of the number of events over time. Most of them came at {busiest.name}: {number(most)}."
