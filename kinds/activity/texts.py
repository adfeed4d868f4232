"""Everything that the report says, in words."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from babel.numbers import list_currencies

from kinds.activity.buckets import Bucket, BucketUnit
from kinds.activity.figures import Figures, TypeFigures
from kinds.activity.type_labels import TypeLabels
from kinds.activity.wording import CURRENCY, LABELS
from report_kit import (
    Column,
    ColumnKind,
    DataTable,
    Headline,
    Language,
    Period,
    ReportRequest,
    Table,
    TableRow,
    Words,
    change_share,
    compared,
    footer,
    greeting,
    period_before,
    period_name,
)

_CURRENCY = re.compile(r"[A-Z]{3}")
_FEWEST_TO_TELL = 5
"""Of fewer events no type is said to have risen or fallen: one more would be a large share."""

_LEAST_TO_TELL = 0.1


@dataclass(frozen=True, kw_only=True)
class Contents(Words):
    """The report's words and figures."""

    headlines: Sequence[Headline]
    table: Table | None


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
        self._currency = _currency(request)
        self._labels = TypeLabels(request.options.get("labels"), LABELS, language=language)

    def contents(self, figures: Figures, slices: Sequence[Bucket]) -> Contents:
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
        summary = self._summary(figures, slices)
        return Contents(
            subject=_("Your activity: {figure} · {period}").format(figure=self._figure(figures), period=self._name),
            preview=summary or " · ".join(f"{item.label}: {item.value}. {item.change}" for item in headlines),
            greeting=greeting(self._request.user.name, self._language),
            title=_("Your activity"),
            period=self._name,
            summary=summary,
            nothing="" if figures.events else _("Nothing happened in this time."),
            note=self._note(figures),
            headlines=headlines if figures.events or figures.events_before else [],
            table=self._table(figures),
            footer=footer(
                _("Compared with {period}.").format(period=self._name_before) if self._comparable else "",
                self._request,
                self._language,
            ),
        )

    def chart_title(self, unit: BucketUnit) -> str:
        """What stands above the chart."""
        match unit:
            case BucketUnit.MINUTES:
                return self._("Events over time")
            case BucketUnit.HOUR:
                return self._("Events by hour")
            case BucketUnit.DAY:
                return self._("Events by day")
            case BucketUnit.MONTH:
                return self._("Events by month")

    def chart_description(self, figures: Figures, slices: Sequence[Bucket]) -> str:
        """What there is to see in the chart."""
        most = max(figures.per_bucket)
        return self._language.ngettext(
            "{title}, a bar chart. Most came at {time}: {number} event.",
            "{title}, a bar chart. Most came at {time}: {number} events.",
            most,
        ).format(
            title=self.chart_title(slices[0].unit),
            time=slices[list(figures.per_bucket).index(most)].name,
            number=self._language.number(most),
        )

    def _figure(self, figures: Figures) -> str:
        """The figure that counts, as the subject has it."""
        if not figures.events:
            return self._("no events")
        count = self._language.ngettext("{number} event", "{number} events", figures.events).format(
            number=self._language.number(figures.events)
        )
        share = change_share(figures.events, figures.events_before, self._language.number)
        if not self._comparable or share is None or round(100 * share) == 0:
            return count
        message = (
            self._("{count}, up {percent}")
            if figures.events > figures.events_before
            else self._("{count}, down {percent}")
        )
        return message.format(count=count, percent=self._language.percent(share))

    def _summary(self, figures: Figures, slices: Sequence[Bucket]) -> str:
        """What matters, in a sentence or two; empty where nothing stands out."""
        sentences = (self._busiest(figures, slices), self._greatest_change(figures) if self._comparable else "")
        return self._language.sentences(sentences)

    def _busiest(self, figures: Figures, slices: Sequence[Bucket]) -> str:
        _ = self._
        ranked = sorted(figures.per_bucket, reverse=True)
        if len(ranked) < 2 or figures.events < _FEWEST_TO_TELL or ranked[0] == ranked[1]:
            return ""
        busiest = slices[list(figures.per_bucket).index(ranked[0])]
        match busiest.unit:
            case BucketUnit.MINUTES:
                message = _("Busiest around {time}.")
            case BucketUnit.HOUR:
                message = _("Busiest hour: {time}.")
            case BucketUnit.DAY:
                message = _("Busiest day: {time}.")
            case BucketUnit.MONTH:
                message = _("Busiest month: {time}.")
        return message.format(time=busiest.name)

    def _greatest_change(self, figures: Figures) -> str:
        """The type that has risen or fallen the most, in events."""
        changes = [
            (item.events - figures.before_of[item.type], item)
            for item in figures.types
            if item.type and min(item.events, figures.before_of[item.type]) >= _FEWEST_TO_TELL
        ]
        if not changes:
            return ""
        difference, item = max(changes, key=lambda change: abs(change[0]))
        share = abs(difference) / figures.before_of[item.type]
        if share < _LEAST_TO_TELL:
            return ""
        message = self._("{type} up {percent}.") if difference > 0 else self._("{type} down {percent}.")
        return message.format(type=self._labels.label(item.type), percent=self._language.percent(share))

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
        if not self._comparable:
            return Headline(label=label, value=write(value), change=self._("Not compared: there are too many events"))
        return compared(label, value, previous, write=write, before=self._before, language=self._language)

    def _amount_writer(self, figures: Figures) -> Callable[[float], str]:
        if self._currency:
            return lambda value: self._language.money(value, self._currency)
        decimals = 0 if figures.whole_amounts else 2
        return lambda value: self._language.number(value, decimals)

    def _table(self, figures: Figures) -> Table | None:
        if not figures.events:
            return None
        _ = self._
        named = [(self._labels.label(item.type) or _("(no type)"), item) for item in figures.types]
        if figures.others.events:
            named.append((self._others(figures.other_types), figures.others))
        return Table(
            title=_("Events by type"),
            columns=[_("Type"), _("Events"), *([_("Amount")] if figures.has_amounts else [])],
            rows=[self._row(name, item, figures) for name, item in named],
        )

    def data_table(self, figures: Figures) -> DataTable:
        """All types, as values: for files.

        Args:
            figures: of one event or more.
        """
        _ = self._
        named = [(self._labels.label(item.type) or _("(no type)"), item) for item in figures.all_types]
        if figures.beyond.events:
            named.append((_("Other types"), figures.beyond))
        if self._currency:
            amount = Column(_("Amount"), ColumnKind.MONEY, self._currency)
        else:
            amount = Column(_("Amount"), ColumnKind.NUMBER, decimals=0 if figures.whole_amounts else 2)
        return DataTable(
            title=_("Events by type"),
            columns=[
                Column(_("Type")),
                Column(_("Events"), ColumnKind.INTEGER),
                *([amount] if figures.has_amounts else []),
            ],
            rows=[
                [name, item.events, *([round(item.amount, 6) or None] if figures.has_amounts else [])]
                for name, item in named
            ],
        )

    def _row(self, name: str, item: TypeFigures, figures: Figures) -> TableRow:
        write = self._amount_writer(figures)
        amount = write(item.amount) if item.amount else "–"
        return TableRow(
            cells=[name, self._language.number(item.events), *([amount] if figures.has_amounts else [])],
            share=round(100 * item.events / figures.events),
        )

    def _others(self, types: int) -> str:
        if not types:
            return self._("Other types")
        return self._language.ngettext("{number} other type", "{number} other types", types).format(
            number=self._language.number(types)
        )


def _currency(request: ReportRequest) -> str:
    """What amounts are in, by ISO 4217: the subscription's option, or else the one of all; empty: not said."""
    value = request.options.get("currency")
    known = isinstance(value, str) and _CURRENCY.fullmatch(value) and value in list_currencies()
    return str(value) if known else CURRENCY


def title(language: Language) -> str:
    """What the recipient's page calls the report: `reports catalogs` takes it."""
    return language.gettext("Activity")
