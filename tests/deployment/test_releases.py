"""A canary beside the old revisions, promoting it, and rolling back."""

from typing import Any

import pytest

from tests.deployment.conftest import Deployment, FirstDeployment
from tests.deployment.stand_in.project import Project
from tests.deployment.test_deploy import PLACE
from tests.git import git

LATEST = [{"latestRevision": True, "percent": 100}]
CANARY = {"revisionName": "report-worker-00002-abc", "tag": "canary"}
HEALTHY = {
    "report-worker-00001-abc": {"answers": {"2xx": 900}, "latencies": [900, 0, 0], "results": {"sent": 900}},
    "report-worker-00002-abc": {"answers": {"2xx": 100}, "latencies": [100, 0, 0], "results": {"sent": 100}},
}
WORSE = {**HEALTHY, "report-worker-00002-abc": {"answers": {"2xx": 90, "5xx": 10}}}


def share(number: int, percent: int) -> dict[str, Any]:
    return {"revisionName": f"report-worker-0000{number}-abc", "percent": percent}


def traffic(deployment: Deployment, name: str = "worker") -> Any:
    return deployment.service(name)["spec"]["traffic"]


def watch(deployment: Deployment, *series: dict[str, Any]) -> None:
    """What Cloud Monitoring says of the revisions, with each look."""
    deployment.edit(lambda state: state.update(series=list(series)))


def test_a_canary_is_promoted_and_rolled_back(deployed: Deployment) -> None:
    deployed.settings["WORKER_MEMORY"] = "2Gi"
    watch(deployed, HEALTHY)
    outcome = deployed.deploy("--canary", "10")
    assert outcome.status == 0, outcome.text
    # Neither is the job paused, nor anything taken from the old revision.
    assert deployed.changes == ["run deploy report-worker", "run services update-traffic report-worker"]
    assert traffic(deployed) == [share(2, 10), share(1, 90), CANARY]
    assert traffic(deployed, "dispatcher") == LATEST
    assert "worker: healthy\n    100 requests to the new revision, 900 to the old one" in outcome.output
    assert "To send all traffic to it: ./deploy.sh --promote." in outcome.output

    stopped = deployed.deploy("--only=functions")
    assert (stopped.status, deployed.changes) == (1, [])
    assert "the traffic of functions is divided: worker (report-worker-00002-abc is a canary)." in stopped.errors
    checked = deployed.deploy("--check", "--only=worker")
    assert checked.status == 3, checked.text
    assert "different: 0, too many: 0, changed by hand: 1" in checked.output
    dry = deployed.deploy("--promote", "--dry-run")
    assert (dry.status, deployed.changes) == (0, [])
    assert "update-traffic report-worker --region=us-central1 --to-latest --remove-tags=canary" in dry.output

    assert deployed.deploy("--promote").status == 0
    assert traffic(deployed) == LATEST
    again = deployed.deploy("--promote")
    assert (again.status, deployed.changes) == (0, [])

    back = deployed.deploy("--rollback")
    assert back.status == 0, back.text
    assert deployed.changes == ["run services update-traffic report-worker"]
    assert traffic(deployed) == [share(1, 100)]
    commit = git(deployed.repository, "rev-parse", "HEAD")[:12]
    assert f"commit {commit}) back to report-worker-00001-abc (made 2026-11-24T13:01Z, commit {commit})" in back.output
    assert "dispatcher: stays: the last deployment did not change it" in back.output

    # From the same source, it stays rolled back, with other settings, too.
    same = deployed.deploy("--only=functions")
    assert (same.status, deployed.changes) == (0, [])
    assert "./deploy.sh --promote --only=worker" in same.errors
    deployed.settings["WORKER_CONCURRENCY"] = "9"
    same = deployed.deploy("--only=worker")
    assert same.status == 0, same.text
    assert "run deploy report-worker" in deployed.changes
    assert traffic(deployed) == [share(1, 100)]
    assert "was rolled back and stays so: report-worker-00001-abc serves" in same.errors

    # The third has replaced the first: the second is no revision to go back to.
    assert deployed.deploy("--promote", "--only=worker").status == 0
    assert deployed.deploy("--rollback", "--only=worker").status == 0
    assert traffic(deployed) == [share(1, 100)]


def test_a_canary_that_does_worse_is_taken_back_and_the_next_one_watched(deployed: Deployment) -> None:
    deployed.settings["LOG_LEVEL"] = "DEBUG"
    watch(deployed, HEALTHY, WORSE)
    outcome = deployed.deploy("--canary=10", "--canary-minutes=9999", "--promote-if-healthy")
    assert outcome.status == 5, outcome.text
    assert (
        "min to go. Requests, of the new and the old: dispatcher 0/0, worker 100/900, dlq-handler 0/0" in outcome.output
    )
    assert "worker: worse\n    answers 5xx: 10 of 100 (10 %) against 0 of 900 (0 %) of the old one's" in outcome.output
    assert "dispatcher: too few requests\n    0 requests to the new revision" in outcome.output
    # All of a release goes back.
    assert traffic(deployed) == [share(1, 100)]
    assert traffic(deployed, "dispatcher") == [{"revisionName": "report-dispatcher-00001-abc", "percent": 100}]

    none = deployed.deploy("--canary=10", "--only=worker")
    assert (none.status, deployed.changes) == (0, [])
    assert "No function has a canary" in none.output

    deployed.settings["WORKER_MEMORY"] = "2Gi"
    unclear = deployed.deploy("--canary=20", "--only=worker")
    assert unclear.status == 4, unclear.text
    assert "0 requests to the new revision, 900 to the old one: too few to compare" in unclear.output
    third = {"revisionName": "report-worker-00003-abc", "tag": "canary"}
    assert traffic(deployed) == [share(3, 20), share(1, 80), third]

    # It goes on from there, with another share.
    newer = {"report-worker-00003-abc": HEALTHY["report-worker-00002-abc"]}
    watch(deployed, HEALTHY | newer)
    outcome = deployed.deploy("--canary=30", "--promote-if-healthy", "--only=worker")
    assert outcome.status == 0, outcome.text
    assert deployed.changes == ["run services update-traffic report-worker"] * 2
    assert "30 % to report-worker-00003-abc, 70 % to report-worker-00001-abc" in outcome.output
    assert traffic(deployed) == LATEST


