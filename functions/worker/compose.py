"""What a delivery sends: the report of its kind, and what every email has, or what the other destinations take."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from functions.shared.appearance import https_url
from functions.shared.mail.brand import PLAIN, Brand
from functions.shared.records.archived_copy import CopyName
from functions.shared.records.recipients import Recipient, recipients
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.sanitize import display_name, sanitize
from functions.shared.times.period import Period
from functions.worker.attaching import choose
from functions.worker.destinations.email.allowed_domains import EVERY_DOMAIN, AllowedDomains
from functions.worker.destinations.email.compliance import NO_CLOSING, MailCompliance
from functions.worker.destinations.email.model import CATEGORY, Mail
from functions.worker.destinations.email.provider import make_tags_inert
from functions.worker.destinations.parcel import Parcel
from report_kit.kinds import find
from report_kit.next_version import Variant
from report_kit.report import PermanentError, Report, Skip
from report_kit.request import ReportRequest
from report_kit.user_data import UserData

if TYPE_CHECKING:
    from functions.shared.firestore.database import Database

Block = TypeVar("Block")

_logger = structlog.get_logger()


def compose(
    kind: str,
    user: User,
    subscription: Subscription,
    period: Period,
    data: UserData,
    *,
    delivery_id: str,
    run_id: str,
    compliance: MailCompliance,
    database: "Database | None" = None,
    settings: Mapping[str, str] | None = None,
    brand: Brand = PLAIN,
    variant: Variant | None = None,
    allowed: AllowedDomains = EVERY_DOMAIN,
    copy: CopyName | None = None,
) -> Mail | Parcel | Skip:
    """Build a report and make an email of it, or a parcel where the subscription does not go by email.

    Args:
        kind: of the report, as the delivery's task has it: the subscription may have another by now.
        user: whose report it is. The kind is given the name as it may be shown.
        subscription: which of the user's.
        period: which time.
        data: the user's own.
        delivery_id: which delivery it is for.
        run_id: the dispatcher's run.
        compliance: the headers and the footer of every email.
        database: for what else the kind reads; None where there is none.
        settings: the kind's own settings and secrets, by name.
        brand: the deployment's; a user's document may have another.
        variant: which version of the kind; None is the current one.
        allowed: the domains that emails may go to: one at least of those in `to` has one of them.
        copy: the name of the report's copy, to which it has a link; None where none is kept.

    Returns:
        One email to all recipients of the subscription that it may go to, a Parcel where it goes elsewhere, or Skip
        where the kind has nothing to report.

    Raises:
        PermanentError: there is no such kind, it returns something else, or the report cannot be made.
        Exception: whatever the report or its templates raise.
    """
    # Imported with the first report, so that a worker starts without waiting for Babel.
    from report_kit.blocks import Button, Chart, Headline, Table
    from report_kit.phrases import change_or_stop, goes_to, not_attached, open_product, unsubscribe, view_in_browser
    from report_kit.rendering import render

    inert = make_tags_inert if subscription.is_emailed else str
    user = replace(user, name=inert(display_name(user.name)))
    brand, unusable = brand.of_tenant(user.fields)
    if unusable:
        _logger.warning("brand_field_unusable", user_id=user.id, fields=list(unusable))
    request = ReportRequest(
        user=user,
        subscription=subscription._replace(kind=kind),
        period=period,
        data=data,
        database=database,
        settings=settings or {},
        brand=brand,
    )
    report = find(kind, variant)(request)
    if isinstance(report, Skip):
        return report
    if not isinstance(report, Report):
        raise PermanentError(f"{kind}: build returned {type(report).__name__}, neither Report nor Skip")
    language = request.language
    wanted = [each for each in wanting(user, subscription) if allowed.allows(each.address)]
    subject = inert(sanitize(report.subject, 200))
    addressed = [
        compliance.recipient(
            address,
            role,
            user=user,
            subscription_id=subscription.id,
            delivery_id=delivery_id,
            kind=kind,
            cadence=subscription.cadence.value,
        )
        for address, role in wanted
    ]
    way_out = change_or_stop(language) if compliance.has_page else unsubscribe(language)
    if subscription.is_emailed:
        closing = compliance.closing(recipients=goes_to(wanted, language), unsubscribe=way_out, copy=copy)
    else:
        closing = NO_CLOSING
    url = _own_url(report.url, kind) or brand.url
    label, copy_label = open_product(brand.name, language), view_in_browser(language)
    button = Button(label=label, url=url) if url else None
    files = choose(report.attachments, report.images)
    if files.left_out:
        sizes = [len(each.content) for each in files.left_out]
        _logger.warning("attachments_left_out", user_id=user.id, kind=kind, files=len(sizes), bytes=sum(sizes))
    values = {
        **report.values,
        "subject": subject,
        "closing": closing,
        "view_in_browser": copy_label,
        "brand": brand,
        "button": button,
        "not_attached": not_attached(files.left_out, language),
    }
    parts = partial(render, report.folders, language=language, inert=inert)
    html, text = parts(values)
    if not subscription.is_emailed:
        return Parcel(
            delivery_id=delivery_id,
            kind=kind,
            user_id=user.id,
            subscription_id=subscription.id,
            period=period,
            subject=subject,
            summary=_text(report.values.get("summary")) or _text(report.values.get("nothing")),
            text=text,
            html=html,
            images=report.images,
            attachments=files.attached,
            headlines=[*_blocks(report.values, Headline)],
            charts=[*_blocks(report.values, Chart)],
            tables=[*_blocks(report.values, Table)],
            figures=report.figures,
            url=url,
            url_label=label,
            copy_url=compliance.shared_copy_url(user.id, subscription.id, copy),
            copy_label=copy_label,
            archived_as=str(copy or ""),
            sandbox=subscription.sandbox,
        )
    plain = {**values, "closing": closing._replace(copy_url="", copy_url_html="")} if closing.copy_url else None
    return Mail(
        recipients=addressed,
        subject=subject,
        text=text,
        html=html,
        images=report.images,
        attachments=files.attached,
        categories=(CATEGORY, kind),
        arguments={"delivery_id": delivery_id, "run_id": run_id},
        sandbox=subscription.sandbox,
        without_link=partial(parts, plain) if plain else None,
    )


def _text(value: Any) -> str:
    return sanitize(value, 1_000) if isinstance(value, str) else ""


def _blocks(values: Mapping[str, Any], of: type[Block]) -> Iterator[Block]:
    """What a report shows of one type of block, wherever its templates find it."""
    for value in values.values():
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, of):
                yield each


def _own_url(url: str, kind: str) -> str:
    """Where a kind's own button leads; empty where it has none, or one that no email can have."""
    if not url:
        return ""
    try:
        return https_url(url)
    except ValueError:
        _logger.warning("report_url_unusable", kind=kind)
        return ""


def wanting(user: User, subscription: Subscription) -> list[Recipient]:
    """Who gets a subscription's reports: its recipients but for those that it leaves out.

    Args:
        user: whose own address gets them where the subscription names none.
        subscription: which names the others.
    """
    return [each for each in recipients(subscription, user) if not subscription.leaves_out(each.address)]
