"""What a recipient's wish changes in a subscription. Pure."""

from collections.abc import Container, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from functions.preferences.kinds import EVERY_TIME, OfferedTimes
from functions.shared.records.audience import taken_away_fields
from functions.shared.records.mark import rescheduled_fields
from functions.shared.records.objections import (
    common_objection,
    is_stopped_by,
    objected,
    objection_fields,
    objection_pause_fields,
    resubscription_fields,
    stopped,
)
from functions.shared.records.recipient_pauses import LONGEST_PAUSE, Stored, is_stopped
from functions.shared.records.recipients import lists_without, recipients
from functions.shared.records.subscription import ADDRESS_LISTS, PauseReason, Subscription, SubscriptionDefaults
from functions.shared.times.schedule import Cadence, WorkingDay

_WEEKDAYS, _DAYS = range(1, 8), range(1, 32)
"""What a recipient chooses from, beside what the kind offers."""


class InvalidWish(ValueError):
    """The form has a value that its fields do not offer."""


class PauseFor(StrEnum):
    """How long a recipient pauses a report for."""

    WEEK = "week"
    MONTH = "month"
    DATE = "date"
    """Until a date that the recipient chooses."""


def chosen(
    stored: Stored,
    form: Mapping[str, str],
    defaults: SubscriptionDefaults,
    *,
    offered: OfferedTimes = EVERY_TIME,
    now: datetime,
) -> Mapping[str, Any]:
    """The recipient chooses how often and when the reports come; no fields where that is as it was.

    Args:
        stored: as it was read.
        form: `cadence`, `hour`, `weekday` and `day`; those that the cadence does not use are not looked at.
        defaults: what a document does not say.
        offered: what recipients of the kind choose from, beside what is chosen already.
        now: the present, in UTC.

    Raises:
        InvalidWish: the form has something else.
    """
    subscription = stored.subscription
    wanted = form.get("cadence", "")
    if wanted == Cadence.CRON and subscription.cadence is Cadence.CRON:
        return {}
    if wanted not in {*offered.cadences, subscription.cadence} or wanted == Cadence.CRON:
        raise InvalidWish("cadence")
    cadence = Cadence(wanted)
    choices: dict[str, Container[int]] = {"weekday": _WEEKDAYS, "hour": {*offered.hours, subscription.hour}}
    fields: dict[str, Any] = {"cadence": cadence.value}
    # Nobody is asked for the minute.
    fields |= {name: _number(form, name, choices[name]) for name in cadence.fields if name in choices}
    if "day" in cadence.fields:
        fields |= _day(form, subscription)
    if all(getattr(subscription, name) == value for name, value in fields.items()):
        return {}
    if stored.document.get("cron") is not None:
        fields["cron"] = None
    after = Subscription.from_fields(
        subscription.user_id, subscription.id, {**stored.document, **fields}, defaults, version=subscription.version
    )
    return {**fields, **rescheduled_fields(subscription, after, stored.user, now=now)}


def pause_end(stored: Stored, form: Mapping[str, str], *, now: datetime) -> datetime:
    """When a pause ends: with the beginning of a day of the recipient's own, in UTC.

    Args:
        stored: the subscription as it was read.
        form: `for`, and `until` where that is a date.
        now: the present, in UTC.

    Raises:
        InvalidWish: the form has something else, such as a date that is past.
    """
    schedule = stored.subscription.schedule(stored.user)
    today = now.astimezone(schedule.time_zone).date()
    match form.get("for", ""):
        case PauseFor.WEEK:
            day = today + timedelta(days=7)
        case PauseFor.MONTH:
            day = _month_later(today)
        case PauseFor.DATE:
            try:
                day = date.fromisoformat(form.get("until", ""))
            except ValueError:
                raise InvalidWish("until") from None
            if not today < day <= today + LONGEST_PAUSE:
                raise InvalidWish("until")
        case _:
            raise InvalidWish("for")
    return schedule.day_start(datetime.combine(day, time(12), schedule.time_zone).astimezone(UTC))


def without_address(stored: Stored, hashed: str, *, now: datetime) -> Mapping[str, Any]:
    """An address that is not the user's own gets no more of a subscription's reports; no fields where it gets none.

    It leaves the lists, and objects, so that it gets none if the application writes it there again. All others get them
    as before. If no other recipient is left, it stops the subscription: without `to` it would go to the user, who has
    not asked for it.

    Args:
        stored: as it was read.
        hashed: the address (address_hash).
        now: the present, in UTC.
    """
    subscription = stored.subscription
    is_known = hashed in subscription.objecting and is_stopped_by(subscription, hashed)
    if is_known and common_objection(subscription, stored.user):
        return {}
    listed = {name: list(getattr(subscription, name)) for name in ADDRESS_LISTS}
    left = lists_without(listed, {hashed})
    after = objected(subscription, hashed, PauseReason.UNSUBSCRIBED, at=now, now=now)
    if left is None:
        after = stopped(after, hashed, now=now)
        return {**objection_fields(subscription, after), **objection_pause_fields(after, stored.user, now=now)}
    fields = objection_fields(subscription, after)
    if left == listed:
        return {} if hashed in subscription.objecting else fields
    # An empty list is not written where there was none.
    lists = {name: found for name, found in left.items() if found or listed[name]}
    # An event about the address may have paused what goes on for those who are left.
    after = after._replace(to=tuple(left["to"]), cc=tuple(left["cc"]))
    goes_on = resubscription_fields(subscription, after, stored.user, now=now)
    return {**fields, **lists, **taken_away_fields(stored.document, hashed), **goes_on}


def gets_copies(subscription: Subscription, hashed: str, *, now: datetime) -> bool:
    """Whether an address gets a subscription's reports.

    Args:
        subscription: as it was read.
        hashed: the address (address_hash).
        now: the present, in UTC.
    """
    return not subscription.is_paused(now) and _wants_copies(subscription, hashed)


def may_see_copies(stored: Stored, hashed: str) -> bool:
    """Whether a recipient may still look at the copies of a subscription's emails: not who has stopped them.

    Args:
        stored: as it was read.
        hashed: the address (address_hash); empty for the user's own.
    """
    if not stored.user.active or is_stopped(stored.subscription):
        return False
    if not hashed:
        return not stored.subscription.leaves_out(stored.user.email)
    return _wants_copies(stored.subscription, hashed)


def _wants_copies(subscription: Subscription, hashed: str) -> bool:
    # The link of the user's own address has another page.
    wanting = (each for each in recipients(subscription, None) if not subscription.leaves_out(each.address))
    return any(each.hashed == hashed for each in wanting)


def _number(form: Mapping[str, str], name: str, choices: Container[int]) -> int:
    text = form.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) in choices):
        raise InvalidWish(name)
    return int(text)


def _day(form: Mapping[str, str], subscription: Subscription) -> dict[str, Any]:
    if form.get("day") in set(WorkingDay):
        return {"working_day": form["day"]}
    chosen = {"day": _number(form, "day", _DAYS)}
    return {**chosen, "working_day": None} if subscription.working_day else chosen


def _month_later(day: date) -> date:
    """The same day of the next month, or the first of the month after where there is none."""
    first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    try:
        return first.replace(day=day.day)
    except ValueError:
        return (first + timedelta(days=32)).replace(day=1)
