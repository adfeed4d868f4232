"""When the provider says that it made a call: a call that was recorded cannot be repeated later. Pure."""

import re
from datetime import datetime, timedelta

from functions.mail_events.received_events import InvalidSignature

_SECONDS = re.compile(r"[0-9]{1,12}")


def check_signed_time(timestamp: str, *, now: datetime, longest_age: timedelta) -> None:
    """Return if a call's timestamp is near the present. To be asked before the signature, since this costs nothing.

    Args:
        timestamp: the header's: seconds since 1970.
        now: the present, in UTC.
        longest_age: how far it may be from the present.

    Raises:
        InvalidSignature: it is none, or too far away.
    """
    if not _SECONDS.fullmatch(timestamp):
        raise InvalidSignature("the timestamp is no number of seconds")
    if abs(int(timestamp) - now.timestamp()) > longest_age.total_seconds():
        raise InvalidSignature("the timestamp is too far from the present")
