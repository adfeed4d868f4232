"""Decides whether a run may send, from what became of the emails before it. Pure.

Complaints and bounces cost a sender its reputation with mailbox providers, and a mistake in a report or in a list of
addresses repeats them with every run. docs/guides/deliverability.md says where the limits come from.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from functions.shared.records.mail_breaker import BreakerState, MailFigures
from functions.shared.records.system_alert import AlertKind

WINDOW_DAYS = 7
"""How many days count, with the present one. Complaints come days after the email, and one day may have few emails."""


class BreakerLimits(NamedTuple):
    """From when on the breaker alerts people, and from when on it stops the runs. A limit of 0 is switched off.

    Attributes:
        complaint_alert: complaints as a percentage of the delivered emails, from which on it alerts.
        complaint_stop: likewise, from which on it stops.
        bounce_alert: permanent bounces as a percentage of the delivered and bounced emails, from which on it alerts.
        bounce_stop: likewise, from which on it stops.
        least_mails: how many emails there must be before a percentage counts.
    """

    complaint_alert: Decimal
    complaint_stop: Decimal
    bounce_alert: Decimal
    bounce_stop: Decimal
    least_mails: int

    @property
    def is_on(self) -> bool:
        """Whether there is any limit."""
        return any((self.complaint_alert, self.complaint_stop, self.bounce_alert, self.bounce_stop))


class BreakerDecision(NamedTuple):
    """What follows for a run.

    Attributes:
        state: the breaker from now on. The run sends unless it is stopped.
        alerts: what people must be told: what is wrong, with the numbers, by the kind of the alert.
    """

    state: BreakerState
    alerts: Mapping[AlertKind, str]


def first_day(run_time: datetime) -> date:
    """The first of the days that count for a run."""
    return (run_time - timedelta(days=WINDOW_DAYS - 1)).date()


def decide(
    state: BreakerState, days: Mapping[date, MailFigures] | None, limits: BreakerLimits, *, run_time: datetime
) -> BreakerDecision:
    """Decide whether a run sends, and what people must be told.

    Once stopped, the runs stay so until a person resumes them, whatever the figures are by then. After that only what
    is added to the figures of each day counts: the days before would stop the runs again at once.

    Args:
        state: the breaker before the run.
        days: what became of the emails, by day; None where that is not known. Then nothing is stopped, nor alerted.
        limits: the limits.
        run_time: the time that the run is for.
    """
    if not state.is_stopped and days is not None:
        state = _with_figures(state, days, run_time)
        if because := _over(state.figures, limits, stop=True):
            state = state._replace(stopped_at=run_time, because="; ".join(because.values()))
    if state.is_stopped:
        found = {AlertKind.SENDING_STOPPED: state.because}
    elif days is not None:
        found = _over(state.figures, limits, stop=False)
    else:
        found = {}
    alerts = {kind: detail for kind, detail in found.items() if _is_to_be_told(state, kind, run_time)}
    return BreakerDecision(state=state, alerts=alerts)


def _with_figures(state: BreakerState, days: Mapping[date, MailFigures], run_time: datetime) -> BreakerState:
    first, baseline = first_day(run_time), state.baseline
    # The provider's day may be ahead of UTC's.
    days = {day: each for day, each in days.items() if timedelta(0) <= day - first <= timedelta(days=WINDOW_DAYS)}
    if baseline is None and state.resumed_at is not None:
        baseline = days
    before = baseline or {}
    figures = MailFigures.total(each.beyond(before.get(day, MailFigures())) for day, each in days.items())
    return state._replace(figures=figures, read_at=run_time, baseline=baseline)


def _over(figures: MailFigures | None, limits: BreakerLimits, *, stop: bool) -> dict[AlertKind, str]:
    """What is at or above its limit, in words, by the alert about it."""
    if figures is None:
        return {}
    complaint_limit = limits.complaint_stop if stop else limits.complaint_alert
    bounce_limit = limits.bounce_stop if stop else limits.bounce_alert
    over = {}
    if _is_over(figures.complaints, figures.delivered, complaint_limit, limits.least_mails):
        over[AlertKind.COMPLAINTS_HIGH] = (
            f"complaints: {figures.complaint_percent:.2f} % ({figures.complaints:,} of {figures.delivered:,} delivered "
            f"emails in {WINDOW_DAYS} days), and the limit is {complaint_limit:f} %"
        )
    if _is_over(figures.bounces, figures.attempted, bounce_limit, limits.least_mails):
        over[AlertKind.BOUNCES_HIGH] = (
            f"permanent bounces: {figures.bounce_percent:.2f} % ({figures.bounces:,} of {figures.attempted:,} emails "
            f"in {WINDOW_DAYS} days), and the limit is {bounce_limit:f} %"
        )
    return over


def _is_over(count: int, of: int, limit: Decimal, least: int) -> bool:
    return limit > 0 and of >= least and 100 * count >= limit * of


def _is_to_be_told(state: BreakerState, kind: AlertKind, run_time: datetime) -> bool:
    """Whether people have not had an alert of this kind today, nor since the runs were stopped or resumed."""
    told = state.told.get(kind)
    since = state.stopped_at if kind is AlertKind.SENDING_STOPPED else state.resumed_at
    return told is None or told.date() != run_time.date() or (since is not None and told < since)
