"""What every kind of report says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from functions.shared.records.recipients import Recipient, RecipientRole
from functions.shared.times.schedule import Cadence
from report_kit.language import Language
from report_kit.report import Attachment
from report_kit.request import ReportRequest


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words that every report has, in the order in which they are read.

    >>> empty = dict.fromkeys(("preview", "summary", "nothing", "note", "footer"), "")
    >>> words = Words(subject="2 orders", greeting="Hello Ada,", title="Orders", period="Monday", **empty)
    >>> words.title
    'Orders'
    """

    subject: str
    preview: str
    greeting: str
    title: str
    period: str
    summary: str
    nothing: str
    note: str
    footer: str


def greeting(name: str, language: Language) -> str:
    """The first line.

        >>> greeting("Ada", language), greeting("", language)
        ('Hello Ada,', 'Hello,')

    Args:
        name: the user's; may be empty.
        language: in which.
    """
    return language.gettext("Hello {name},").format(name=name) if name else language.gettext("Hello,")


def period_before(cadence: Cadence | None, language: Language) -> str:
    """What a report is compared with, as it stands within a sentence.

        >>> period_before(Cadence.WEEKLY, language)
        'the week before'

    Args:
        cadence: the user's; None for a period that is none of the schedule's.
        language: in which.
    """
    match cadence:
        case Cadence.HOURLY:
            return language.gettext("the hour before")
        case Cadence.DAILY:
            return language.gettext("the day before")
        case Cadence.WEEKLY:
            return language.gettext("the week before")
        case Cadence.BIWEEKLY:
            return language.gettext("the two weeks before")
        case Cadence.MONTHLY:
            return language.gettext("the month before")
        case Cadence.QUARTERLY:
            return language.gettext("the quarter before")
        case Cadence.CRON | None:
            return language.gettext("in the time before")


def how_often(cadence: Cadence, language: Language) -> str:
    """How often the user gets the report.

    >>> how_often(Cadence.WEEKLY, language)
    'You get this report every week.'
    """
    match cadence:
        case Cadence.HOURLY:
            return language.gettext("You get this report every hour.")
        case Cadence.DAILY:
            return language.gettext("You get this report every day.")
        case Cadence.WEEKLY:
            return language.gettext("You get this report every week.")
        case Cadence.BIWEEKLY:
            return language.gettext("You get this report every two weeks.")
        case Cadence.MONTHLY:
            return language.gettext("You get this report every month.")
        case Cadence.QUARTERLY:
            return language.gettext("You get this report every quarter.")
        case Cadence.CRON:
            return language.gettext("You get this report at times that were chosen for you.")


def footer(first: str, request: ReportRequest, language: Language) -> str:
    """The small print below a report.

        >>> footer("Prices include tax.", request, language)
        'Prices include tax. ...'

    Args:
        first: a sentence of the kind's own, before the others; may be empty.
        request: what was asked for.
        language: in which.
    """
    zone = language.gettext("Times are in {zone}.").format(zone=request.time_zone.key)
    return language.sentences((first, zone, how_often(request.cadence, language)))


def goes_to(recipients: Sequence[Recipient], language: Language) -> str:
    """Who gets the report, since no header of a recipient's message says it; empty where that is one recipient alone.

    Args:
        recipients: of the email.
        language: in which.
    """
    to: list[str] = []
    copies: list[str] = []
    for each in recipients:
        match each.role:
            case RecipientRole.TO:
                to.append(each.address)
            case RecipientRole.CC:
                copies.append(each.address)
            case _ as unreachable:
                assert_never(unreachable)
    if len(to) + len(copies) == 1:
        return ""
    addresses = ", ".join(to)
    if not copies:
        return language.gettext("This report goes to {addresses}.").format(addresses=addresses)
    return language.gettext("This report goes to {addresses}, with a copy to {copies}.").format(
        addresses=addresses, copies=", ".join(copies)
    )


def open_product(product: str, language: Language) -> str:
    """The words of the button.

    Args:
        product: its name; may be empty.
        language: in which.
    """
    return language.gettext("Open {product}").format(product=product) if product else language.gettext("See more")


def not_attached(files: Sequence[Attachment], language: Language) -> str:
    """Which files are too large for the email; empty where none is.

    Args:
        files: in the report's order.
        language: in which.
    """
    if not files:
        return ""
    named = [
        # Translators: a file, and how large it is, such as "sales.csv (23 MB)".
        language.gettext("{file} ({size} MB)").format(
            file=file.filename, size=language.number(max(len(file.content) / 1024 / 1024, 1))
        )
        for file in files
    ]
    return language.ngettext(
        "This file is too large for an email and not attached: {files}.",
        "These files are too large for an email and not attached: {files}.",
        len(files),
    ).format(files=language.listed(named))


def unsubscribe(language: Language) -> str:
    """The words of the link out."""
    return language.gettext("Unsubscribe from these reports")


def view_in_browser(language: Language) -> str:
    """The words of the link to the copy of the email."""
    return language.gettext("View in browser")


def change_or_stop(language: Language) -> str:
    """The words of the link to the recipient's page."""
    return language.gettext("Change or stop these reports")
