"""The events of a call, in the pipeline's words. Pure.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

from datetime import UTC, datetime
from typing import Any

from functions.mail_events.event_fields import PAUSES, is_delivery_id, kept_text
from functions.mail_events.received_events import Passed, ReceivedEvents, read_body
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.subscription import PauseReason
from functions.shared.times.plausible_time import plausible

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

_PAUSES_IF_DROPPED = {
    "bounced address": PauseReason.BOUNCED,
    "invalid": PauseReason.BOUNCED,
    "spam reporting address": PauseReason.COMPLAINED,
    "unsubscribed address": PauseReason.UNSUBSCRIBED,
}
"""The reasons of a drop that hold for each further email, since the address is on one of SendGrid's lists. Others, such
as `Spam Content`, are about one email."""


def read_events(body: bytes) -> ReceivedEvents:
    """Read a call's body.

    Args:
        body: a JSON array of events.

    Raises:
        InvalidBody: it is none.
    """
    return read_body(body, list, _read)


def _read(event: Any) -> list[MailEvent] | Passed:
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return Passed.MALFORMED
    status = _STATUSES.get(event["event"])
    if status is None:
        return Passed.IGNORED
    # SendGrid puts the custom arguments of an email beside an event's own fields.
    delivery_id = event.get("delivery_id")
    if delivery_id is None:
        return Passed.WITHOUT_DELIVERY
    address, at = event.get("email"), _moment(event.get("timestamp"))
    if not isinstance(address, str) or not address.strip() or at is None or not is_delivery_id(delivery_id):
        return Passed.MALFORMED
    if status is MailStatus.BOUNCED and event.get("type") == _BLOCKED:
        status = MailStatus.BLOCKED
    reason = kept_text(event.get("reason")) or kept_text(event.get("response"))
    return [
        MailEvent(
            delivery_id=delivery_id,
            recipient=address_hash(address),
            status=status,
            at=at,
            reason=reason,
            classification=kept_text(event.get("bounce_classification")),
            message_id=kept_text(event.get("sg_message_id")),
            pauses=_PAUSES_IF_DROPPED.get(reason.lower()) if status is MailStatus.DROPPED else PAUSES.get(status),
        )
    ]


def _moment(seconds: Any) -> datetime | None:
    if type(seconds) is not int:
        return None
    try:
        return plausible(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return None
