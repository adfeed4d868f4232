"""What docs/guides/deployment.md has people set on a service by hand, which `./deploy.sh` leaves alone."""

from typing import Any

from tests.deployment.conftest import Deployment

NETWORK = {"networkInterfaces": [{"network": "report-egress", "subnetwork": "report-egress"}], "egress": "ALL_TRAFFIC"}


def test_a_fixed_address_for_outgoing_calls_survives_deployments(deployed: Deployment) -> None:
    def set_network(state: dict[str, Any]) -> None:
        (name,) = [name for name in state["resources"] if name.endswith("/services/report-worker")]
        state["resources"][name]["template"]["vpcAccess"] = NETWORK

    deployed.edit(set_network)
    assert "Created: 0, changed: 0, removed: 0" in deployed.deploy("--only=worker").output
    deployed.settings["LOG_LEVEL"] = "DEBUG"
    assert "changed: function report-worker" in deployed.deploy("--only=worker").output
    assert deployed.service("worker")["template"]["vpcAccess"] == NETWORK