def test_a_canary_that_was_killed_before_it_had_a_share(deployed: Deployment) -> None:
    deployed.settings["WORKER_MEMORY"] = "2Gi"
    outcome = deployed.interrupt("run services update-traffic", "--canary=10", "--only=worker")
    assert outcome.status == 130
    assert "Run ./deploy.sh --canary=10 --only=worker again" in outcome.errors
    assert "To end the canary: ./deploy.sh --rollback" in outcome.errors
    assert traffic(deployed) == [share(1, 100), CANARY]
    assert deployed.deploy("--only=worker").status == 1

    assert deployed.deploy("--rollback").status == 0
    assert traffic(deployed) == [share(1, 100)]


def test_a_canary_that_another_ends_is_watched_no_more(deployed: Deployment) -> None:
    deployed.settings["WORKER_MEMORY"] = "2Gi"
    watch(deployed, HEALTHY, WORSE)
    to_old = "--to-revisions=report-worker-00001-abc=100 --remove-tags=canary"
    command = f"gcloud run services update-traffic report-worker --region=us-central1 --project=my-project {to_old}"
    (deployed.directory / "bin" / "sleep").write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
    outcome = deployed.deploy("--canary=10", "--canary-minutes=9999", "--only=worker")
    assert outcome.status == 4, outcome.text
    assert "The canary was ended or replaced meanwhile" in outcome.output
    # It does not go back a second time.
    assert traffic(deployed) == [share(1, 100)]


def test_a_new_function_takes_all_traffic(deployed: Deployment) -> None:
    deployed.edit(lambda state: state["resources"].pop(f"{PLACE}/services/report-dlq-handler"))
    deployed.edit(lambda state: state["revisions"].pop(f"{PLACE}/services/report-dlq-handler"))
    outcome = deployed.deploy("--canary=10", "--only=dlq-handler")
    assert outcome.status == 0, outcome.text
    assert traffic(deployed, "dlq-handler") == LATEST
    assert "No function has a canary" in outcome.output


def test_a_dry_run_of_a_canary(deployed: Deployment) -> None:
    deployed.settings |= {"WORKER_MEMORY": "2Gi"}
    outcome = deployed.deploy("--canary=10", "--only=worker", "--dry-run")
    assert (outcome.status, deployed.changes) == (0, [])
    assert " --no-traffic --tag=canary " in outcome.output
    assert ",replaces=report-worker-00001-abc " in outcome.output
    assert "--to-revisions=NEW-REVISION=10,report-worker-00001-abc=90" in outcome.output


def test_nothing_to_go_back_to(deployed: Deployment) -> None:
    outcome = deployed.deploy("--rollback")
    assert (outcome.status, deployed.changes) == (1, [])
    assert "worker: stays: it has no revision before report-worker-00001-abc" in outcome.output
    assert "no function has a revision to go back to" in outcome.errors
    deployed.settings["PREFIX"] = "other"
    outcome = deployed.deploy("--promote")
    assert (outcome.status, deployed.changes) == (1, [])
    assert 'no function of the pipeline "other" is deployed in us-central1' in outcome.errors


@pytest.mark.parametrize(
    ("options", "error"),
    [
        # As of a variable that is not set.
        (["--canary="], "--canary=0: a whole number of percent, from 1 to 99."),
        (["--canary=100"], "from 1 to 99"),
        (["--canary", "5.5"], "from 1 to 99"),
        (["--canary=5", "--canary-minutes=0"], "--canary-minutes=0: a number of minutes"),
        (["--canary-minutes=75"], "go with --canary"),
        (["--promote-if-healthy"], "go with --canary"),
        (["--canary=5", "--only=monitoring"], "only functions have revisions"),
        (["--canary=5", "--teardown"], "--canary does not go with --teardown, --check or --bootstrap"),
        (["--canary=5", "--promote"], "--promote deploys nothing"),
        (["--rollback", "--smoke"], "--rollback deploys nothing"),
        (["--promote", "--rollback"], "--promote does not go with --rollback"),
    ],
)
def test_options_that_do_not_go_together(bare: Deployment, options: list[str], error: str) -> None:
    outcome = bare.deploy(*options)
    assert (outcome.status, bare.calls) == (2, [])
    assert error in outcome.errors


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--to-revisions=report-worker-00001-abc=90,report-worker-00001-abc2=20"], "Over 100% of traffic"),
        (["--to-revisions=LATEST=90"], "100% of traffic has not been specified"),
        (["--to-revisions=report-worker-00009-abc=100"], "'report-worker-00009-abc' does not exist or is not ready"),
        (["--update-tags=Canary=report-worker-00001-abc"], "Invalid traffic tag 'Canary'"),
        (["--update-tags=-=report-worker-00001-abc"], "Invalid traffic tag '-'"),
    ],
)
def test_what_cloud_run_refuses_of_a_traffic_table(
    first_deployment: FirstDeployment, flags: list[str], error: str
) -> None:
    project = Project(first_deployment.state)
    command = ["run", "services", "update-traffic", "report-worker", "--region=us-central1", "--project=my-project"]
    answer = project.carry_out([*command, *flags], b"")
    assert answer is not None
    assert answer.status
    assert error in answer.text.decode()
