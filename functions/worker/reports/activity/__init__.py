"""The `activity` report: how much happened in the period, how that compares, when it happened, and what it was."""

from datetime import datetime
from pathlib import Path

import structlog

from functions.shared.period import Period, is_regular, unit_before
from functions.shared.user import User
from functions.worker.mail.model import InlineImage
from functions.worker.reports.activity.buckets import buckets
from functions.worker.reports.activity.figures import Tally
from functions.worker.reports.activity.texts import Texts
from functions.worker.reports.bar_chart import draw_bars
from functions.worker.reports.language import language_for
from functions.worker.reports.report import Report
from functions.worker.reports.user_data import UserData

CHART_ID = "activity-chart"
TEMPLATES = Path(__file__).parent / "templates"
MOST_EVENTS = 10_000
"""So many events of the period are read, and as many of the one before. Each is a document that is paid for with every
attempt at the report, and a report has half a minute."""

_logger = structlog.get_logger()


def build(user: User, period: Period, data: UserData) -> Report:
    """Build a user's activity report from the events of the period and of the one before.

    Args:
        user: for whom.
        period: which time.
        data: where `events` are, each with `at`, and `type` and `amount` where it has them.
    """
    before = period_before(user, period)
    language = language_for(user.locale)
    slices = buckets(period, user.time_zone, language)
    tally = Tally(period=period, edges=[bucket.start for bucket in slices])
    left_out_before = _count(tally, data, before)
    left_out = _count(tally, data, period)
    if left_out or left_out_before:
        _logger.warning("events_left_out", user_id=user.id, kind="activity", counted=MOST_EVENTS)
    for problem in tally.problems:
        _logger.warning("event_field_unusable", user_id=user.id, event_id=problem.event_id, field=problem.field)
    if tally.problem_count > len(tally.problems):
        _logger.warning("more_event_fields_unusable", user_id=user.id, problems=tally.problem_count)

    figures = tally.figures()
    contents = Texts(
        user=user,
        period=period,
        before=before,
        language=language,
        left_out_from=left_out,
        comparable=left_out is None and left_out_before is None,
    ).contents(figures, slices)
    images: tuple[InlineImage, ...] = ()
    if figures.events:
        picture = draw_bars(figures.per_bucket, [bucket.label for bucket in slices])
        images = (InlineImage(content_id=CHART_ID, content=picture),)
    return Report(
        subject=contents.subject,
        templates=TEMPLATES,
        values={**vars(contents), "chart_id": CHART_ID if images else ""},
        images=images,
    )


def _count(tally: Tally, data: UserData, period: Period) -> datetime | None:
    """Count a period's first events; returns the time of the first that is not counted, where there are too many."""
    events = data.between(
        "events",
        field="at",
        start=period.start,
        end=period.end,
        select=("at", "type", "amount"),
        limit=MOST_EVENTS + 1,
    )
    for number, (event_id, fields) in enumerate(events):
        if number == MOST_EVENTS:
            at: datetime = fields["at"]
            return at
        tally.add(event_id, fields)
    return None


def period_before(user: User, period: Period) -> Period:
    """The period to compare with: the one that the schedule had before, such as the month before with its own length.

    A period that is none of the schedule's, because it catches up on missed runs, is compared with as much time
    before it.
    """
    if is_regular(user.schedule, period):
        return unit_before(user.schedule, period.start)
    return Period(start=period.start - (period.end - period.start), end=period.start)
