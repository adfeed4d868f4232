"""What the service refuses of budgets, though its discovery document allows it.

https://cloud.google.com/billing/docs/reference/budget/rest/v1/billingAccounts.budgets
"""

from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.rest_request import Resource

_MOST_CHANNELS = 5
_LONGEST_TITLE = 60


def check_budget(state: Resource, budget: Resource) -> None:
    """Check a budget.

    Args:
        state: the project's.
        budget: as it is to be.

    Raises:
        Invalid: the service refuses it.
    """
    if len(budget["displayName"]) > _LONGEST_TITLE:
        raise Invalid(f"display_name is longer than {_LONGEST_TITLE} characters: {budget['displayName']}")
    channels = budget.get("notificationsRule", {}).get("monitoringNotificationChannels", [])
    if len(channels) > _MOST_CHANNELS or any(state["resources"][name]["type"] != "email" for name in channels):
        raise Invalid("notifications_rule.monitoring_notification_channels")
