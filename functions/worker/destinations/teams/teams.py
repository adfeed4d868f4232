"""Posts to Microsoft Teams by a workflow of Power Automate, "When a Teams webhook request is received": Microsoft has
ended the connectors of Office 365.

A workflow has no idempotency key, and answers 202 when it has begun: a card that it then cannot post shows in the
workflow's own run history alone.
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
https://support.microsoft.com/office/create-incoming-webhooks-with-workflows-for-microsoft-teams-8ae491c7-0394-4861-ba59-055e33f75498
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from functions.shared.records.deliver import Deliver
from functions.worker.destinations.outcome import Outcome, Refused
from functions.worker.destinations.parcel import Parcel
from functions.worker.destinations.teams.card import MOST_BYTES, body
from functions.worker.destinations.webhook_url import post


class Teams:
    """Posts reports by a workflow. Safe for threads.

    Args:
        deliver: the name of the secret with the workflow's URL.
        secrets: the values of all secrets, by name.
        now: the present, in UTC.
    """

    def __init__(self, deliver: Deliver, secrets: Mapping[str, str], *, now: Callable[[], datetime]) -> None:
        self._name = deliver.secret
        self._now = now
        self._url = secrets.get(deliver.secret, "").strip()

    def send(self, report: Parcel, /, *, seconds: float) -> Outcome:
        """Post a report."""
        content = body(report)
        if len(content) > MOST_BYTES:
            return Refused(error=f"the message has {len(content)} bytes, and Teams takes {MOST_BYTES}")
        return post(self._url, content, service="Teams", secret=self._name, seconds=seconds, now=self._now)
