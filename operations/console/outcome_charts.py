"""Draws what became of the reports of some time, and of their emails. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from operations.console.charts import Chart, stacked
from operations.console.view import before, link
from operations.deliveries.mail_outcome import MailOutcome
from operations.overview.overview import OUTCOMES, Span

_DRAWN_MAILS = [MailOutcome.DELIVERED.value, MailOutcome.UNDELIVERED.value]


@dataclass(frozen=True, kw_only=True)
class OutcomeCharts:
    """What became of them.

    Attributes:
        reports: sent, skipped and dead.
        mails: what of delivered and undelivered is known; None where nothing is.
        unknown: what is not known of the emails, in sentences; empty where all is.
    """

    reports: Chart
    mails: Chart | None
    unknown: str


def draw_outcomes(reports: Sequence[Span], mails: Sequence[Span], *, length: timedelta, unknown: str) -> OutcomeCharts:
    """Draw the outcomes in spans of one length.

    Args:
        reports: by when they were due.
        mails: by when their outcome was known.
        length: of each span.
        unknown: what is not known of the emails, in sentences; empty where all is.
    """
    drawn = stacked(mails, _DRAWN_MAILS, length=length, lists=_mails)
    known = [name for name, count in drawn.total.items() if count] if unknown else _DRAWN_MAILS
    return OutcomeCharts(
        reports=stacked(reports, [state.value for state in OUTCOMES], length=length, lists=_deliveries),
        mails=stacked(mails, known, length=length, lists=_mails) if known else None,
        unknown=unknown,
    )


def _deliveries(state: str, since: datetime, until: datetime) -> str:
    """The list of the reports that a bar or a figure counts."""
    return link("/deliveries", state=state, **before(since, until))


def _mails(outcome: str, since: datetime, until: datetime) -> str:
    """The list of the reports whose emails a bar or a figure counts."""
    return link("/deliveries", mail=outcome, **before(since, until))
