"""Everything that the report says, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kinds.usage.consumption import Standing
from report_kit import Language, ReportRequest, Words, footer, greeting

_NAMED = 5
"""A warning names so many quotas."""

SHOWN_LINES = 10
"""The quotas that an email shows, those that are worth a look first; what is left is said in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One quota.

    Attributes:
        name: how it is called.
        value: how much is used, of how much.
        used_share: how full its bar is, 0 to 100.
        standing: the same as a part, and what to expect.
        is_short: whether it will not last.
    """

    name: str
    value: str
    used_share: int
    standing: str
    is_short: bool

    @property
    def left_share(self) -> int:
        """How empty its bar is."""
        return 100 - self.used_share


@dataclass(frozen=True, kw_only=True)
class Contents(Words):
    """The report's words and figures."""

    alert: str
    lines: Sequence[Line]
    more: str


class Texts:
    """Writes a report's texts.

    Args:
        request: what was asked for.
        language: in which.
        left_out_from: from when on usage is not counted, where there are too many entries.
        more_quotas: whether there are quotas that are not among those that are given.
    """

    def __init__(
        self,
        *,
        request: ReportRequest,
        language: Language,
        left_out_from: datetime | None = None,
        more_quotas: bool = False,
    ) -> None:
        self._request = request
        self._as_of = left_out_from or request.period.end
        self._is_cut = left_out_from is not None
        self._more_quotas = more_quotas
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
        short = [standing for standing in standings if _is_short(standing)]
        alert = self._alert(short)
        lines = [self._line(standing, is_told=short == [standing]) for standing in standings[:SHOWN_LINES]]
        summary = "" if alert or not standings else self._summary(standings)
        return Contents(
            subject=self._subject(standings, short, day),
            preview=alert or summary or _("You have no quotas."),
            greeting=greeting(self._request.user.name, self._language),
            title=_("Your usage"),
            period=_("As of {day}, {time}").format(day=day, time=self._language.time(end)),
            summary=summary,
            alert=alert,
            nothing="" if lines else _("You have no quotas."),
            note=_("There are more entries than a report counts. These figures leave out what came later.")
            if self._is_cut
            else "",
            lines=lines,
            more=self._more(standings),
            footer=footer(
                _("Forecasts assume the same pace until each quota renews.") if lines else "",
                self._request,
                self._language,
            ),
        )

    def chart_title(self, standing: Standing) -> str:
        """What stands above the chart of a quota."""
        return self._("{quota}, day by day").format(quota=self._name(standing))

    def chart_description(self, standing: Standing) -> str:
        """What there is to see in the chart."""
        return self._("{title}, a bar chart: {used} of {allowed} so far. {outlook}").format(
            title=self.chart_title(standing),
            used=self.amount(standing, standing.used),
            allowed=self.amount(standing, standing.quota.allowed),
            outlook=self._outlook(standing),
        )

    def legend(self, standing: Standing) -> list[str]:
        """What the bars of a quota's chart are, solid and outlined, and the line across."""
        return [
            self._("Used so far"),
            *([self._("Forecast")] if standing.expected_per_day else []),
            self._("Limit: {amount}").format(amount=self.amount(standing, standing.quota.allowed)),
        ]

    def _subject(self, standings: Sequence[Standing], short: Sequence[Standing], day: str) -> str:
        _ = self._
        if not standings:
            return _("Your usage: {day}").format(day=day)
        first = (short or standings)[0]
        names = {"quota": self._name(first), "percent": self._percent(first), "day": day}
        if not short:
            return _("Your usage: {quota} at {percent} · {day}").format(**names)
        if len(short) == 1:
            return _("Your usage: {quota} is running short, {percent} used").format(**names)
        message = self._language.ngettext(
            "Your usage: {number} quota is running short, {quota} is at {percent}",
            "Your usage: {number} quotas are running short, {quota} is at {percent}",
            len(short),
        )
        return message.format(number=self._language.number(len(short)), **names)

    def _alert(self, short: Sequence[Standing]) -> str:
        """The one warning, whatever the number of quotas that will not last; empty where all will."""
        if not short:
            return ""
        if len(short) == 1:
            return self._("{quota}: {outlook}").format(quota=self._name(short[0]), outlook=self._outlook(short[0]))
        names = [self._name(each) for each in short[:_NAMED]]
        if len(short) > _NAMED:
            left = len(short) - _NAMED
            names.append(
                self._language.ngettext("{number} other", "{number} others", left).format(
                    number=self._language.number(left)
                )
            )
        message = self._language.ngettext(
            "{number} quota is running short: {quotas}.", "{number} quotas are running short: {quotas}.", len(short)
        )
        return message.format(number=self._language.number(len(short)), quotas=self._language.listed(names))

    def _summary(self, standings: Sequence[Standing]) -> str:
        _ = self._
        first = standings[0]
        names = {"quota": self._name(first), "percent": self._percent(first)}
        if all(standing.is_over for standing in standings):
            return _("Most used: {quota}, {percent}.").format(**names)
        if len(standings) == 1:
            return _("{quota} is on track: {percent} used.").format(**names)
        return _("Everything is on track. Most used: {quota}, {percent}.").format(**names)

    def _more(self, standings: Sequence[Standing]) -> str:
        _ = self._
        sentences = []
        left = len(standings) - SHOWN_LINES
        if left > 0:
            message = self._language.ngettext("And {number} more quota.", "And {number} more quotas.", left)
            sentences.append(message.format(number=self._language.number(left)))
        if self._more_quotas:
            sentences.append(_("You have more quotas than a report reads."))
        return self._language.sentences(sentences)

    def _line(self, standing: Standing, *, is_told: bool) -> Line:
        """A quota's line.

        Args:
            standing: of the quota.
            is_told: whether the warning says what to expect, so that the line need not say it again.
        """
        used = self._("{percent} used").format(percent=self._percent(standing))
        outlook = "" if is_told else self._outlook(standing)
        return Line(
            name=self._name(standing),
            value=self._("{used} of {allowed}").format(
                used=self.amount(standing, standing.used, unit=False),
                allowed=self.amount(standing, standing.quota.allowed),
            ),
            used_share=min(100, round(100 * _share(standing))),
            standing=self._("{used}. {outlook}").format(used=used, outlook=outlook) if outlook else used,
            is_short=_is_short(standing),
        )

    def _outlook(self, standing: Standing) -> str:
        """What to expect of a quota."""
        _ = self._
        last_day = self._day(standing.window.end - timedelta(microseconds=1))
        if standing.is_over:
            if standing.used > standing.quota.allowed:
                over = self.amount(standing, standing.used - standing.quota.allowed)
                return _("{amount} over the limit until {day}.").format(day=last_day, amount=over)
            return _("Final figure until {day}; it has renewed since.").format(day=last_day)
        renews = self._day(standing.window.end)
        if standing.is_used_up:
            return _("Used up. It renews on {day}.").format(day=renews)
        if standing.used_up_at is not None:
            day = self._day(standing.used_up_at)
            return _("At this pace it runs out on {day}; it renews on {renews}.").format(day=day, renews=renews)
        if standing.expected is None:
            return _("It has just renewed: too early for a forecast.")
        expected = self.amount(standing, standing.expected)
        return _("On track: {amount} expected by {day}.").format(amount=expected, day=last_day)

    def _percent(self, standing: Standing) -> str:
        return self._language.percent(_share(standing))

    def _name(self, standing: Standing) -> str:
        return standing.quota.name or self._("(no name)")

    def amount(self, standing: Standing, amount: float, *, unit: bool = True) -> str:
        """An amount of a quota, with its unit.

        Args:
            standing: of the quota.
            amount: how much.
            unit: whether to say of what.
        """
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


def _share(standing: Standing) -> float:
    return max(standing.used, 0.0) / standing.quota.allowed


def _is_short(standing: Standing) -> bool:
    """Whether a quota will not last: a reason to worry, while there is something to be done."""
    return not standing.is_over and (standing.is_used_up or standing.used_up_at is not None)


def title(language: Language) -> str:
    """What the recipient's page calls the report: `reports catalogs` takes it."""
    return language.gettext("Usage")
