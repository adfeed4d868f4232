"""The network that calls go through is that of the settings."""

from typing import Any

from tests.deployment.conftest import Deployment

NETWORK = {"networkInterfaces": [{"network": "report-egress", "subnetwork": "report-egress"}], "egress": "ALL_TRAFFIC"}


def test_a_network_that_no_setting_names_is_a_difference_and_goes(deployed: Deployment) -> None:
    def set_network(state: dict[str, Any]) -> None:
        (name,) = [name for name in state["resources"] if name.endswith("/services/report-worker")]
        state["resources"][name]["template"]["vpcAccess"] = NETWORK

    deployed.edit(set_network)
    check = deployed.deploy("--check", "--only=worker")
    assert (check.status, "differs in function report-worker: template.vpcAccess" in check.output) == (3, True)
    assert "changed: function report-worker" in deployed.deploy("--only=worker").output
    assert "vpcAccess" not in deployed.service("worker")["template"]


def test_the_network_of_the_settings_is_that_of_each_service_and_restored(deployed: Deployment) -> None:
    deployed.settings |= {"VPC_NETWORK": "report-egress", "VPC_SUBNET": "report-egress", "VPC_EGRESS": "all-traffic"}
    assert deployed.deploy().status == 0
    services = [each for each in deployed.state["resources"].values() if "template" in each and "generation" in each]
    assert len(services) >= 3
    assert all(each["template"]["vpcAccess"] == NETWORK for each in services)
    assert (deployed.deploy().status, deployed.changes) == (0, [])
    deployed.settings["VPC_EGRESS"] = ""
    check = deployed.deploy("--check", "--only=worker")
    assert (check.status, "differs in function report-worker: template.vpcAccess.egress" in check.output) == (3, True)


def test_a_way_out_needs_a_network(deployed: Deployment) -> None:
    deployed.settings["VPC_EGRESS"] = "all-traffic"
    assert "VPC_EGRESS: needs VPC_NETWORK or VPC_SUBNET" in deployed.deploy().errors
    deployed.settings |= {"VPC_EGRESS": "all", "VPC_SUBNET": "my subnet"}
    errors = deployed.deploy().errors
    assert "VPC_EGRESS: private-ranges-only or all-traffic." in errors
    assert "VPC_SUBNET: a subnet's name, or projects/" in errors
