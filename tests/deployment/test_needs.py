"""deploy.sh gives the worker what the kinds of report need, and takes it back."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployment.package_lock import packages_of
from tests.deployment.conftest import PROJECT, Deployment, FirstDeployment, environment_of

NEEDS = """\
settings:
  SALES_CURRENCY: {about: What amounts are in., default: EUR}
  SALES_REGION: {about: Which region.}
secrets:
  SALES_DATABASE_URL: {about: The database of the shop., local: "sqlite:///sales.db"}
roles:
  - {role: roles/bigquery.jobUser, on: project}
  - {role: roles/bigquery.dataViewer, on: dataset, name: analytics}
  - {role: roles/storage.objectViewer, on: bucket, name: my-bucket}
  - {role: roles/cloudsql.client, on: instance, name: shop}
"""
URL = "postgresql://reader:hidden@db.example/shop"
WORKER = f"serviceAccount:report-worker@{PROJECT}.iam.gserviceaccount.com"
SECRET = f"projects/{PROJECT}/secrets/report-sales-database-url"
MARK = 'request.time >= timestamp("2000-01-01T00:00:00Z")'


def make_checkout(repository: Path, copy: Path) -> Path:
    """Make a repository with the kind `sales`."""
    # Links take a tenth of the time. Who writes into a file that is there takes it away first.
    shutil.copytree(repository, copy, copy_function=os.link)
    write(copy, NEEDS)
    return copy


def make_deployment(directory: Path, checkout: Path, state: dict[str, Any]) -> Deployment:
    """Make a project in a state, with the variables that the kind needs."""
    deployment = Deployment(directory, repository=checkout, state=state, commits=True)
    deployment.settings["SALES_REGION"] = "eu"
    deployment.secrets["SALES_DATABASE_URL"] = URL
    return deployment


@pytest.fixture
def checkout(tmp_path: Path, repository: Path) -> Path:
    """A repository with the kind `sales`."""
    return make_checkout(repository, tmp_path / "a checkout")


@pytest.fixture
def former(tmp_path: Path, checkout: Path, first_deployment: FirstDeployment) -> Deployment:
    """A project that was deployed when there was no such kind yet."""
    return make_deployment(tmp_path / "project", checkout, first_deployment.state)


@pytest.fixture(scope="module")
def given(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, first_deployment: FirstDeployment
) -> FirstDeployment:
    """How the deployment goes that brings the kind."""
    directory = tmp_path_factory.mktemp("given")
    checkout = make_checkout(repository, directory / "a checkout")
    deployment = make_deployment(directory / "project", checkout, first_deployment.state)
    outcome = deployment.deploy()
    return FirstDeployment(outcome=outcome, state=deployment.state, calls=deployment.calls)


@pytest.fixture
def deployed(tmp_path: Path, checkout: Path, given: FirstDeployment) -> Deployment:
    """A project that was deployed with the kind."""
    assert given.outcome.status == 0, given.outcome.text
    return make_deployment(tmp_path / "project", checkout, given.state)


def write(checkout: Path, needs: str, *, kind: str = "sales") -> None:
    """Have the kind need something else; nothing at all: it is gone."""
    folder = checkout / "kinds" / kind
    shutil.rmtree(folder, ignore_errors=True)
    if needs:
        folder.mkdir()
        (folder / "needs.yaml").write_text(needs, encoding="utf-8")


def roles(state: dict[str, Any]) -> set[tuple[str, str, str]]:
    """The worker's roles for kinds: role, title and expression of each."""
    return {
        (role, title, expression)
        for role, member, title, expression in state["policies"]["project"]
        if member == WORKER and "kinds" in title
    }


def variables(state: dict[str, Any], function: str = "worker") -> dict[str, str]:
    """What a function is deployed with."""
    name = next(name for name in state["resources"] if name.endswith(f"/services/report-{function}"))
    return environment_of(state["resources"][name])


