"""Makes the requests of a report again, where the destination has idempotency keys: no outcome stays unknown then."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from functions.shared.records.deliver import Deliver
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.stored_request import KeptRequest, StoredRequest, request_key
from functions.worker.destinations.built_report import BuiltReport
from functions.worker.destinations.outcome import Accepted, Outcome, Unclear
from functions.worker.destinations.repeatable_sending import RepeatableSending
from functions.worker.task_delivery import TaskDelivery
from functions.worker.time_budget import LOOKUP_SECONDS


class MadeRequests(NamedTuple):
    """The requests of a report, and what the delivery keeps of them.

    Attributes:
        sending: who takes them.
        requests: to the byte.
        stored: what the delivery keeps.
        is_repeat: whether a worker may have made them before. What comes of them now says nothing of that time, unless
            the destination accepts them.
    """

    sending: RepeatableSending
    requests: Sequence[KeptRequest]
    stored: StoredRequest
    is_repeat: bool = False

    def by_key(self, requests: Sequence[KeptRequest]) -> dict[str, KeptRequest]:
        """Some of the requests, each by its idempotency key.

        Args:
            requests: those that are to be made.
        """
        keys = {f"{self.stored.key}/{number}": each for number, each in enumerate(self.requests, start=1)}
        return {key: each for key, each in keys.items() if each in requests}

    def make(self, requests: Sequence[KeptRequest], *, seconds: float) -> Outcome:
        """Make some of the requests.

        Args:
            requests: those that are to be made.
            seconds: after how long it must be over.
        """
        return self.sending.send_requests(self.by_key(requests), seconds=seconds)


class Repeating:
    """Makes requests, and makes them again. Safe for threads.

    Args:
        sending: the destination; None where it has no idempotency keys.
        provider: its name, which deliveries keep: as MAIL_PROVIDER or the subscription's `deliver` has it.
        now: the present, in UTC.
        deliver: where the requests go, which deliveries keep, too; None for emails.
    """

    def __init__(
        self,
        sending: RepeatableSending | None,
        *,
        provider: str,
        now: Callable[[], datetime],
        deliver: Deliver | None = None,
    ) -> None:
        self._sending = sending
        self._deliver = deliver.to_field() if deliver else None
        self.provider = provider
        self._now = now

    def stored_in(self, delivery: Delivery | None) -> StoredRequest | None:
        """The requests that a worker may have made without learning what came of them, where the destination still
        knows their key; None where there are none, or it does not.

        Args:
            delivery: as it was read; None where there is none.
        """
        if self._sending is None or delivery is None or delivery.request is None:
            return None
        may_be = delivery.request.may_be_repeated(self.provider, keys_hold=self._sending.keys_hold, now=self._now())
        return delivery.request if may_be and delivery.state is DeliveryState.SENDING else None

    @property
    def takes_others(self) -> bool:
        """Whether the destination accepts a report that was built again, with other bytes, under the same key."""
        return self._sending is not None and not self._sending.same_bytes

    def taken(self, delivery: Delivery) -> Accepted | Unclear | None:
        """Ask the destination whether it has the report (RepeatableSending.taken)."""
        return self._sending.taken(delivery.id, seconds=LOOKUP_SECONDS) if self._sending else None

    def first(self, work: TaskDelivery, report: BuiltReport) -> MadeRequests | None:
        """The requests of a report that no worker has sent; None where the destination has no keys.

        Args:
            work: the delivery.
            report: what to send.
        """
        if self._sending is None:
            return None
        requests, delivery = self._sending.requests(report), work.delivery
        key = request_key(
            work.task.delivery_id,
            task=delivery.task if delivery else "",
            attempt=delivery.attempts if delivery else 0,
        )
        stored = StoredRequest.of(
            requests,
            provider=self.provider,
            key=key,
            made_at=self._now(),
            keep=self._sending.same_bytes,
            deliver=self._deliver,
        )
        return MadeRequests(self._sending, requests, stored)

    def again(self, stored: StoredRequest, report: BuiltReport | None = None) -> MadeRequests | None:
        """The requests that a worker may have made before; None where they cannot be had to the byte, and the
        destination takes no others.

        Args:
            stored: what the delivery keeps.
            mail: the report, built again, where the delivery has no room for the requests.
        """
        if self._sending is None:
            return None
        requests: Sequence[KeptRequest] = stored.requests()
        if not requests and report is not None:
            requests = self._sending.requests(report)
        if not requests or (self._sending.same_bytes and not stored.is_same(requests)):
            return None
        return MadeRequests(self._sending, requests, stored, is_repeat=True)
