"""Posts to a space of Google Chat by an incoming webhook.

`requestId` makes the request idempotent: "multiple identical requests with the same request ID result in only a single
message". https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create
https://developers.google.com/workspace/chat/quickstart/webhooks
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from functions.shared.records.deliver import Deliver
from functions.shared.records.stored_request import KeptRequest
from functions.worker.destinations.chat.card import MOST_BYTES, body
from functions.worker.destinations.outcome import Outcome, Refused
from functions.worker.destinations.parcel import Parcel
from functions.worker.destinations.repeatable_sending import RepeatableSending
from functions.worker.destinations.webhook_url import post

KEYS_HOLD = timedelta(hours=24)
"""Google names no end; the worker counts on a day."""


class Chat(RepeatableSending):
    """Posts reports to a space. Safe for threads.

    Args:
        deliver: the name of the secret with the webhook's URL.
        secrets: the values of all secrets, by name.
        now: the present, in UTC.
    """

    keys_hold = KEYS_HOLD
    same_bytes = True

    def __init__(self, deliver: Deliver, secrets: Mapping[str, str], *, now: Callable[[], datetime]) -> None:
        self._name = deliver.secret
        self._now = now
        self._secrets = secrets

    def requests(self, report: Parcel, /) -> Sequence[KeptRequest]:
        """The one request that posts a report."""
        return [KeptRequest(address=self._name, content=body(report))]

    def send_requests(self, requests: Mapping[str, KeptRequest], *, seconds: float) -> Outcome:
        """Make the request, perhaps again: to the space that it was made for."""
        [(key, request)] = requests.items()
        if len(request.content) > MOST_BYTES:
            return Refused(error=f"the message has {len(request.content)} bytes, and Google Chat takes {MOST_BYTES}")
        url = self._secrets.get(request.address, "").strip()
        # A UUID is what Google recommends.
        url += f"{'&' if '?' in url else '?'}requestId={uuid.uuid5(uuid.NAMESPACE_URL, key)}" if url else ""
        return post(url, request.content, service="Google Chat", secret=request.address, seconds=seconds, now=self._now)
