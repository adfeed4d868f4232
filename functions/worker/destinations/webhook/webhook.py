"""Calls a webhook: a receiver that honors `Idempotency-Key`, or `webhook-id`, has each report once.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from functions.shared.records.deliver import Deliver
from functions.shared.records.stored_request import KeptRequest
from functions.worker.destinations.by_status import outcome_by_status
from functions.worker.destinations.http_call import NoAnswer, NotWritten, call
from functions.worker.destinations.lost_answer import outcome_without_answer
from functions.worker.destinations.outcome import Outcome, Refused
from functions.worker.destinations.parcel import Parcel
from functions.worker.destinations.payload import body
from functions.worker.destinations.repeatable_sending import RepeatableSending
from functions.worker.destinations.webhook.public_address import PrivateAddress, public_address
from functions.worker.destinations.webhook.signature import signature, signing_keys

KEYS_HOLD = timedelta(hours=24)
"""How long a receiver must know an id: docs/guides/destinations.md#a-webhook asks it to."""


class Webhook(RepeatableSending):
    """Calls the webhook of a subscription. Safe for threads.

    Args:
        deliver: its URL, and the name of the secret with its signing keys.
        secrets: the values of all secrets, by name.
        now: the present, in UTC.
        is_private_allowed: whether it may be on this machine or in a private network.
    """

    keys_hold = KEYS_HOLD
    same_bytes = True

    def __init__(
        self,
        deliver: Deliver,
        secrets: Mapping[str, str],
        *,
        now: Callable[[], datetime],
        is_private_allowed: bool = False,
    ) -> None:
        self._url = deliver.url
        self._name = deliver.secret
        self._secret = secrets.get(deliver.secret, "")
        self._now = now
        self._find = None if is_private_allowed else public_address

    def requests(self, report: Parcel, /) -> Sequence[KeptRequest]:
        """The one request that hands over a report."""
        return [KeptRequest(address=self._url, content=body(report))]

    def send_requests(self, requests: Mapping[str, KeptRequest], *, seconds: float) -> Outcome:
        """Make the request, perhaps again: signed with what the secret's keys are by now.

        410 says that the receiver wants no more (Standard Webhooks, "Operational considerations").
        """
        [(key, request)] = requests.items()
        # A user's id is in the key, and what is signed may have no full stop in it.
        message_id = f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        try:
            keys = signing_keys(self._secret)
        except ValueError as error:
            return Refused(error=f"the secret {self._name} in DESTINATION_SECRETS {error}")
        timestamp = int(self._now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "report-pipeline",
            "Idempotency-Key": f'"{message_id}"',
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(keys, message_id, timestamp, request.content),
        }
        try:
            answer = call(
                "POST", request.address, headers=headers, body=request.content, seconds=seconds, find=self._find
            )
        except PrivateAddress as error:
            return Refused(error=f"the webhook is not called: {error}")
        except (NotWritten, NoAnswer) as error:
            return outcome_without_answer(error, service="the webhook")
        return outcome_by_status(answer, service="the webhook", message_id=message_id, now=self._now())
