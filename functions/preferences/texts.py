"""The words of the recipient's page."""

from datetime import date, datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from functions.preferences.changes import PauseFor
from functions.shared.mail.language import Language
from functions.shared.records.recipient_pauses import may_resume
from functions.shared.records.subscription import PauseReason, Subscription
from functions.shared.times.schedule import Cadence, WorkingDay


def labels(language: Language) -> dict[str, str]:
    """What the buttons and fields of the page are called."""
    return {
        "when": language.gettext("When it comes"),
        "save": language.gettext("Save"),
        "pause_for": language.gettext("Pause for some time"),
        "how_long": language.gettext("How long"),
        "until": language.gettext("Until"),
        "pause": language.gettext("Pause"),
        "resume": language.gettext("Resume"),
        "stop_all": language.gettext("Stop all reports"),
        "undo": language.gettext("Undo"),
    }


def cadence_name(cadence: Cadence, language: Language) -> str:
    """How often, as a choice."""
    match cadence:
        case Cadence.HOURLY:
            return language.gettext("Every hour")
        case Cadence.DAILY:
            return language.gettext("Every day")
        case Cadence.WEEKLY:
            return language.gettext("Every week")
        case Cadence.BIWEEKLY:
            return language.gettext("Every two weeks")
        case Cadence.MONTHLY:
            return language.gettext("Every month")
        case Cadence.QUARTERLY:
            return language.gettext("Every quarter")
        case Cadence.CRON:
            return language.gettext("At times that were chosen for you")
        case _ as unreachable:
            assert_never(unreachable)


def working_day_name(day: WorkingDay, language: Language) -> str:
    """A working day of a month, as a choice."""
    match day:
        case WorkingDay.FIRST:
            return language.gettext("First working day")
        case WorkingDay.LAST:
            return language.gettext("Last working day")
        case _ as unreachable:
            assert_never(unreachable)


def pause_name(duration: PauseFor, language: Language) -> str:
    """How long, as a choice."""
    match duration:
        case PauseFor.WEEK:
            return language.gettext("For a week")
        case PauseFor.MONTH:
            return language.gettext("For a month")
        case PauseFor.DATE:
            return language.gettext("Until the date below")
        case _ as unreachable:
            assert_never(unreachable)


def state_of(subscription: Subscription, zone: ZoneInfo, language: Language, *, now: datetime) -> str:
    """What will happen next, as a sentence.

    Args:
        subscription: which.
        zone: the recipient's own.
        language: in which.
        now: the present, in UTC.
    """
    due_at = subscription.next_report_at
    if not subscription.active:
        return _why_paused(subscription, language)
    sentences = []
    if subscription.paused_until is not None and now < subscription.paused_until:
        day = language.day(subscription.paused_until.astimezone(zone).date())
        sentences.append(language.gettext("Paused until {day}.").format(day=day))
        if not may_resume(subscription):
            sentences.append(language.gettext("The team that sends it paused it."))
    if due_at is None:
        sentences.append(language.gettext("The next report comes soon."))
    elif due_at <= now:
        sentences.append(language.gettext("The next report is on its way."))
    else:
        at = due_at.astimezone(zone)
        sentences.append(
            language.gettext("Next report: {day}, {time}").format(
                day=language.day(at.date()) if at.year == now.astimezone(zone).year else _far_day(at.date(), language),
                time=language.time(at),
            )
        )
    return language.sentences(sentences)


def _far_day(day: date, language: Language) -> str:
    return language.skeleton(day, "yMMMMEEEEd")


def _why_paused(subscription: Subscription, language: Language) -> str:
    match subscription.paused_because:
        case PauseReason.UNSUBSCRIBED | PauseReason.COMPLAINED:
            return language.gettext("Stopped: you get no more of these reports.")
        case PauseReason.BOUNCED:
            return language.gettext("Paused, since your mailbox refused an email.")
        case PauseReason.OPERATOR | PauseReason.USER_INACTIVE | PauseReason.NOT_IN_AUDIENCE:
            return language.gettext("The team that sends it paused it.")
        case PauseReason.USER | None:
            return language.gettext("Paused until you resume it.")
        case _ as unreachable:
            assert_never(unreachable)
