"""The `activity` report: how much happened in the period, how that compares, when it happened, and what it was."""

from pathlib import Path

import structlog

from functions.shared.schedule import Period
from functions.shared.user import User
from functions.worker.mail import InlineImage
from functions.worker.reports.activity.buckets import buckets
from functions.worker.reports.activity.figures import Tally
from functions.worker.reports.activity.texts import Texts
from functions.worker.reports.bar_chart import draw_bars
from functions.worker.reports.language import language_for
from functions.worker.reports.report import Report
from functions.worker.reports.user_data import UserData

CHART_ID = "activity-chart"
TEMPLATES = Path(__file__).parent / "templates"

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
    events = data.between("events", field="at", start=before.start, end=period.end, select=("at", "type", "amount"))
    for event_id, fields in events:
        tally.add(event_id, fields)
    for problem in tally.problems:
        _logger.warning(
            "an event has a field that cannot be used", user_id=user.id, event_id=problem.event_id, field=problem.field
        )
    if tally.problem_count > len(tally.problems):
        _logger.warning("more events have such fields", user_id=user.id, problems=tally.problem_count)

    figures = tally.figures()
    contents = Texts(user=user, period=period, before=before, language=language).contents(figures, slices)
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


def period_before(user: User, period: Period) -> Period:
    """The period to compare with: the one that the schedule had before, such as the month before with its own length.

    A period that is none of the schedule's, because it catches up on missed runs, is compared with as much time
    before it.
    """
    if user.schedule.after(period.start) == period.end:
        return Period(start=user.schedule.before(period.start), end=period.start)
    return Period(start=period.start - (period.end - period.start), end=period.start)
