"""The event of a call, in the pipeline's words. Pure.

https://resend.com/docs/webhooks/event-types
https://github.com/resend/resend-openapi
"""

from collections.abc import Mapping
from typing import Any

from functions.mail_events.event_fields import PAUSES, is_delivery_id, kept_text
from functions.mail_events.received_events import Passed, ReceivedEvents, read_body
from functions.shared.mail.argument_tags import argument_in
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.subscription import PauseReason
from functions.shared.times.plausible_time import time_in

STATUSES = {
    "email.sent": MailStatus.PROCESSED,
    "email.delivery_delayed": MailStatus.DEFERRED,
    "email.delivered": MailStatus.DELIVERED,
    "email.bounced": MailStatus.BOUNCED,
    "email.failed": MailStatus.DROPPED,
    "email.suppressed": MailStatus.DROPPED,
    "email.complained": MailStatus.COMPLAINED,
}
"""What each event means; others are ignored."""
_PASSING_BOUNCES = frozenset({"Transient", "Undetermined"})
"""The `type` of a bounce after which Resend does not put the address on its list.
https://resend.com/changelog/suppression-list-support"""

_DETAILS = {"email.bounced": "bounce", "email.failed": "failed", "email.suppressed": "suppressed"}
"""Where the data of an event say why it happened."""


def read_events(body: bytes) -> ReceivedEvents:
    """Read a call's body.

    Args:
        body: a JSON object, one event: it may be about several recipients.

    Raises:
        InvalidBody: it is none.
    """
    return read_body(body, dict, _read)


def _read(event: Mapping[str, Any]) -> list[MailEvent] | Passed:
    kind, data = event.get("type"), event.get("data")
    if not isinstance(kind, str):
        return Passed.MALFORMED
    status = STATUSES.get(kind)
    if status is None:
        return Passed.IGNORED
    if not isinstance(data, dict):
        return Passed.MALFORMED
    tags = data.get("tags")
    if not isinstance(tags, dict) or "delivery_id" not in tags:
        return Passed.WITHOUT_DELIVERY
    delivery_id, at, addresses = argument_in(tags, "delivery_id"), time_in(event.get("created_at")), _addresses(data)
    if not is_delivery_id(delivery_id) or at is None or not addresses:
        return Passed.MALFORMED
    found = data.get(_DETAILS.get(kind, ""))
    details: Mapping[str, Any] = found if isinstance(found, dict) else {}
    if status is MailStatus.BOUNCED and details.get("type") in _PASSING_BOUNCES:
        status = MailStatus.BLOCKED
    return [
        MailEvent(
            delivery_id=delivery_id,
            recipient=address_hash(address),
            status=status,
            at=at,
            reason=_reason(details),
            classification=kept_text(details.get("subType")),
            message_id=kept_text(data.get("email_id")),
            pauses=_pauses(kind, status, details),
        )
        for address in addresses
    ]


def _pauses(kind: str, status: MailStatus, details: Mapping[str, Any]) -> PauseReason | None:
    if kind == "email.suppressed":
        # Resend sends nothing to an address on its list. Its reason for that concerns this address alone.
        complained = details.get("reason") == "previous_complaint"
        return PauseReason.COMPLAINED if complained else PauseReason.BOUNCED
    return PAUSES.get(status)


def _reason(details: Mapping[str, Any]) -> str:
    """The words of the recipient's server, or else Resend's own."""
    codes = details.get("diagnosticCode")
    said = codes[0] if isinstance(codes, list) and codes else codes
    return kept_text(said) or kept_text(details.get("message")) or kept_text(details.get("reason"))


def _addresses(data: Mapping[str, Any]) -> list[str]:
    """The recipients that an event is about: bare addresses, or with a name before it in angle brackets."""
    to = data.get("to")
    listed = to if isinstance(to, list) else [to]
    # Python's own parser of addresses calls itself at each parenthesis.
    bare = (each.rpartition("<")[2].partition(">")[0].strip() for each in listed if isinstance(each, str))
    return [address for address in bare if "@" in address]
