"""Whether the provider has signed a call, and just now. Pure."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Generic, TypeVar

from functions.mail_events.received_events import InvalidSignature
from functions.shared.serving.identity import Headers

_SECONDS = re.compile(r"[0-9]{1,12}")

Key = TypeVar("Key")


class Signatures(ABC, Generic[Key]):
    """Verifies calls with any of several keys, so that a key can be replaced without losing a call.

    Args:
        keys: as the provider shows them.

    Raises:
        InvalidKey: one of them is none.

    Attributes:
        HEADERS: the headers that a call must have, that of its timestamp first.
        LONGEST_AGE: how far the timestamp may be from the present: a call that was recorded cannot be repeated later.
    """

    HEADERS: ClassVar[tuple[str, ...]]
    LONGEST_AGE: ClassVar[timedelta]

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = [self.key(text, place) for place, text in enumerate(keys, 1)]

    def verify(self, headers: Headers, body: bytes, *, now: datetime) -> None:
        """Return if a call is the provider's.

        Args:
            headers: the request's.
            body: the raw body.
            now: the present, in UTC.

        Raises:
            InvalidSignature: it is not, or is too old to tell.
        """
        values = [headers.get(name, "") for name in self.HEADERS]
        if not all(values):
            raise InvalidSignature("a header of the signature is missing")
        # Before the signature, since this costs nothing.
        if not _SECONDS.fullmatch(values[0]):
            raise InvalidSignature("the timestamp is no number of seconds")
        if abs(int(values[0]) - now.timestamp()) > self.LONGEST_AGE.total_seconds():
            raise InvalidSignature("the timestamp is too far from the present")
        self.check(values, body)

    @abstractmethod
    def key(self, text: str, place: int) -> Key:
        """Read a key.

        Args:
            text: as the provider shows it.
            place: which it is, from 1.

        Raises:
            InvalidKey: it is none.
        """

    @abstractmethod
    def check(self, headers: Sequence[str], body: bytes) -> None:
        """Return if one of the keys fits the signature.

        Args:
            headers: the values of `HEADERS`.
            body: the raw body.

        Raises:
            InvalidSignature: none does.
        """
