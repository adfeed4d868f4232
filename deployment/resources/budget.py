"""A monthly budget for the project, where BUDGET says how much. It is a resource of the billing account.

https://cloud.google.com/billing/docs/how-to/budgets
"""

from deployment.engine.declared import Declared, Kind, NameOf
from deployment.engine.discovery import Resource, method
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
    # Nobody can say it in a dry run that is to turn the interface on first.
    billing = billing_of(client, settings.project_id) or {"billingAccountName": "billingAccounts/-"}
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
            fields={"displayName": title, **filled(settings.folder, "budget.json", values)},
            found_by={"displayName": title},
        )
    ]


def billing_of(client: GoogleClient, project: str) -> Resource | None:
    """The billing account of a project, and whether it is charged; None where the interface is off and may be."""
    return client.read(method("cloudbilling", "v1", "projects.getBillingInfo").request(f"projects/{project}"))
