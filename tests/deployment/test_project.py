"""A team's project is deployed with the pinned pipeline as a clone is that has the project's kinds in it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from deployment.cloud_run.sources import console_source, function_source
from tests.deployment.conftest import PROJECT, REPOSITORY, Deployment
from tests.deployment.stand_in.the_project import NO_TASKS
from tests.git import commit_all, git

KIND = "from report_kit import Skip\n\n\ndef build(request):\n    return Skip(why='nothing')\n"
INDEX = {
    "collectionGroup": "orders",
    "queryScope": "COLLECTION",
    "fields": [{"fieldPath": "paid", "order": "ASCENDING"}, {"fieldPath": "at", "order": "DESCENDING"}],
}


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A project with one kind, and a package that only this kind needs."""
    folder = tmp_path / "acme-reports"
    kind = folder / "kinds" / "sales"
    kind.mkdir(parents=True)
    (folder / "kinds" / "__init__.py").touch()
    (folder / "kinds" / "kinds.json").write_text("{}\n", encoding="utf-8")
    (kind / "__init__.py").write_text(KIND, encoding="utf-8")
    (kind / "needs.yaml").write_text("packages: [lonely==1.0, structlog]\n", encoding="utf-8")
    lock = "lonely==1.0 \\\n    --hash=sha256:00\nstructlog==0.1 \\\n    --hash=sha256:11\n"
    (folder / "kinds.lock").write_text(lock, encoding="utf-8")
    git(folder, "init", "--quiet")
    commit_all(folder)
    return folder


def test_the_source_is_that_of_a_clone_with_these_kinds(team: Path, tmp_path: Path, repository: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(repository, clone, symlinks=True)
    shutil.rmtree(clone / "kinds")
    shutil.copytree(team / "kinds", clone / "kinds")
    shutil.copyfile(team / "kinds.lock", clone / "kinds.lock")
    commit_all(clone)
    for function in ("worker", "preferences", "dispatcher", "dlq_handler", "mail_events", "api"):
        of_project = function_source(repository, function, team)
        assert of_project == function_source(clone, function)
        assert ("kinds/sales/__init__.py" in of_project) == (function == "worker")
    assert console_source(repository, "python314", team) == console_source(clone, "python314")
    requirements = function_source(repository, "worker", team)["requirements.txt"].decode()
    assert requirements.count("\nlonely==1.0") == 1
    assert requirements.count("\nstructlog==") == 1, "pip refuses a second pin"


def test_a_project_is_deployed_by_its_own_files(tmp_path: Path, repository: Path, team: Path) -> None:
    deployment = Deployment(tmp_path / "deployment", repository=repository)
    deployment.team = team
    deployment.settings["DEFAULT_KIND"] = "activity"
    assert deployment.deploy("--help").output.startswith("Usage: ./reports deploy [OPTION]")
    wrong = deployment.deploy()
    assert "DEFAULT_KIND: no kind of report of this name" in wrong.errors
    del deployment.settings["DEFAULT_KIND"]
    (team / "deploy.env").write_text("DEFAULT_KIND=sales\n", encoding="utf-8")
    queue = (repository / "queue.yaml").read_text(encoding="utf-8")
    (team / "queue.yaml").write_text(queue, encoding="utf-8")
    dirty = deployment.deploy()
    assert "The project is no clean commit: queue.yaml. Commit the changes" in dirty.errors
    of_kind = {**INDEX, "collectionGroup": "invoices"}
    for file, indexes in {
        "firestore.indexes.json": [INDEX],
        "kinds/sales/firestore.indexes.json": [of_kind, INDEX],
    }.items():
        (team / file).write_text(json.dumps({"indexes": indexes}), encoding="utf-8")
    commit_all(team)
    outcome = deployment.deploy()
    assert outcome.status == 0, outcome.text
    collections = {name.split("/")[5] for name in deployment.state["resources"] if "/indexes/" in name}
    assert {"invoices", "orders", "deliveries"} <= collections, "the project's indexes are added to the pipeline's"
    assert "usage" not in collections, "no index is for a kind that is not the project's"
    labels = deployment.service("worker")["labels"]
    assert labels["project"] == git(team, "rev-parse", "HEAD").strip()
    assert labels["commit"] != labels["project"]
    assert "kinds/sales/__init__.py" in deployment.state["deployed_files"]["report-worker"]
    assert "kinds/activity/__init__.py" not in deployment.state["deployed_files"]["report-worker"]
    again = deployment.deploy()
    assert "Done. Created: 0, changed: 0, removed: 0" in again.output


def test_the_workflow_of_a_project_deploys_it(
    tmp_path: Path, repository: Path, team: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(team)
    deployment = Deployment(tmp_path / "deployment", repository=repository)
    deployment.team = team
    del deployment.settings["DEFAULT_KIND"]
    (team / "production.env").write_text("DEFAULT_KIND=sales\n", encoding="utf-8")
    workflow = yaml.safe_load((REPOSITORY / "examples" / "github-actions" / "project.yaml").read_text(encoding="utf-8"))
    ran = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    tested, *deployed = ran
    assert tested == "./reports test"
    for command in deployed:
        script, verb, *options = command.split()
        assert (script, verb) == ("./reports", "deploy")
        outcome = deployment.deploy(*options)
        assert outcome.status == 0, outcome.text
    assert deployment.service("worker")["labels"]["project"] == git(team, "rev-parse", "HEAD").strip()


@pytest.mark.parametrize("options", [(), ("--check",), ("--teardown",), ("--only=functions",)])
def test_another_region_than_the_pipelines_is_refused_with_words(
    deployed: Deployment, options: tuple[str, ...]
) -> None:
    deployed.settings["REGION"] = "europe-west1"
    outcome = deployed.deploy(*options, answer="my-project")
    assert (outcome.status, deployed.changes) == (1, [])
    assert "the pipeline report is in us-central1, and not in europe-west1. Set REGION=us-central1" in outcome.errors


def test_another_location_than_the_databases_is_refused_with_words(deployed: Deployment) -> None:
    deployed.settings["FIRESTORE_LOCATION"] = "eur3"
    outcome = deployed.deploy()
    assert (outcome.status, deployed.changes) == (1, [])
    assert "the database (default) is in us-central1, and cannot be moved" in outcome.errors


@pytest.mark.parametrize(("is_new", "changes"), [(True, [f"serviceusage.services.batchEnable {PROJECT}"]), (False, [])])
def test_a_region_without_a_service_is_refused_before_anything_is_made(
    bare: Deployment, *, is_new: bool, changes: list[str]
) -> None:
    bare.settings["REGION"] = NO_TASKS
    if not is_new:
        bare.deploy("--only=apis")
    outcome = bare.deploy()
    assert (outcome.status, bare.changes) == (1, changes)
    assert (
        f"Region {NO_TASKS} is not one of those of Cloud Tasks; choose one: asia-east1 europe-west1" in outcome.errors
    )


def test_a_prefix_that_makes_the_id_of_an_account_too_short_is_refused(bare: Deployment) -> None:
    bare.settings["PREFIX"] = "r"
    outcome = bare.deploy()
    assert (outcome.status, bare.changes) == (1, [])
    assert "PREFIX: 2 to 18 lower-case letters" in outcome.errors
