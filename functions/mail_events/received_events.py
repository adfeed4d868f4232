"""What one call of a provider's webhook brings, in words that hold for all providers. Pure."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from functions.shared.records.mail_event import MailEvent


class Passed(StrEnum):
    """Why an event is acknowledged and not looked at: the name of its count in the logs."""

    IGNORED = "ignored"
    """Of a type that says nothing about delivery, such as an opened email."""
    WITHOUT_DELIVERY = "without_delivery"
    """Of an email that no delivery is named with: not one of the pipeline's."""
    MALFORMED = "malformed"
    """It lacks what its type has."""


@dataclass(frozen=True, kw_only=True)
class ReceivedEvents:
    """The events of one call.

    Attributes:
        events: those that are about a delivery, in the order in which they came.
        passed: how many were not looked at, by the reason.
    """

    events: list[MailEvent] = field(default_factory=list)
    passed: Counter[Passed] = field(default_factory=Counter)


class InvalidBody(ValueError):
    """The body of a call is not what the provider sends. The text repeats nothing of it."""


class InvalidSignature(ValueError):
    """A call does not prove that the provider made it, and made it just now. The text repeats nothing of it."""


class InvalidKey(ValueError):
    """A key by which the provider's calls are verified is none. The text says which by its place, from 1."""


def read_body(
    body: bytes, shape: type[list[Any] | dict[str, Any]], read: Callable[[Any], Sequence[MailEvent] | Passed]
) -> ReceivedEvents:
    """Read a call's body. An event that is malformed does not keep the others from being read.

    Args:
        body: JSON.
        shape: what it must be: `list`, an array of events, or `dict`, one event.
        read: reads an event: it may be about several recipients.

    Raises:
        InvalidBody: it is none.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidBody("not JSON") from None
    if not isinstance(found, shape):
        raise InvalidBody("not an array" if shape is list else "not an object")
    received = ReceivedEvents()
    for event in found if isinstance(found, list) else [found]:
        match read(event):
            case Passed() as why:
                received.passed[why] += 1
            case events:
                received.events.extend(events)
    return received
