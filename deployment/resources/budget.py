"""A monthly budget for the project, where BUDGET says how much. It is a resource of the billing account.

https://cloud.google.com/billing/docs/how-to/budgets
"""

from deployment.engine.declared import Declared, Kind, NameOf
from deployment.engine.discovery import method
from deployment.engine.google_client import GoogleClient
from deployment.resources.monitoring import channel_of
from deployment.settings import Settings
from deployment.templates import filled

BUDGET = Kind(api="billingbudgets", version="v1", collection="billingAccounts.budgets")


def budget(settings: Settings, client: GoogleClient) -> list[Declared]:
    """The budget, if there is to be one. Without BUDGET nobody asks for the billing account, to which the one who
    deploys may have no way."""
    if not settings.budget:
        return []
    asked = method("cloudbilling", "v1", "projects.getBillingInfo").request(f"projects/{settings.project_id}")
    # Nobody can say it in a dry run that is to turn the interface on first.
    billing = client.read(asked) or {"billingAccountName": "billingAccounts/-"}
    # At most 60 characters.
    title = f"Reports: {settings.prefix}, {settings.project_id}"
    # A budget takes no other channels than those of email.
    channels = [NameOf(channel_of(settings).what)] if settings.alert_email else []
    values = {"BUDGET": settings.budget, "PROJECT_NUMBER": settings.project_number, "CHANNELS": channels}
    return [
        Declared(
            what=f'budget "{title}"',
            kind=BUDGET,
            parent=billing["billingAccountName"],
            fields={"displayName": title, **filled("budget.json", values)},
            found_by={"displayName": title},
        )
    ]
