"""The events of a call, in the pipeline's words. Pure.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import json
from datetime import UTC, datetime
from typing import Any

from functions.mail_events.event_fields import is_delivery_id, kept_text
from functions.mail_events.received_events import InvalidBody, Passed, ReceivedEvents
from functions.shared.address_hash import address_hash
from functions.shared.mail_event import MailEvent, MailStatus
from functions.shared.plausible_time import plausible
from functions.shared.subscription import PauseReason

_STATUSES = {
    "processed": MailStatus.PROCESSED,
    "deferred": MailStatus.DEFERRED,
    "delivered": MailStatus.DELIVERED,
    "bounce": MailStatus.BOUNCED,
    "dropped": MailStatus.DROPPED,
    "spamreport": MailStatus.COMPLAINED,
    "unsubscribe": MailStatus.UNSUBSCRIBED,
    "group_unsubscribe": MailStatus.UNSUBSCRIBED,
    "group_resubscribe": MailStatus.RESUBSCRIBED,
}
_BLOCKED = "blocked"
"""The `type` of a bounce that passes: SendGrid does not put the address on its list."""

_PAUSES = {
    MailStatus.BOUNCED: PauseReason.BOUNCED,
    MailStatus.COMPLAINED: PauseReason.COMPLAINED,
    MailStatus.UNSUBSCRIBED: PauseReason.UNSUBSCRIBED,
}
_PAUSES_IF_DROPPED = {
    "bounced address": PauseReason.BOUNCED,
    "invalid": PauseReason.BOUNCED,
    "spam reporting address": PauseReason.COMPLAINED,
    "unsubscribed address": PauseReason.UNSUBSCRIBED,
}
"""The reasons of a drop that hold for each further mail, since the address is on one of SendGrid's lists. Others, such
as `Spam Content`, are about one mail."""


def read_events(body: bytes) -> ReceivedEvents:
    """Read a call's body. An event that is malformed does not keep the others from being read.

    Args:
        body: a JSON array of events.

    Raises:
        InvalidBody: it is none.
    """
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidBody("not JSON") from None
    if not isinstance(listed, list):
        raise InvalidBody("not an array")
    received = ReceivedEvents()
    for each in listed:
        match _read(each):
            case MailEvent() as event:
                received.events.append(event)
            case Passed() as why:
                received.passed[why] += 1
    return received


def _read(event: Any) -> MailEvent | Passed:
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return Passed.MALFORMED
    status = _STATUSES.get(event["event"])
    if status is None:
        return Passed.IGNORED
    # SendGrid puts the custom arguments of a mail beside an event's own fields.
    delivery_id = event.get("delivery_id")
    if delivery_id is None:
        return Passed.WITHOUT_DELIVERY
    address, at = event.get("email"), _moment(event.get("timestamp"))
    if not isinstance(address, str) or not address.strip() or at is None or not is_delivery_id(delivery_id):
        return Passed.MALFORMED
    if status is MailStatus.BOUNCED and event.get("type") == _BLOCKED:
        status = MailStatus.BLOCKED
    reason = kept_text(event.get("reason")) or kept_text(event.get("response"))
    return MailEvent(
        delivery_id=delivery_id,
        recipient=address_hash(address),
        status=status,
        at=at,
        reason=reason,
        classification=kept_text(event.get("bounce_classification")),
        message_id=kept_text(event.get("sg_message_id")),
        pauses=_PAUSES_IF_DROPPED.get(reason.lower()) if status is MailStatus.DROPPED else _PAUSES.get(status),
    )


def _moment(seconds: Any) -> datetime | None:
    if type(seconds) is not int:
        return None
    try:
        return plausible(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return None