def test_the_worker_gets_what_a_kind_needs(given: FirstDeployment) -> None:
    assert given.outcome.status == 0, given.outcome.text
    dataset, bucket = f"projects/{PROJECT}/datasets/analytics", "projects/_/buckets/my-bucket"
    instance = f"projects/{PROJECT}/instances/shop"
    assert roles(given.state) == {
        ("roles/bigquery.jobUser", "report-kinds", MARK),
        (
            *("roles/bigquery.dataViewer", "report-kinds-dataset-analytics"),
            f'resource.name == "{dataset}" || resource.name.startsWith("{dataset}/")',
        ),
        (
            *("roles/storage.objectViewer", "report-kinds-bucket-my-bucket"),
            f'resource.name == "{bucket}" || resource.name.startsWith("{bucket}/")',
        ),
        (
            *("roles/cloudsql.client", "report-kinds-instance-shop"),
            f'resource.name == "{instance}" || resource.name.startsWith("{instance}/")',
        ),
    }
    assert given.state["policies"][SECRET] == [["roles/secretmanager.secretAccessor", WORKER, "", ""]]
    worker = variables(given.state)
    assert worker["SALES_REGION"] == "eu"
    # Its own default holds.
    assert "SALES_CURRENCY" not in worker
    assert worker["SALES_DATABASE_URL"] == "report-sales-database-url:1"
    assert not any(name.startswith("SALES") for name in variables(given.state, "dispatcher"))
    assert "hidden" not in given.outcome.text + "".join(" ".join(call) for call in given.calls)


def test_the_worker_alone_is_connected_to_the_databases_of_kinds(given: FirstDeployment) -> None:
    services = {
        name.rpartition("/")[2]: each["template"]
        for name, each in given.state["resources"].items()
        if "template" in each and name.rpartition("/")[0].endswith("/services")
    }
    worker = services.pop("report-worker")
    connection = f"{PROJECT}:us-central1:shop"
    assert worker["volumes"] == [{"name": "cloudsql", "cloudSqlInstance": {"instances": [connection]}}]
    assert worker["containers"][0]["volumeMounts"] == [{"name": "cloudsql", "mountPath": "/cloudsql"}]
    assert services
    assert not any(each.get("volumes") for each in services.values())
    assert "sqladmin.googleapis.com" in given.state["enabled"]


def test_a_second_run_changes_nothing_and_needs_no_secret_that_is_stored(deployed: Deployment) -> None:
    del deployed.secrets["SALES_DATABASE_URL"]
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    assert deployed.changes == []


def test_what_no_kind_declares_any_more_is_taken_back(
    deployed: Deployment, checkout: Path, first_deployment: FirstDeployment
) -> None:
    by_hand = ["roles/bigquery.jobUser", WORKER, "", ""]
    deployed.edit(lambda state: state["policies"]["project"].append(by_hand))
    write(checkout, NEEDS.partition("secrets:")[0] + "roles:\n  - {role: roles/bigquery.jobUser, on: project}\n")
    outcome = deployed.deploy("--only=worker")
    assert outcome.status == 0, outcome.text
    assert roles(deployed.state) == {("roles/bigquery.jobUser", "report-kinds", MARK)}
    assert deployed.state["policies"][SECRET] == []
    assert "gcloud secrets delete report-sales-database-url" in outcome.output
    # As long as the former worker runs it has what it reads.
    changes = deployed.changes
    taken_back = "secretmanager.projects.secrets.setIamPolicy report-sales-database-url"
    assert changes.index("run.projects.locations.services.patch report-worker") < changes.index(taken_back)

    write(checkout, "")
    outcome = deployed.deploy("--only=worker")
    assert outcome.status == 0, outcome.text
    assert variables(deployed.state) == variables(first_deployment.state)
    before = first_deployment.state["policies"]["project"]
    assert sorted(deployed.state["policies"]["project"]) == sorted([*before, by_hand])
    assert deployed.deploy("--only=worker").status == 0
    assert deployed.changes == []


def test_a_dry_run_shows_what_is_given(former: Deployment) -> None:
    outcome = former.deploy("--dry-run")
    assert outcome.status == 0, outcome.text
    for shown in ("roles/bigquery.dataViewer on dataset analytics", "secretId=report-sales-database-url"):
        assert shown in outcome.output
    assert "hidden" not in outcome.text
    assert former.changes == []


def test_a_dry_run_shows_what_is_taken_back(deployed: Deployment, checkout: Path) -> None:
    write(checkout, "")
    outcome = deployed.deploy("--dry-run", "--only=worker")
    for shown in ("on dataset analytics for report-worker@", "secrets/report-sales-database-url", "to be removed: "):
        assert shown in outcome.output
    assert deployed.changes == []


def test_a_setting_may_come_from_the_env_file(deployed: Deployment) -> None:
    deployed.settings.pop("SALES_REGION")
    file = deployed.directory / "my.env"
    file.write_text('SALES_REGION="us"\nSALES_CURRENCY=USD\n', encoding="utf-8")
    outcome = deployed.deploy(f"--env-file={file}", "--only=worker")
    assert outcome.status == 0, outcome.text
    worker = deployed.environment_of("worker")
    assert (worker["SALES_REGION"], worker["SALES_CURRENCY"]) == ("us", "USD")


