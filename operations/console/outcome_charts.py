"""Draws what became of the reports of some time, and of their emails. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from operations.console.charts import Chart, Lists, stacked
from operations.console.view import before, link
from operations.deliveries.mail_outcome import MailOutcome
from operations.overview.overview import OUTCOMES, Span

DRAWN_MAILS = (MailOutcome.DELIVERED, MailOutcome.UNDELIVERED)


class OutcomeCharts(NamedTuple):
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
    """
    known = [each for each in DRAWN_MAILS if not unknown or any(span.counts[each] for span in mails)]
    return OutcomeCharts(
        stacked(reports, OUTCOMES, length=length, lists=_lists("state")),
        stacked(mails, known, length=length, lists=_lists("mail")) if known else None,
        unknown,
    )


def _lists(name: str) -> Lists:
    """The lists of the deliveries that a bar or a figure counts, by the name of the filter."""
    return lambda value, since, until: link("/deliveries", **{name: value}, **before(since, until))
