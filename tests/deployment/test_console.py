"""deploy.sh deploys the console where it is asked to, behind Identity-Aware Proxy, and for whom the settings name."""

from pathlib import Path
from typing import Any

import pytest

from operations.console.deployed import ConsoleSettings
from tests.deployment.conftest import PROJECT, Deployment, FirstDeployment

PLACE = f"projects/{PROJECT}/locations/us-central1"
DOMAIN = f"{PROJECT}.iam.gserviceaccount.com"

NUMBER = "123456789012"
SERVICE = f"{PLACE}/services/report-console"
URL = f"https://report-console-{NUMBER}.us-central1.run.app"
IAP_ACCOUNT = f"service-{NUMBER}@gcp-sa-iap.iam.gserviceaccount.com"
LOOKING = {
    ("project", "roles/datastore.viewer"),
    (f"{PLACE}/services/report-dispatcher", "roles/run.viewer"),
    (f"{PLACE}/services/report-worker", "roles/run.viewer"),
    (f"{PLACE}/queues/reports", "roles/cloudtasks.viewer"),
    (f"projects/{PROJECT}/secrets/report-console-key", "roles/secretmanager.secretAccessor"),
}
SETTINGS = {"CONSOLE_OPERATORS": "ada@example.com", "CONSOLE_VIEWERS": "grace@example.com, group:all@example.com"}
ACTING = {
    ("project", "roles/datastore.user"),
    *(
        (f"{PLACE}/queues/reports", f"roles/cloudtasks.{role}")
        for role in ("enqueuer", "taskRunner", "taskDeleter", "queueAdmin")
    ),
    (f"projects/{PROJECT}/serviceAccounts/report-tasks@{DOMAIN}", "roles/iam.serviceAccountUser"),
    (f"projects/{PROJECT}/secrets/report-sendgrid-api-key", "roles/secretmanager.secretAccessor"),
}


@pytest.fixture
def console(deployed: Deployment) -> Deployment:
    """A project that was deployed without the console, and settings that name who may open it."""
    deployed.settings |= SETTINGS
    return deployed


@pytest.fixture(scope="session")
def with_console(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, first_deployment: FirstDeployment
) -> dict[str, Any]:
    """What a project holds to which the console was added."""
    directory = tmp_path_factory.mktemp("console")
    deployment = Deployment(directory, repository=repository, state=first_deployment.state)
    deployment.settings |= SETTINGS
    outcome = deployment.deploy("--console")
    assert outcome.status == 0, outcome.text
    return deployment.state


@pytest.fixture
def deployed_console(console: Deployment, with_console: dict[str, Any]) -> Deployment:
    """A project that was deployed with the console."""
    console.edit(lambda state: state.update(with_console))
    return console


def roles(deployment: Deployment) -> set[tuple[str, str]]:
    """What the console's account may do, and where."""
    account = f"serviceAccount:report-console@{DOMAIN}"
    policies: dict[str, Any] = deployment.state["policies"]
    return {(name, role) for name, policy in policies.items() for role, member, *_ in policy if member == account}


def callers(deployment: Deployment) -> set[tuple[str, str]]:
    """Who may call the service, by which role."""
    return {(role, member) for role, member, *_ in deployment.state["policies"][SERVICE]}


def admitted(deployment: Deployment) -> set[str]:
    """Whom Identity-Aware Proxy lets in."""
    policy = deployment.state["policies"].get(f"iap/{SERVICE}", [])
    return {member for role, member, *_ in policy if role == "roles/iap.httpsResourceAccessor"}


def test_the_console_comes_and_goes(console: Deployment) -> None:
    before = console.state
    dry = console.deploy("--console", "--dry-run")
    assert dry.status == 0, dry.text
    assert "    run.projects.locations.services.create " in dry.output
    assert console.state == before

    outcome = console.deploy("--console")
    assert outcome.status == 0, outcome.text
    assert f"  Console     {URL}\n" in outcome.output
    assert callers(console) == {("roles/run.invoker", f"serviceAccount:{IAP_ACCOUNT}")}
    assert admitted(console) == {"user:ada@example.com", "user:grace@example.com", "group:all@example.com"}
    assert roles(console) == LOOKING | ACTING
    given = console.environment_of("console")
    assert given == {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "FIRESTORE_DATABASE": "(default)",
        "LOCATION": "us-central1",
        "PREFIX": "report",
        "LOG_LEVEL": "INFO",
        "CONSOLE_URL": URL,
        "CONSOLE_AUDIENCE": f"/projects/{NUMBER}/locations/us-central1/services/report-console",
        "CONSOLE_OPERATORS": "ada@example.com",
        "CONSOLE_KEY": "report-console-key:1",
    }
    assert console.environment_of("dlq-handler")["CONSOLE_URL"] == URL, "alerts link to it"
    fields = {name.lower(): value for name, value in given.items()}
    ConsoleSettings.model_validate({**fields, "console_key": "k" * 43})

    files = set(console.state["deployed_files"]["report-console"])
    top = {"Procfile", ".python-version", "requirements.txt", "scheduler.yaml", "functions/__init__.py"}
    assert top | {"operations/console/deployed.py", "operations/console/templates/page.html"} <= files
    folders = ("functions/shared/", "functions/worker/", "report_kit/", "kinds/", "operations/")
    assert all(file.startswith(folders) and "__pycache__" not in file for file in files - top)

    again = console.deploy("--console", "--verbose")
    assert again.status == 0, again.text
    assert console.changes == []

    removed = console.deploy("--teardown", answer=f"{PROJECT}\n")
    assert removed.status == 0, removed.text
    assert not [name for name in console.state["resources"] if "report-console" in name]
    assert roles(console) == set()