def _without(name: str) -> Callable[[Deployment, Path], None]:
    def change(deployment: Deployment, _checkout: Path) -> None:
        deployment.settings.pop(name, None)
        deployment.secrets.pop(name, None)

    return change


def _with(needs: str) -> Callable[[Deployment, Path], None]:
    return lambda _deployment, checkout: write(checkout, needs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without("SALES_REGION"), "SALES_REGION is not set, and the kind sales needs it (Which region)"),
        (_without("SALES_DATABASE_URL"), "SALES_DATABASE_URL is not set, and the kind sales needs it (The database of"),
        (
            _with("settings:\n  A_B: {default: x}\n"),
            "kinds/sales/needs.yaml, line 2: A_B: needs about",
        ),
        (_with("settings:\n  MAIL_FROM: {about: x}\n"), "MAIL_FROM: is a variable of the pipeline's own"),
        (_with("settings:\n  WORKER_URL: {about: x}\n"), "WORKER_URL: is a variable of the pipeline's own"),
        (_with("packages:\n  - nowhere==1.0\n"), "the kind sales needs nowhere==1.0, which is not in "),
    ],
    ids=["setting", "secret", "malformed", "own", "given", "not locked"],
)
def test_what_is_wrong_is_said_before_anything_is_made(
    former: Deployment, checkout: Path, change: Callable[[Deployment, Path], None], said: str
) -> None:
    change(former, checkout)
    outcome = former.deploy()
    assert outcome.status == 1
    assert said in outcome.errors
    assert "Traceback" not in outcome.errors
    assert former.changes == []


def _pin(checkout: Path) -> str:
    """A package of the worker's own, with its version."""
    lock = packages_of(checkout, "functions/worker")
    return next(line.split(" ")[0] for line in lock.splitlines() if line.startswith("structlog=="))


@pytest.mark.parametrize("version", ["locked", "none"])
def test_a_package_that_is_locked_will_do(former: Deployment, checkout: Path, version: str) -> None:
    package = _pin(checkout).replace("structlog", "Structlog")
    write(checkout, f"packages:\n  - {package if version == 'locked' else package.partition('==')[0]}\n")
    outcome = former.deploy("--only=accounts")
    assert outcome.status == 0, outcome.text


def test_teardown_removes_the_secret_and_the_roles(deployed: Deployment) -> None:
    outcome = deployed.deploy("--teardown", answer=f"{PROJECT}\n")
    assert outcome.status == 0, outcome.text
    assert not any("/secrets/" in name for name in deployed.state["resources"])
    assert not any(member == WORKER for _, member, _, _ in deployed.state["policies"]["project"])


HANDLER = f"serviceAccount:report-dlq-handler@{PROJECT}.iam.gserviceaccount.com"
ACCESS = "roles/secretmanager.secretAccessor"


def test_the_dlq_handler_is_told_who_owns_a_kind(deployed: Deployment, checkout: Path) -> None:
    hook = f"projects/{PROJECT}/secrets/report-sales-hook"
    write(checkout, NEEDS.replace("secrets:\n", "secrets:\n  SALES_HOOK: {about: Slack}\n") + "owner: SALES_HOOK\n")
    deployed.secrets["SALES_HOOK"] = "https://hooks.slack.com/services/T/B/hidden"
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    handler = variables(deployed.state, "dlq-handler")
    assert json.loads(handler["KIND_OWNERS"]) == {"sales": "SALES_HOOK"}
    assert handler["SALES_HOOK"] == "report-sales-hook:1"
    assert sorted(deployed.state["policies"][hook]) == sorted([[ACCESS, WORKER, "", ""], [ACCESS, HANDLER, "", ""]])
    assert "hidden" not in outcome.text

    write(checkout, NEEDS)
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    assert "KIND_OWNERS" not in variables(deployed.state, "dlq-handler")
    assert deployed.state["policies"][hook] == []
    assert outcome.output.count("gcloud secrets delete report-sales-hook") <= 2


def test_an_owner_with_an_address_needs_a_mail_server(deployed: Deployment, checkout: Path) -> None:
    write(checkout, NEEDS + "owner: sales@corp.example\n")
    outcome = deployed.deploy()
    assert outcome.status == 1
    assert "OWNER_MAIL_URL is not set, and the owner of a kind of report is told by email" in outcome.errors
    deployed.secrets["OWNER_MAIL_URL"] = "mailtos://smtp.example?from=a@corp.example"
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    handler = variables(deployed.state, "dlq-handler")
    assert json.loads(handler["KIND_OWNERS"]) == {"sales": "sales@corp.example"}
    assert handler["OWNER_MAIL_URL"] == "report-owner-mail-url:1"
