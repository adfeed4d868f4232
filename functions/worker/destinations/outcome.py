"""How handing a report to its destination can end: the same words for each destination. Pure."""

from dataclasses import dataclass
from typing import NamedTuple


class Accepted(NamedTuple):
    """The destination has the report.

    Attributes:
        message_id: its id there; empty if the destination gave none.
        archived_as: the copy of the build that it has, as the destination says; empty if that has none, None if it
            does not say.
    """

    message_id: str
    archived_as: str | None = None


@dataclass(frozen=True, kw_only=True)
class Unsubscribed:
    """All recipients have unsubscribed at the email provider. Nothing was sent."""


class Refused(NamedTuple):
    """The destination refuses this report, and would refuse it again."""

    error: str


class NotAllowed(NamedTuple):
    """The destination refuses every report from us until a person acts: the key is wrong or lacks a permission, the
    sender is not verified, or the account may send no more."""

    error: str


class Throttled(NamedTuple):
    """Too much at once. `retry_after_seconds` is how long the destination asks us to wait; None where it does not."""

    error: str
    retry_after_seconds: int | None = None


class Unavailable(NamedTuple):
    """The destination did not accept the report this time: it said so, or could not be reached."""

    error: str


class Unclear(NamedTuple):
    """The worker sent the request and got no answer, or an ambiguous one: the report may have arrived, or not.

    Attributes:
        error: what happened.
        is_lasting: whether the destination accepted a part of the report, and refuses the rest, as it would again.
    """

    error: str
    is_lasting: bool = False


NotAccepted = Refused | NotAllowed | Throttled | Unavailable | Unclear
"""What can come of a message that the destination does not accept."""

Outcome = Accepted | Unsubscribed | NotAccepted
