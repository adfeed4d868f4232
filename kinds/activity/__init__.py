"""The `activity` report: how much happened in the period, how that compares, when it happened, and what it was."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import structlog

from kinds.activity.buckets import buckets
from kinds.activity.figures import Tally
from kinds.activity.files import files
from kinds.activity.texts import Texts
from report_kit import (
    Chart,
    Collections,
    Entry,
    Figure,
    InlineImage,
    Report,
    ReportRequest,
    Skip,
    StoredFigures,
    bar_chart,
    read_formats,
)

CHART_ID = "activity-chart"
TEMPLATES = Path(__file__).parent / "templates"
MOST_EVENTS = 10_000
"""So many events of the period are read, and as many of the one before. Each is a document that is paid for with every
attempt at the report, and a report has half a minute."""

EVENTS = Collections(
    entries="events", figures="event_figures", since="event_figures_since", select=("at", "type", "amount")
)

_FEWEST_TO_DRAW = 3
"""One or two bars of the same height are no chart."""

_logger = structlog.get_logger()


def build(request: ReportRequest) -> Report | Skip:
    """Build a user's activity report from the events of the period and of the one before.

    The user's data has `events`, each with `at`, and `type` and `amount` where it has them; or they are added up in
    `event_figures`.
    """
    user, before = request.user, request.previous_period
    language = request.language
    slices = buckets(request.period, request.time_zone, language)
    tally = Tally(period=request.period, edges=[bucket.start for bucket in slices])
    stored = StoredFigures(request.data, user, EVENTS)
    left_out_before, left_out = (
        _count(tally, stored.entries(period, limit=MOST_EVENTS + 1)) for period in (before, request.period)
    )
    if left_out is None:
        edges = [bucket.start for bucket in slices]
        for found in stored.read((before, request.period), edges=edges, limit=MOST_EVENTS):
            if isinstance(found, Figure):
                tally.add_figure(found)
            else:
                tally.add(*found)
    if left_out or left_out_before:
        _logger.warning("events_left_out", user_id=user.id, kind="activity", counted=MOST_EVENTS)
    for problem in tally.problems:
        _logger.warning("event_field_unusable", user_id=user.id, event_id=problem.event_id, field=problem.field)
    if tally.problem_count > len(tally.problems):
        _logger.warning("more_event_fields_unusable", user_id=user.id, problems=tally.problem_count)

    figures = tally.figures()
    if not figures.events and request.skip_empty:
        return Skip("no events")
    texts = Texts(
        request=request,
        before=before,
        language=language,
        left_out_from=left_out,
        comparable=left_out is None and left_out_before is None,
    )
    contents = texts.contents(figures, slices)
    chart: Chart | None = None
    images: tuple[InlineImage, ...] = ()
    if figures.events >= _FEWEST_TO_DRAW:
        chart, image = bar_chart(
            CHART_ID,
            figures.per_bucket,
            [bucket.label for bucket in slices],
            title=texts.chart_title(slices[0].unit),
            description=texts.chart_description(figures, slices),
            write=language.number,
            language=language,
            color=request.brand.graphic_color,
        )
        images = (image,)
    formats, is_usable = read_formats(request.options.get("attach"))
    if not is_usable:
        _logger.warning("option_unusable", user_id=user.id, subscription_id=request.subscription.id, option="attach")
    picture = images[0].content if images else b""
    return Report(
        subject=contents.subject,
        templates=TEMPLATES,
        values={**vars(contents), "chart": chart},
        images=images,
        attachments=files(request, formats, texts, contents, figures, chart, picture, language),
        figures=figures.for_programs,
    )


def _count(tally: Tally, events: Iterator[Entry]) -> datetime | None:
    """Count a period's first events; returns the time of the first that is not counted, where there are too many."""
    for number, (event_id, fields) in enumerate(events):
        if number == MOST_EVENTS:
            at: datetime = fields["at"]
            return at
        tally.add(event_id, fields)
    return None
