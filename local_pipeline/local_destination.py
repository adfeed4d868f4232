"""The destinations beside email that the local cloud has."""

from collections.abc import Mapping
from enum import StrEnum

from local_pipeline.addresses import HOST
from local_pipeline.environment import Environment
from local_pipeline.inbox.elsewhere import SLACK_CHANNEL, WEBHOOK_PATH

BUCKET = "local-reports"


class LocalDestination(StrEnum):
    """Where reports go: `destination` of a subscription's `deliver`."""

    WEBHOOK = "webhook"
    GCS = "gcs"
    SLACK = "slack"
    CHAT = "chat"
    TEAMS = "teams"


def deliver_of(destination: LocalDestination, environment: Environment) -> Mapping[str, str]:
    """The field `deliver` of a subscription whose reports go there.

    Args:
        destination: which.
        environment: of the local cloud, whose secrets have the names of the destinations.
    """
    match destination:
        case LocalDestination.WEBHOOK:
            url = f"http://{HOST}:{environment.ports.inbox}{WEBHOOK_PATH}"
            return {"destination": destination.value, "url": url, "secret": "webhook"}
        case LocalDestination.GCS:
            return {"destination": destination.value, "bucket": BUCKET, "prefix": "reports/"}
        case LocalDestination.SLACK:
            return {"destination": destination.value, "channel": SLACK_CHANNEL, "secret": "slack"}
        case LocalDestination.CHAT | LocalDestination.TEAMS:
            return {"destination": destination.value, "secret": destination.value}
