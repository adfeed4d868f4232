"""Sending that can be repeated: the destination takes a report once, however often it is sent."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from functions.shared.records.stored_request import KeptRequest
from functions.worker.destinations.outcome import Accepted, Outcome, Unclear


@runtime_checkable
class RepeatableSending(Protocol):
    """A destination with idempotency keys: it takes a request once, however often it gets it with the same key."""

    keys_hold: timedelta
    """How long the destination knows a key, counted from the first request that has it."""

    same_bytes: bool
    """Whether the requests that have one key must be the same to the byte, so that the delivery keeps them."""

    def send(self, report: Any, /, *, seconds: float) -> Outcome:
        """Hand over a report that is not handed over again, with a key of its own.

        Args:
            report: a BuiltReport, as the destination takes it.
            seconds: after how long it must be over, whatever the outcome.
        """
        key = secrets.token_hex(16)
        requests = {f"{key}/{number}": each for number, each in enumerate(self.requests(report), start=1)}
        return self.send_requests(requests, seconds=seconds)

    def taken(self, delivery_id: str, *, seconds: float) -> Accepted | Unclear | None:
        """Ask the destination whether it has the report of a delivery.

        Args:
            delivery_id: which.
            seconds: how long it may take.

        Returns:
            None if it does not have the report, or cannot tell; Unclear if it may tell later.
        """
        return None

    def requests(self, report: Any, /) -> Sequence[KeptRequest]:
        """The requests that hand over a report, such as one for each recipient. Pure.

        Args:
            report: a BuiltReport, as the destination takes it.
        """

    def send_requests(self, requests: Mapping[str, KeptRequest], *, seconds: float) -> Outcome:
        """Make requests, perhaps again.

        Args:
            requests: of one report, each by its idempotency key of 210 characters at most.
            seconds: after how long it must be over, whatever the outcome.

        Returns:
            Accepted when the destination has taken all of them, now or before. Unclear when it may have taken some.
        """
