"""Everything that the report says, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from functions.shared.period import Period
from functions.worker.reports.activity.buckets import Bucket
from functions.worker.reports.activity.figures import Figures
from functions.worker.reports.language import Language
from functions.worker.reports.period_name import period_name
from functions.worker.reports.phrases import greeting, how_often, period_before
from functions.worker.reports.request import ReportRequest


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One figure, with what it is and how it compares. `arrow` repeats the direction that `change` says in words."""

    label: str
    value: str
    change: str
    arrow: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        type: of the events.
        figures: how many there were, and what they add up to where any have an amount.
        share: the type's part of the events, 0 to 100.
    """

    type: str
    figures: Sequence[str]
    share: int

    @property
    def rest(self) -> int:
        """The other types' part of the events."""
        return 100 - self.share


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The report's words and figures, in the order in which they are read."""

    subject: str
    preview: str
    greeting: str
    title: str
    period: str
    nothing: str
    note: str
    headlines: Sequence[Headline]
    chart_title: str
    chart_description: str
    table_title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    table: Sequence[Sequence[str]]
    footer: str


class Texts:
    """Writes a report's texts.

    Args:
        request: what was asked for.
        before: what it is compared with.
        language: in which.
        left_out_from: from when on the period's events are not counted, where there are too many.
        comparable: whether all events are counted, those of the period before as well.
    """

    def __init__(
        self,
        *,
        request: ReportRequest,
        before: Period,
        language: Language,
        left_out_from: datetime | None = None,
        comparable: bool = True,
    ) -> None:
        self._request = request
        self._left_out_from = left_out_from
        self._comparable = comparable
        self._language = language
        self._ = language.gettext
        self._name = period_name(request.period, request.time_zone, language)
        self._before = period_before(request.cadence if request.is_regular else None, language)
        self._name_before = period_name(before, request.time_zone, language)

    def contents(
        self,
        figures: Figures,
        slices: Sequence[Bucket],
    ) -> Contents:
        """Put figures into words.

        Args:
            figures: what the events add up to.
            slices: the slices of the period that figures.per_bucket counts.
        """
        _ = self._
        headlines = [self._headline(_("Events"), figures.events, figures.events_before, self._language.number)]
        if figures.has_amounts:
            write = self._amount_writer(figures)
            headlines.append(self._headline(_("Total amount"), figures.amount, figures.amount_before, write))
        columns = [_("Type"), _("Events"), *([_("Amount")] if figures.has_amounts else [])]
        rows = self._rows(figures)
        return Contents(
            subject=_("Your activity: {period}").format(period=self._name),
            preview=" · ".join(f"{item.label}: {item.value}. {item.change}" for item in headlines),
            greeting=greeting(self._request.user.name, self._language),
            title=_("Your activity"),
            period=self._name,
            nothing="" if figures.events else _("Nothing happened in this time."),
            note=self._note(figures),
            headlines=headlines,
            chart_title=_("When it happened"),
            chart_description=self._chart_description(figures, slices),
            table_title=_("What it was"),
            columns=columns,
            rows=rows,
            table=[columns, *([row.type, *row.figures] for row in rows)],
            footer=" ".join(
                (
                    *([_("Compared with {period}.").format(period=self._name_before)] if self._comparable else []),
                    _("All times are those of {zone}.").format(zone=self._request.time_zone.key),
                    how_often(self._request.cadence, self._language),
                )
            ),
        )

    def _note(self, figures: Figures) -> str:
        if self._left_out_from is None:
            return ""
        local = self._left_out_from.astimezone(self._request.time_zone)
        return self._(
            "There are more events than a report counts. These are the first {number}: until {day}, {time}."
        ).format(
            number=self._language.number(figures.events),
            day=self._language.day(local.date()),
            time=self._language.time(local),
        )

    def _headline(self, label: str, value: float, previous: float, write: Callable[[float], str]) -> Headline:
        words, arrow = self._change(value, previous, write)
        return Headline(label=label, value=write(value), change=words, arrow=arrow)

    def _change(self, value: float, previous: float, write: Callable[[float], str]) -> tuple[str, str]:
        _ = self._
        if not self._comparable:
            return _("Not compared: there are too many events"), ""
        if write(value) == write(previous):
            return _("The same as {before}").format(before=self._before), "="
        up = value > previous
        arrow = "▲" if up else "▼"
        if previous <= 0 or write(previous) == write(0):
            # A share of nothing, of what is shown as nothing, or of a debt says nothing.
            message = _("Up from {previous} {before}") if up else _("Down from {previous} {before}")
            return message.format(previous=write(previous), before=self._before), arrow
        share = abs(value - previous) / previous
        if share < 0.01:
            message = (
                _("Up less than {percent} from {previous} {before}")
                if up
                else _("Down less than {percent} from {previous} {before}")
            )
            share = 0.01
        else:
            message = _("Up {percent} from {previous} {before}") if up else _("Down {percent} from {previous} {before}")
        percent = self._language.percent(share)
        return message.format(percent=percent, previous=write(previous), before=self._before), arrow

    def _amount_writer(self, figures: Figures) -> Callable[[float], str]:
        decimals = 0 if figures.whole_amounts else 2
        return lambda value: self._language.number(value, decimals)

    def _rows(self, figures: Figures) -> list[Row]:
        named = [(item.type or self._("(no type)"), item) for item in figures.types]
        if figures.others.events:
            named.append((self._others(figures.other_types), figures.others))
        write = self._amount_writer(figures)
        return [
            Row(
                type=name,
                figures=[self._language.number(item.events), *([write(item.amount)] if figures.has_amounts else [])],
                share=round(100 * item.events / figures.events),
            )
            for name, item in named
        ]

    def _others(self, types: int) -> str:
        if not types:
            return self._("Other types")
        return self._language.ngettext("{number} other type", "{number} other types", types).format(
            number=self._language.number(types)
        )

    def _chart_description(self, figures: Figures, slices: Sequence[Bucket]) -> str:
        if not figures.events:
            return ""
        most = max(figures.per_bucket)
        busiest = slices[list(figures.per_bucket).index(most)]
        return self._language.ngettext(
            "A chart of the number of events over time. Most came at {time}: {number} event.",
            "A chart of the number of events over time. Most came at {time}: {number} events.",
            most,
        ).format(time=busiest.name, number=self._language.number(most))
