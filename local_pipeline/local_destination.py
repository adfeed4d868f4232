"""The destinations beside email that the local cloud has."""

from collections.abc import Mapping
from enum import StrEnum

from local_pipeline.inbox.elsewhere import SLACK_CHANNEL, WEBHOOK_PATH

BUCKET = "local-reports"


class LocalDestination(StrEnum):
    """Where reports go: `destination` of a subscription's `deliver`."""

    WEBHOOK = "webhook"
    GCS = "gcs"
    SLACK = "slack"
    CHAT = "chat"
    TEAMS = "teams"


def deliver_of(destination: LocalDestination, inbox_url: str) -> Mapping[str, str]:
    """The field `deliver` of a subscription whose reports go there. Secrets have the names of the destinations.

    Args:
        destination: which.
        inbox_url: where the inbox is.
    """
    match destination:
        case LocalDestination.WEBHOOK:
            return {"destination": destination.value, "url": inbox_url + WEBHOOK_PATH, "secret": destination.value}
        case LocalDestination.GCS:
            return {"destination": destination.value, "bucket": BUCKET, "prefix": "reports/"}
        case LocalDestination.SLACK:
            return {"destination": destination.value, "channel": SLACK_CHANNEL, "secret": destination.value}
        case LocalDestination.CHAT | LocalDestination.TEAMS:
            return {"destination": destination.value, "secret": destination.value}
