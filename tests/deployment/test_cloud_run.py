"""What deploy.sh makes of Cloud Run's services, what Cloud Run refuses, and how it takes over functions of Cloud
Functions."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployment.stage_function import stage
from tests.deployment.conftest import PROJECT, REPOSITORY, Deployment, FirstDeployment
from tests.deployment.stand_in.project import Project
from tests.deployment.test_deploy import DEAD_LETTERS, DOMAIN, PLACE, planned
from tests.function_build import build

State = dict[str, Any]
TOPIC = f"projects/{PROJECT}/topics/report-dead-letters"
FUNCTIONS = ("dispatcher", "worker", "dlq-handler")
TRIGGER = f"{PLACE}/triggers/report-dlq-handler-123456"


def of_cloud_functions(state: State) -> None:
    """As `gcloud functions deploy` has left it: a function to each service, and a trigger that brings dead letters."""
    state["enabled"] += ["cloudfunctions.googleapis.com", "eventarc.googleapis.com"]
    for name in FUNCTIONS:
        function = f"{PLACE}/functions/report-{name}"
        state["resources"][function] = {"name": function}
        state["resources"][f"{PLACE}/services/report-{name}"]["metadata"]["labels"]["goog-managed-by"] = (
            "cloudfunctions"
        )
    subscription = f"projects/{PROJECT}/subscriptions/eventarc-us-central1-report-dlq-handler-123456-sub-000"
    state["resources"] |= {
        TRIGGER: {
            "name": TRIGGER,
            "destination": {"cloudFunction": f"{PLACE}/functions/report-dlq-handler"},
            "transport": {"pubsub": {"topic": TOPIC, "subscription": subscription}},
        },
        subscription: {"name": subscription, "topic": TOPIC},
    }
    del state["resources"][DEAD_LETTERS], state["policies"][DEAD_LETTERS]
    # Cloud Run goes on building such a function from the bucket that Cloud Functions has made for it.
    state["policies"]["project"].append(
        ["roles/storage.objectViewer", f"serviceAccount:report-build@{DOMAIN}", "report-source-bucket", "resource.name"]
    )


def test_functions_of_cloud_functions_are_taken_over(deployed: Deployment) -> None:
    deployed.edit(of_cloud_functions)
    alone = deployed.deploy("--only=dlq-handler")
    assert alone.status == 0, alone.text
    assert "dead letters still come through Eventarc" in alone.errors
    assert TRIGGER in deployed.state["resources"]

    dry = deployed.deploy("--dry-run")
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    assert not [name for name in deployed.state["resources"] if "/functions/" in name or "eventarc" in name]
    assert TRIGGER not in deployed.state["resources"]
    # No dead letter falls between the two.
    changes = deployed.changes
    order = [
        "pubsub.projects.subscriptions.create report-dead-letters",
        "functions detach report-worker",
        "run deploy report-worker",
        "eventarc triggers delete report-dlq-handler-123456",
    ]
    assert sorted(order, key=changes.index) == order
    assert len(planned(dry)) == len(changes)
    assert deployed.deploy().status == 0
    assert deployed.changes == []


def test_functions_of_cloud_functions_are_torn_down(deployed: Deployment) -> None:
    deployed.edit(of_cloud_functions)
    outcome = deployed.deploy("--teardown", answer=f"{PROJECT}\n")
    assert outcome.status == 0, outcome.text
    assert "functions delete report-worker" in deployed.changes
    assert [name for name in deployed.state["resources"] if "/databases/" not in name] == []


def test_an_instance_compiles_no_module_again(tmp_path: Path, first_deployment: FirstDeployment) -> None:
    (words,) = [call for call in first_deployment.calls if call[:3] == ["run", "deploy", "report-worker"]]
    (variable,) = [word.split("=", 1)[1] for word in words if word.startswith("--set-build-env-vars=")]
    stage(REPOSITORY, "worker", tmp_path)
    build(tmp_path, dict([variable.split("=")]))
    importing = [sys.executable, "-v", "-c", "import functions.shared.records.ids"]
    said = subprocess.run(importing, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    source = tmp_path / "functions" / "shared" / "records" / "ids.py"
    assert re.search(rf"matches '?{re.escape(str(source))}", said)
    assert f"bytecode is stale for {source}" not in said


def deploy_worker(directory: Path, calls: list[list[str]], *flags: str, **variables: str) -> list[str]:
    """The command that has deployed the worker, with some flags and variables replaced."""
    (directory / "main.py").touch()
    (directory / "environment.json").write_text(json.dumps(variables), encoding="utf-8")
    files = (f"--source={directory}", f"--env-vars-file={directory / 'environment.json'}")
    new = {flag.partition("=")[0]: flag for flag in (*files, *flags)}
    (words,) = [call for call in calls if call[:3] == ["run", "deploy", "report-worker"]]
    return [new.get(word.partition("=")[0], word) for word in words]


@pytest.mark.parametrize(
    ("flag", "error"),
    [
        ("--base-image=python399", "base image python399 is not supported"),
        ("--memory=64Mi", "between 512Mi and 4096Mi"),
        ("--memory=8Gi", "between 512Mi and 4096Mi"),
        ("--cpu=3", "one of [.08-1], 1.0, 2.0, 4.0, 6.0, 8.0"),
        ("--concurrency=1001", "between 1 and 1000"),
        ("--timeout=3601", "between 1 and 3600"),
        ("--min=11", "must not exceed the maximum"),
        ("--max-instances=21", "CpuAllocPerProjectRegion requested: 21000 allowed: 20000"),
        ("--update-labels=version=1.0", "version=1.0 is no label"),
        ("--set-secrets=KEY=report-other:1", "report-other"),
        ("--set-secrets=KEY=report-slack-webhook-url:1", "Permission denied on secret"),
        (f"--service-account=other@{DOMAIN}", f"other@{DOMAIN}"),
        ("--ingress=inside", "Invalid choice: 'inside'"),
    ],
)
def test_what_cloud_run_refuses(tmp_path: Path, first_deployment: FirstDeployment, flag: str, error: str) -> None:
    project = Project(first_deployment.state)
    answer = project.carry_out(deploy_worker(tmp_path, first_deployment.calls, flag), b"")
    assert answer is not None
    assert answer.status
    assert error in answer.text.decode()


def test_the_names_of_variables_that_cloud_run_keeps_to_itself(
    tmp_path: Path, first_deployment: FirstDeployment
) -> None:
    project = Project(first_deployment.state)
    answer = project.carry_out(deploy_worker(tmp_path, first_deployment.calls, PORT="1", OTHER="2"), b"")
    assert answer is not None
    assert "reserved env names were provided: PORT." in answer.text.decode()


def test_a_revision_more_with_each_deployment(deployed: Deployment) -> None:
    deployed.settings["LOG_LEVEL"] = "DEBUG"
    assert deployed.deploy("--only=worker").status == 0
    revisions = deployed.state["revisions"][f"{PLACE}/services/report-worker"]
    assert [each["metadata"]["name"] for each in revisions] == ["report-worker-00001-abc", "report-worker-00002-abc"]
    [target] = deployed.service("worker")["status"]["traffic"]
    assert target == {"revisionName": "report-worker-00002-abc", "latestRevision": True, "percent": 100}


@pytest.mark.parametrize(
    ("memory", "cpu", "error"),
    [
        ("64Mi", "1", "WORKER_MEMORY: 512Mi to 32Gi"),
        ("33Gi", "8", "WORKER_MEMORY: 512Mi to 32Gi"),
        ("6Gi", "1", "WORKER_CPU=1: with it, WORKER_MEMORY is 4Gi at most"),
        ("2Gi", "6", "WORKER_MEMORY=2Gi: with WORKER_CPU=6 it is 4Gi at least"),
        ("1Gi", "3", "WORKER_CPU: 1, 2, 4, 6 or 8"),
    ],
)
def test_a_size_that_cloud_run_refuses_is_named_before_anything_is_made(
    bare: Deployment, memory: str, cpu: str, error: str
) -> None:
    bare.settings |= {"WORKER_MEMORY": memory, "WORKER_CPU": cpu}
    outcome = bare.deploy()
    assert (outcome.status, bare.changes) == (1, [])
    assert error in outcome.errors