def test_in_no_organization_it_needs_a_client(bare: Deployment) -> None:
    words = "Warning: this project is in no organization: nobody can open the console before it has an OAuth client"
    bare.settings |= SETTINGS
    bare.edit(lambda state: state.update(parent="", enabled=[*state["enabled"], "cloudresourcemanager.googleapis.com"]))
    # Before a run writes anything, and at its end, where it is not missed.
    outcome = bare.deploy("--console", "--dry-run")
    assert (outcome.status, bare.changes) == (0, []), outcome.text
    assert outcome.errors.startswith(words)
    assert outcome.errors.count(words) == 2
    assert "no organization" not in bare.deploy("--dry-run").errors


def test_without_operators_it_may_do_nothing(deployed_console: Deployment) -> None:
    deployed_console.settings["CONSOLE_OPERATORS"] = ""
    deployed_console.edit(
        lambda state: state["policies"][f"iap/{SERVICE}"].append(
            ["roles/iap.httpsResourceAccessor", "allUsers", "", ""]
        )
    )
    deployed_console.edit(lambda state: state["policies"][SERVICE].append(["roles/run.invoker", "allUsers", "", ""]))
    outcome = deployed_console.deploy("--only=console")
    assert outcome.status == 0, outcome.text
    assert roles(deployed_console) == LOOKING
    assert admitted(deployed_console) == {"user:grace@example.com", "group:all@example.com"}
    assert callers(deployed_console) == {("roles/run.invoker", f"serviceAccount:{IAP_ACCOUNT}")}
    assert "CONSOLE_OPERATORS" not in deployed_console.environment_of("console")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("iapEnabled",), False),
        (("template", "scaling", "maxInstanceCount"), 7),
        (("terminalCondition", "state"), "CONDITION_FAILED"),
        (("template", "containers"), []),
    ],
)
def test_what_was_changed_by_hand_is_mended(deployed_console: Deployment, path: tuple[str, ...], value: Any) -> None:
    def change(state: dict[str, Any]) -> None:
        place = state["resources"][SERVICE]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    before = deployed_console.state
    deployed_console.edit(change)
    assert deployed_console.deploy("--only=console").status == 0
    assert deployed_console.changes[-1] == "run.projects.locations.services.patch report-console"
    assert deployed_console.state["policies"] == before["policies"]
    assert deployed_console.deploy("--only=console").status == 0
    assert deployed_console.changes == []


def test_without_the_option_it_is_left_alone(deployed_console: Deployment) -> None:
    before = deployed_console.state
    deployed_console.settings["CONSOLE_OPERATORS"] = "someone-else@example.com"
    assert deployed_console.deploy("--only=functions").status == 0
    assert (deployed_console.changes, deployed_console.state) == ([], before)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"CONSOLE_OPERATORS": "", "CONSOLE_VIEWERS": ""}, "say in deploy.env who may open the console"),
        ({"CONSOLE_OPERATORS": "group:all@example.com"}, "CONSOLE_OPERATORS: group:all@example.com is not an email"),
        ({"CONSOLE_VIEWERS": "allUsers"}, "CONSOLE_VIEWERS: allUsers is none of"),
    ],
)
def test_a_wrong_setting_is_named(bare: Deployment, settings: dict[str, str], words: str) -> None:
    bare.settings |= settings
    outcome = bare.deploy("--console")
    assert (outcome.status, bare.changes) == (1, [])
    assert words in outcome.errors


@pytest.mark.parametrize("options", [("--console", "--only=worker"), ("--console", "--teardown")])
def test_options_that_do_not_go_together(bare: Deployment, options: tuple[str, ...]) -> None:
    outcome = bare.deploy(*options)
    assert (outcome.status, bare.calls) == (2, [])
