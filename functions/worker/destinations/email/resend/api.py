"""Resend's API: a request with an idempotency key is taken once, however often it is made.

https://resend.com/docs/dashboard/emails/idempotency-keys
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from functions.shared.records.stored_request import KeptRequest
from functions.worker.destinations.email.model import Mail, Sender
from functions.worker.destinations.email.resend.answers import classify
from functions.worker.destinations.email.resend.request import to_requests
from functions.worker.destinations.email.several_messages import outcome_in_part
from functions.worker.destinations.http_call import NoAnswer, NotWritten, call
from functions.worker.destinations.lost_answer import outcome_without_answer
from functions.worker.destinations.outcome import Accepted, NotAccepted, Outcome, Throttled
from functions.worker.destinations.repeatable_sending import RepeatableSending

KEYS_HOLD = timedelta(hours=24)
"""How long Resend knows an idempotency key."""

_USER_AGENT = "report-pipeline"
"""Resend refuses requests without one. https://resend.com/docs/api-reference/introduction"""


class Resend(RepeatableSending):
    """Sends through Resend's API, one request for each recipient. Safe for threads.

    Args:
        api_key: with the permission "Sending access".
        host: the API's URL.
        sender: from whom the emails are.
        now: the present, in UTC.
    """

    keys_hold = KEYS_HOLD
    same_bytes = True

    def __init__(self, *, api_key: str, host: str, sender: Sender, now: Callable[[], datetime]) -> None:
        self._url = f"{host}/emails"
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": _USER_AGENT,
        }
        self._sender = sender
        self._now = now

    def requests(self, mail: Mail) -> Sequence[KeptRequest]:
        """The requests that hand over an email, one for each recipient."""
        return to_requests(mail, self._sender)

    def send_requests(self, requests: Mapping[str, KeptRequest], *, seconds: float) -> Outcome:
        """Make the requests of an email in turn, until Resend does not accept one."""
        over_at = time.monotonic() + seconds
        ids: list[str] = []
        for key, request in requests.items():
            outcome = self._make(key, request, over_at, is_first=not ids)
            if not isinstance(outcome, Accepted):
                return outcome_in_part(outcome, accepted=len(ids), of=len(requests))
            ids.append(outcome.message_id)
        # As the email's events have it, of several messages the first in alphabetical order.
        return Accepted(message_id=min(filter(None, ids), default=""))

    def _make(self, key: str, request: KeptRequest, over_at: float, *, is_first: bool) -> Accepted | NotAccepted:
        while True:
            outcome = self._make_once(key, request, over_at)
            if is_first or not isinstance(outcome, Throttled) or outcome.retry_after_seconds is None:
                return outcome
            # The others have an email already. Resend counts five requests a second, so the wait is short.
            if time.monotonic() + outcome.retry_after_seconds >= over_at:
                return outcome
            time.sleep(outcome.retry_after_seconds)

    def _make_once(self, key: str, request: KeptRequest, over_at: float) -> Accepted | NotAccepted:
        headers = {**self._headers, "Idempotency-Key": key}
        try:
            answer = call("POST", self._url, headers=headers, body=request.content, seconds=over_at - time.monotonic())
        except (NotWritten, NoAnswer) as error:
            return outcome_without_answer(error, service="Resend")
        return classify(answer.status, answer.headers, answer.content, now=self._now())
