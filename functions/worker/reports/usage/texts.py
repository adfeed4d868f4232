"""Everything that the report says, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.worker.reports.language import Language
from functions.worker.reports.phrases import greeting, how_often
from functions.worker.reports.request import ReportRequest
from functions.worker.reports.usage.consumption import Standing


@dataclass(frozen=True, kw_only=True)
class Line:
    """One quota.

    Attributes:
        name: how it is called.
        value: how much is used, of how much.
        share: the same as a part.
        used_share: how full its bar is, 0 to 100.
        note: what to expect.
        standing: `share` and `note` as sentences.
        is_short: whether it will not last.
    """

    name: str
    value: str
    share: str
    used_share: int
    note: str
    standing: str
    is_short: bool

    @property
    def left_share(self) -> int:
        """How empty its bar is."""
        return 100 - self.used_share


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The report's words and figures, in the order in which they are read."""

    subject: str
    preview: str
    greeting: str
    title: str
    period: str
    warnings: Sequence[str]
    nothing: str
    note: str
    lines: Sequence[Line]
    chart_title: str
    chart_description: str
    footer: str


class Texts:
    """Writes a report's texts.

    Args:
        request: what was asked for.
        language: in which.
        left_out_from: from when on usage is not counted, where there are too many entries.
    """

    def __init__(self, *, request: ReportRequest, language: Language, left_out_from: datetime | None = None) -> None:
        self._request = request
        self._as_of = left_out_from or request.period.end
        self._is_cut = left_out_from is not None
        self._language = language
        self._ = language.gettext

    def contents(self, standings: Sequence[Standing]) -> Contents:
        """Put figures into words.

        Args:
            standings: of all quotas, what is worth a look first.
        """
        _ = self._
        end = self._as_of.astimezone(self._request.time_zone)
        day = self._language.day(end.date())
        lines = [self._line(standing) for standing in standings]
        warnings = [f"{line.name}: {line.note}" for line in lines if line.is_short]
        return Contents(
            subject=self._subject([line.name for line in lines if line.is_short], day),
            preview=" · ".join(f"{line.name}: {line.value}" for line in lines) or _("There is no quota for you."),
            greeting=greeting(self._request.user.name, self._language),
            title=_("Your usage"),
            period=_("As of {day}, {time}").format(day=day, time=self._language.time(end)),
            warnings=warnings,
            nothing="" if lines else _("There is no quota for you."),
            note=_("There are more entries than a report counts. These figures leave out what came later.")
            if self._is_cut
            else "",
            lines=lines,
            chart_title=_("{quota}, day by day").format(quota=lines[0].name) if lines else "",
            chart_description=self._chart_description(standings[0]) if standings else "",
            footer=" ".join(
                (
                    _("Forecasts go on at the pace since each quota began anew."),
                    _("All times are those of {zone}.").format(zone=self._request.time_zone.key),
                    how_often(self._request.cadence, self._language),
                )
            ),
        )

    def _subject(self, short: Sequence[str], day: str) -> str:
        if not short:
            return self._("Your usage: {day}").format(day=day)
        if len(short) == 1:
            return self._("Your usage: {quota} is running short").format(quota=short[0])
        return self._language.ngettext(
            "Your usage: {number} quota is running short", "Your usage: {number} quotas are running short", len(short)
        ).format(number=self._language.number(len(short)))

    def _line(self, standing: Standing) -> Line:
        share = max(standing.used, 0.0) / standing.quota.allowed
        note, is_short = self._note(standing)
        percent = self._("{percent} used").format(percent=self._language.percent(share))
        return Line(
            name=self._name(standing),
            value=self._("{used} of {allowed}").format(
                used=self._amount(standing, standing.used, unit=False),
                allowed=self._amount(standing, standing.quota.allowed),
            ),
            share=percent,
            used_share=min(100, round(100 * share)),
            note=note,
            standing=self._("{share}. {note}").format(share=percent, note=note),
            is_short=is_short,
        )

    def _note(self, standing: Standing) -> tuple[str, bool]:
        """What to expect, and whether that is a reason to worry."""
        _ = self._
        last_day = self._day(standing.window.end - timedelta(microseconds=1))
        if standing.is_over:
            if standing.used > standing.quota.allowed:
                over = self._amount(standing, standing.used - standing.quota.allowed)
                return _("Until {day}, {amount} more were used than allowed.").format(day=last_day, amount=over), False
            return _("That was all until {day}; it has begun anew.").format(day=last_day), False
        if standing.is_used_up:
            return _("All of it is used up. It begins anew after {day}.").format(day=last_day), True
        if standing.used_up_at is not None:
            day = self._day(standing.used_up_at)
            return _("At this pace it is used up on {day}, before {last_day}.").format(day=day, last_day=last_day), True
        if standing.expected is None:
            return _("It has just begun anew: too early for a forecast."), False
        expected = self._amount(standing, standing.expected)
        return _("It will last: at this pace, {amount} by {day}.").format(amount=expected, day=last_day), False

    def _name(self, standing: Standing) -> str:
        return standing.quota.name or self._("(no name)")

    def _amount(self, standing: Standing, amount: float, *, unit: bool = True) -> str:
        # What is only ever used in whole pieces is not expected in parts either.
        pieces = float(standing.used).is_integer() and float(standing.quota.allowed).is_integer()
        whole = pieces or float(amount).is_integer() or abs(amount) >= 1000
        number = self._language.number(amount, 0 if whole else 1)
        if not unit or not standing.quota.unit:
            return number
        # Translators: an amount with its unit, such as "12 GB".
        return self._("{number} {unit}").format(number=number, unit=standing.quota.unit)

    def _day(self, moment: datetime) -> str:
        return self._language.day(moment.astimezone(self._request.time_zone).date())

    def _chart_description(self, standing: Standing) -> str:
        message = self._(
            "A chart of {quota}, added up day by day: {used} so far, of the {allowed} that the line marks."
        )
        return message.format(
            quota=self._name(standing),
            used=self._amount(standing, standing.used),
            allowed=self._amount(standing, standing.quota.allowed),
        )
