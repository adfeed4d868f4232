"""The budget that `./deploy.sh` makes for the project on request."""

import pytest

from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.stand_in.the_project import BILLING_ACCOUNT


def test_a_budget_is_made_once_changed_and_removed(deployed: Deployment) -> None:
    deployed.settings |= {"BUDGET": "100", "ALERT_EMAIL": "ops@example.com"}
    before = deployed.state
    dry = deployed.deploy("--dry-run")
    assert "to be created: API billingbudgets" in dry.output
    assert f'to be created: budget "Reports: report, {PROJECT}"' in dry.output
    assert deployed.state == before

    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    budget = deployed.resource(f"{BILLING_ACCOUNT}/budgets/{deployed.state['count']}")
    assert budget["amount"]["specifiedAmount"]["units"] == "100"
    assert budget["budgetFilter"]["projects"] == ["projects/123456789012"]
    assert [(rule["thresholdPercent"], rule["spendBasis"]) for rule in budget["thresholdRules"]] == [
        *((percent, "CURRENT_SPEND") for percent in (0.5, 0.9, 1.0)),
        (1.0, "FORECASTED_SPEND"),
    ]
    (channel,) = [name for name in deployed.state["resources"] if "/notificationChannels/" in name]
    assert budget["notificationsRule"] == {"monitoringNotificationChannels": [channel]}

    again = deployed.deploy("--only=monitoring")
    assert "Created: 0, changed: 0, removed: 0" in again.output

    deployed.settings["BUDGET"] = "250"
    assert deployed.deploy("--only=monitoring").status == 0
    assert [change for change in deployed.changes if "billing" in change] == [
        f"billingbudgets.billingAccounts.budgets.patch {budget['name'].rpartition('/')[2]}"
    ]
    changed = deployed.resource(budget["name"])
    assert changed["amount"]["specifiedAmount"]["units"] == "250"
    assert changed["thresholdRules"] == budget["thresholdRules"]

    removal = deployed.deploy("--teardown", answer=f"{PROJECT}\n")
    assert removal.status == 0, removal.text
    assert budget["name"] not in deployed.state["resources"]


def test_without_a_budget_the_billing_account_is_left_alone(deployed: Deployment) -> None:
    deployed.deploy("--only=monitoring")
    assert not [call for call in deployed.calls if call[0].startswith("billingbudgets")]


@pytest.mark.parametrize("amount", ["0", "99.50"])
def test_a_budget_is_whole_units(bare: Deployment, amount: str) -> None:
    bare.settings["BUDGET"] = amount
    assert "BUDGET: whole units" in bare.deploy("--dry-run").errors
