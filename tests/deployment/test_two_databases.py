"""deploy.sh with a database of its own for the pipeline's collections: what is made in which, and who may use which."""

import re
from typing import Any

from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.google_server import GoogleServer
from tests.deployment.test_deploy import DOMAIN, _fill

OF_PIPELINE = {"deliveries", "mail_events", "runs", "dead_letters", "alerts", "system_alerts", "operator_actions"}
OF_USERS = {"users", "report_subscriptions", "event_figures", "usage", "usage_figures"}
BOTH = {"(default)", "reports"}
DATASTORE = re.compile(rf'resource\.name=="projects/{PROJECT}/databases/([^"]+)"')


def granted(deployment: Deployment, account: str) -> dict[str, set[str]]:
    """The databases on which an account has a role, by role."""
    found: dict[str, set[str]] = {}
    for role, member, _, condition in deployment.state["policies"]["project"]:
        if member == f"serviceAccount:report-{account}@{DOMAIN}" and role.startswith("roles/datastore."):
            [database] = DATASTORE.findall(condition)
            found.setdefault(role.removeprefix("roles/datastore."), set()).add(database)
    return found


def told(deployment: Deployment, name: str) -> dict[str, str]:
    """The databases that the environment of a function, or of the console, names."""
    service = deployment.resource(f"/services/report-{name}")
    (container,) = service["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if each["name"].endswith("_DATABASE")}


def groups(deployment: Deployment, database: str) -> set[str]:
    """The collection groups that have indexes, exemptions or TTL policies in a database."""
    names: Any = deployment.state["resources"]
    found = (re.search(rf"/databases/{re.escape(database)}/collectionGroups/([^/]+)/", name) for name in names)
    return {each[1] for each in found if each}


def test_the_pipelines_collections_move_to_a_database_of_their_own(
    deployed: Deployment, firestore: GoogleServer
) -> None:
    _fill(firestore)
    before = _fill(firestore, "reports")
    deployed.settings |= {"PIPELINE_DATABASE": "reports", "CONSOLE_VIEWERS": "grace@example.com"}
    deployed.settings |= firestore.environment_of("firestore", "firebaserules")
    outcome = deployed.deploy("--console")
    assert outcome.status == 0, outcome.text
    assert deployed.resource("/databases/reports")["type"] == "FIRESTORE_NATIVE"
    assert (groups(deployed, "reports"), groups(deployed, "(default)") >= OF_USERS) == (OF_PIPELINE, True)
    for name in ("dispatcher", "worker"):
        assert granted(deployed, name) == {"user": BOTH}, name
        assert told(deployed, name) == {"FIRESTORE_DATABASE": "(default)", "PIPELINE_DATABASE": "reports"}
    # What needs no users has no way to them any more.
    assert (granted(deployed, "dlq-handler"), told(deployed, "dlq-handler")) == (
        {"user": {"reports"}},
        {"PIPELINE_DATABASE": "reports"},
    )
    assert "roles/datastore.user on the database (default) for report-dlq-handler@" in outcome.output
    assert (granted(deployed, "console"), told(deployed, "console")) == (
        {"viewer": {"reports"}},
        {"PIPELINE_DATABASE": "reports"},
    )

    deployed.settings["CONSOLE_OPERATORS"] = "ada@example.com"
    outcome = deployed.deploy("--console", "--firestore-rules")
    assert outcome.status == 0, outcome.text
    releases = f"firebaserules/projects/{PROJECT}/releases/cloud.firestore"
    assert {releases, f"{releases}/reports"} <= firestore.resources.keys()
    assert (granted(deployed, "console"), told(deployed, "console")) == (
        {"viewer": BOTH, "user": BOTH},
        {"FIRESTORE_DATABASE": "(default)", "PIPELINE_DATABASE": "reports"},
    )
    assert [each for each in deployed.changes if each.startswith(("firestore", "run deploy"))] == [
        "run deploy report-console"
    ]

    deployed.settings["CONSOLE_OPERATORS"] = ""
    assert deployed.deploy("--only=console").status == 0
    assert granted(deployed, "console") == {"viewer": {"reports"}}

    outcome = deployed.deploy("--teardown", "--delete-data", answer=f"{PROJECT}\n")
    assert outcome.status == 0, outcome.text
    assert "the database (default) with its users and rules, the database reports" in outcome.output
    assert {name for name in before if name not in firestore.resources} == {
        name for name in before if "/reports/" in name and "/users/" not in name
    }
    assert (groups(deployed, "(default)"), groups(deployed, "reports")) == (set(), set())


def test_a_new_project_has_each_collection_in_one_database(bare: Deployment) -> None:
    # With mail events, and with the recipient's page.
    bare.settings |= {"PIPELINE_DATABASE": "reports", "MAIL_EVENTS": "bounce", "MAIL_WITHOUT_UNSUBSCRIBE": "false"}
    for step in ("apis", "firestore", "accounts"):
        assert bare.deploy(f"--only={step}").status == 0
    assert (groups(bare, "(default)"), groups(bare, "reports")) == (OF_USERS, OF_PIPELINE)
    assert (granted(bare, "mail-events"), granted(bare, "preferences")) == ({"user": BOTH}, {"user": {"(default)"}})


def test_what_is_no_database_is_refused(bare: Deployment) -> None:
    bare.settings["PIPELINE_DATABASE"] = "Reports"
    outcome = bare.deploy()
    assert (outcome.status, "PIPELINE_DATABASE: (default), or 4 to 63" in outcome.text) == (1, True)
