"""The destinations beside email: the one place that chooses among them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from functions.shared.records.deliver import Deliver, DestinationName
from functions.shared.settings import DestinationSettings
from functions.worker.destinations.destination import Destination
from functions.worker.destinations.outcome import Accepted, Outcome


class Nowhere:
    """Takes the reports of sandbox subscriptions, which must reach nobody. Only email providers check what they do not
    deliver."""

    def send(self, _report: Any, /, *, seconds: float) -> Outcome:
        """Send nothing."""
        return Accepted(message_id="")


def destination_of(deliver: Deliver, settings: DestinationSettings, now: Callable[[], datetime]) -> Destination:
    """The destination of a subscription. The others are not imported.

    Args:
        deliver: which, and its address there. Only its name where no report is to be sent.
        settings: of the environment.
        now: the present, in UTC.
    """
    match deliver.destination:
        case DestinationName.WEBHOOK:
            from functions.worker.destinations.webhook.webhook import Webhook

            return Webhook(
                deliver,
                settings.destination_secrets,
                now=now,
                is_private_allowed=settings.webhook_private_addresses,
            )
        case DestinationName.GCS:
            from functions.worker.destinations.gcs.gcs import Gcs

            return Gcs(deliver)
        case DestinationName.SLACK:
            from functions.worker.destinations.slack.slack import Slack

            return Slack(deliver, settings.destination_secrets, host=settings.slack_api_url, now=now)
        case DestinationName.CHAT:
            from functions.worker.destinations.chat.chat import Chat

            return Chat(deliver, settings.destination_secrets, now=now)
        case DestinationName.TEAMS:
            from functions.worker.destinations.teams.teams import Teams

            return Teams(deliver, settings.destination_secrets, now=now)
        case other:
            raise AssertionError(f"{other} has a way of its own")


def outage_of(deliver: Deliver) -> str:
    """What fails together: the reports of one of these wait while it fails, and no others do.

    Args:
        deliver: a subscription's.
    """
    match deliver.destination:
        case DestinationName.WEBHOOK:
            return f"webhook {urlsplit(deliver.url).netloc}"
        case DestinationName.TEAMS:
            return f"teams {deliver.secret}"
        case other:
            return other.value
