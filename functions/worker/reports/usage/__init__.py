"""The `usage` report: how much of what a user may use is used, and whether the rest will last."""

from datetime import datetime
from pathlib import Path

import structlog

from functions.shared.user import User
from functions.worker.mail.model import InlineImage
from functions.worker.reports.blocks import Chart
from functions.worker.reports.chart import bar_chart
from functions.worker.reports.language import language_for
from functions.worker.reports.report import Report, Skip
from functions.worker.reports.request import ReportRequest
from functions.worker.reports.usage.consumption import Consumption
from functions.worker.reports.usage.quota import InvalidQuota, Quota
from functions.worker.reports.usage.texts import Texts
from functions.worker.reports.user_data import UserData

CHART_ID = "usage-chart"
TEMPLATES = Path(__file__).parent / "templates"
MOST_QUOTAS = 20
MOST_USAGES = 20_000
"""So many entries of usage are read, of all quotas together, from the earliest on. Each is a document that is paid for
with every attempt at the report, and a report has half a minute."""

_logger = structlog.get_logger()


def build(request: ReportRequest) -> Report | Skip:
    """Build a user's usage report: each quota as it stands at the end of the period.

    The user's data has `quotas`, each with `allowed`, and `name`, `unit` and `renews_on` where it has them; and
    `usage`, each with `at`, `quota` and `amount`.
    """
    user, data = request.user, request.data
    language = language_for(request.locale)
    quotas, more_quotas = _quotas(user, data)
    if not quotas and request.skip_empty:
        return Skip("no quotas")
    consumptions = {quota.id: Consumption(quota, request.period, request.time_zone) for quota in quotas}
    left_out = _consume(user, consumptions, data) if consumptions else None
    ranked = sorted((each.standing() for each in consumptions.values()), key=lambda each: (-each.strain, each.quota.id))
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
    usages = data.between(
        "usage",
        field="at",
        start=min(each.window.start for each in consumptions.values()),
        end=max(each.as_of for each in consumptions.values()),
        select=("at", "quota", "amount"),
        limit=MOST_USAGES + 1,
    )
    ignored, left_out = 0, None
    for number, (usage_id, fields) in enumerate(usages):
        if number == MOST_USAGES:
            left_out = fields["at"]
            break
        quota = fields.get("quota")
        known = consumptions.get(quota) if isinstance(quota, str) else None
        if known is None or not known.add(fields["at"], fields.get("amount")):
            ignored += 1
            if ignored == 1:
                field = "quota" if known is None else "amount"
                _logger.warning("usage_not_counted", user_id=user.id, usage_id=usage_id, field=field)
    if ignored > 1:
        _logger.warning("more_usages_not_counted", user_id=user.id, problems=ignored)
    if left_out is not None:
        _logger.warning("usages_left_out", user_id=user.id, kind="usage", counted=MOST_USAGES)
        for consumption in consumptions.values():
            consumption.end_at(left_out)
    return left_out
