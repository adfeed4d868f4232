"""The `usage` report: how much of what a user may use is used, and whether the rest will last."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from kinds.usage.consumption import Consumption, Standing
from kinds.usage.quota import InvalidQuota, Quota
from kinds.usage.texts import Texts
from report_kit import (
    LARGEST_AMOUNT,
    Chart,
    Collections,
    Figure,
    InlineImage,
    NoIndex,
    Period,
    Report,
    ReportRequest,
    Skip,
    StoredFigures,
    User,
    UserData,
    bar_chart,
)

CHART_ID = "usage-chart"
TEMPLATES = Path(__file__).parent / "templates"
MOST_QUOTAS = 20
MOST_USAGES = 20_000
"""So many entries of usage are read, of all quotas together, from the earliest on. Each is a document that is paid for
with every attempt at the report, and a report has half a minute."""

USAGE = Collections(
    entries="usage", figures="usage_figures", since="usage_figures_since", select=("at", "quota", "amount")
)

_logger = structlog.get_logger()


def build(request: ReportRequest) -> Report | Skip:
    """Build a user's usage report: each quota as it stands at the end of the period.

    The user's data has `quotas`, each with `allowed`, and `name`, `unit` and `renews_on` where it has them; and
    `usage`, each with `at`, `quota` and `amount`; or they are added up in `usage_figures`.
    """
    user, data = request.user, request.data
    language = request.language
    quotas, more_quotas = _quotas(user, data)
    if not quotas and request.skip_empty:
        return Skip("no quotas")
    consumptions = {quota.id: Consumption(quota, request.period, request.time_zone) for quota in quotas}
    left_out = _consume(user, consumptions, data) if consumptions else None
    ranked = sorted((each.standing() for each in consumptions.values()), key=_rank)
    texts = Texts(request=request, language=language, left_out_from=left_out, more_quotas=more_quotas)
    contents = texts.contents(ranked)
    chart: Chart | None = None
    images: tuple[InlineImage, ...] = ()
    if ranked and ranked[0].used > 0:
        worst = ranked[0]
        chart, picture = bar_chart(
            CHART_ID,
            [*worst.per_day, *worst.expected_per_day],
            [language.axis_day(day) for day in worst.days],
            title=texts.chart_title(worst),
            description=texts.chart_description(worst),
            write=lambda value: texts.amount(worst, value),
            language=language,
            color=request.brand.graphic_color,
            expected_from=len(worst.per_day),
            limit=worst.quota.allowed,
            legend=texts.legend(worst),
        )
        images = (picture,)
    return Report(
        subject=contents.subject,
        templates=TEMPLATES,
        values={**vars(contents), "chart": chart},
        images=images,
        figures={"quotas": [each.for_programs for each in ranked]},
    )


def _quotas(user: User, data: UserData) -> tuple[list[Quota], bool]:
    """The quotas that can be used, and whether there are more than a report reads."""
    quotas = []
    documents = list(data.documents("quotas", limit=MOST_QUOTAS + 1))
    for quota_id, fields in documents[:MOST_QUOTAS]:
        try:
            quotas.append(Quota.from_document(quota_id, fields))
        except InvalidQuota as error:
            _logger.warning("quota_unusable", user_id=user.id, quota=quota_id, error=str(error))
    return quotas, len(documents) > MOST_QUOTAS


def _consume(user: User, consumptions: dict[str, Consumption], data: UserData) -> datetime | None:
    """Count what was used; returns the time of the first entry that is not counted, where there are too many."""
    window = Period(
        min(each.window.start for each in consumptions.values()), max(each.as_of for each in consumptions.values())
    )
    stored = StoredFigures(data, user, USAGE)
    if not stored.reach(window) and _add_totals(consumptions, data, window):
        return None
    ignored, left_out = 0, None
    for number, (usage_id, fields) in enumerate(stored.entries(window, limit=MOST_USAGES + 1)):
        if number == MOST_USAGES:
            left_out = fields["at"]
            break
        ignored += not _count(user, consumptions, usage_id, fields, tell=not ignored)
    edges = [edge for each in consumptions.values() for edge in each.edges]
    for found in stored.read((window,), edges=edges, limit=MOST_USAGES) if left_out is None else ():
        if not isinstance(found, Figure):
            ignored += not _count(user, consumptions, *found, tell=not ignored)
        elif found.sum is not None and found.name in consumptions:
            consumptions[found.name].add_sum(found.at, found.sum)
    if ignored > 1:
        _logger.warning("more_usages_not_counted", user_id=user.id, problems=ignored)
    if left_out is not None:
        _logger.warning("usages_left_out", user_id=user.id, kind="usage", counted=MOST_USAGES)
        for consumption in consumptions.values():
            consumption.end_at(left_out)
    return left_out


def _add_totals(consumptions: Mapping[str, Consumption], data: UserData, window: Period) -> bool:
    """Let Firestore add up what was used, where that costs less than reading it; false where nothing was added."""
    try:
        entries = data.total(USAGE.entries, field="at", start=window.start, end=window.end).count
        if entries <= len(consumptions) + max(len(each.days_so_far) for each in consumptions.values()):
            return False
        totals = {each: _total(data, each, Period(each.window.start, each.as_of)) for each in consumptions.values()}
    except NoIndex:
        _logger.warning("usage_not_indexed")
        return False
    for each, total in totals.items():
        each.add_sum(each.window.start, total)
    # Only the worst has a chart of its days.
    worst = min(totals, key=lambda each: _rank(each.standing()))
    if totals[worst] > 0:
        worst.add_sum(worst.window.start, -totals[worst])
        for day in worst.days_so_far:
            worst.add_sum(day.start, _total(data, worst, day))
    return True


def _total(data: UserData, consumption: Consumption, period: Period) -> float:
    return data.total(
        USAGE.entries,
        field="at",
        start=period.start,
        end=period.end,
        equal=("quota", consumption.quota.id),
        amount=("amount", LARGEST_AMOUNT),
    ).sum


def _rank(standing: Standing) -> tuple[float, str]:
    """What is worth a look comes first."""
    return -standing.strain, standing.quota.id


def _count(
    user: User, consumptions: Mapping[str, Consumption], usage_id: str, fields: Mapping[str, Any], *, tell: bool
) -> bool:
    """Count a usage; false where it cannot be."""
    quota = fields.get("quota")
    known = consumptions.get(quota) if isinstance(quota, str) else None
    if known is not None and known.add(fields["at"], fields.get("amount")):
        return True
    if tell:
        field = "quota" if known is None else "amount"
        _logger.warning("usage_not_counted", user_id=user.id, usage_id=usage_id, field=field)
    return False
