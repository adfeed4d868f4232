"""A report as its recipient would read it, for a kind's own test: nothing is stored, asked for or sent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from functions.shared import needs
from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.sanitize import display_name, sanitize
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from report_kit.in_memory_user_data import Documents, InMemoryUserData, Sample
from report_kit.kind_folders import folder
from report_kit.kinds import find
from report_kit.report import Attachment, InlineImage, Report, Skip
from report_kit.request import ReportRequest

_ADA = {"email": "ada@example.com", "name": "Ada"}


class Trial(NamedTuple):
    """What a kind has made of a request.

        >>> try_kind("orders", sample("orders", request.period, SampleAmount.NOTHING), request.period).skip
        'no orders'

    Attributes:
        subject: of the email.
        text: the plain part.
        html: the HTML part.
        images: what the HTML part shows.
        attachments: the files.
        skip: why there is no email, in the kind's words; None where there is one, and the rest is empty otherwise.
    """

    subject: str = ""
    text: str = ""
    html: str = ""
    images: Sequence[InlineImage] = ()
    attachments: Sequence[Attachment] = ()
    skip: str | None = None


def try_kind(
    kind: str,
    data: Documents | Sample,
    period: Period,
    *,
    user: Mapping[str, Any] | None = None,
    subscription: Mapping[str, Any] | None = None,
) -> Trial:
    """Build and render a report of a kind. Settings have their defaults, and secrets their local values.

        >>> made = try_kind("orders", sample("orders", request.period), request.period, user={"locale": "de"})
        >>> "Bestellungen" in made.text
        True

    Args:
        kind: which.
        data: the user's own data, or the kind's sample.
        period: what the report covers.
        user: fields of the user's document beside Ada's address and name.
        subscription: fields of the subscription's document; one that is due daily where they do not say.

    Raises:
        PermanentError: there is no such kind, or it cannot make this report.
        TemplateMistake: a template is malformed, or names a value that does not exist.
        Exception: whatever the kind raises.
    """
    reader = User.from_fields("u1", {**_ADA, **(user or {})})
    asked = {"kind": kind, **(subscription or {})}
    request = ReportRequest(
        user=replace(reader, name=display_name(reader.name)),
        subscription=Subscription.from_fields("u1", "s1", asked, SubscriptionDefaults(kind, Cadence.DAILY)),
        period=period,
        data=InMemoryUserData(*(data if isinstance(data, Sample) else Sample(data))),
        settings=needs.load(folder()).get(kind, needs.Needs()).local_values,
    )
    report = find(kind)(request)
    if isinstance(report, Skip):
        return Trial(skip=report.why)
    subject = sanitize(report.subject, 200)
    html, text = _rendered(report, subject, request)
    return Trial(subject, text, html, report.images, report.attachments)


def _rendered(report: Report, subject: str, request: ReportRequest) -> tuple[str, str]:
    # Imported with the first report, as the worker does: Babel takes long.
    from report_kit.rendering import render

    return render(report.folders, {**report.values, "subject": subject, "brand": request.brand}, request.language)
