"""A canary beside the old revisions, promoting it, and rolling back."""

from typing import Any

import pytest

from tests.deployment.conftest import PROJECT, Deployment
from tests.git import git

PLACE = f"projects/{PROJECT}/locations/us-central1"
LATEST = [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
PATCH = "run.projects.locations.services.patch report-worker"


def revision(deployment: Deployment, number: int, name: str = "worker") -> str:
    """The name of a revision: all in these tests are of one source."""
    own = deployment.service(name)["labels"]["source-hash"][:4]
    return f"report-{name}-{number:05d}-{own}"


def target(deployment: Deployment, number: int, name: str = "worker", **rest: Any) -> dict[str, Any]:
    kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    return {"type": kind, "revision": revision(deployment, number, name), **rest}


def traffic(deployment: Deployment, name: str = "worker") -> Any:
    return deployment.service(name)["traffic"]


def test_a_canary_is_promoted_and_rolled_back(deployed: Deployment) -> None:
    deployed.settings["WORKER_MEMORY"] = "2Gi"
    outcome = deployed.deploy("--canary", "10")
    assert outcome.status == 0, outcome.text
    # Neither is the job paused, nor anything taken from the old revision. It has its share at once.
    assert deployed.changes == [PATCH]
    shares = [target(deployed, 2, percent=10), target(deployed, 1, percent=90)]
    assert traffic(deployed) == [*shares, target(deployed, 2, tag="canary")]
    assert traffic(deployed, "dispatcher") == LATEST
    one, two = (revision(deployed, number) for number in (1, 2))
    assert f"changed: traffic of function report-worker: 10 % to {two}, 90 % to {one}" in outcome.output
    assert "A canary stays until ./deploy.sh --promote or --rollback" in outcome.output

    stopped = deployed.deploy("--only=functions")
    assert (stopped.status, deployed.changes) == (1, [])
    assert f"the traffic of functions is divided: worker ({two} is a canary)." in stopped.errors
    series = {one: {"2xx": 899, "4xx": 1}, two: {"2xx": 90, "5xx": 10}}
    deployed.edit(lambda state: state.update(series=series))
    checked = deployed.deploy("--check", "--only=worker")
    assert checked.status == 3, checked.text
    assert f"{two}: 10 of 100 requests of the last day failed (10.0%)" in checked.text
    assert f"{one}: 1 of 900 requests of the last day failed (0.1%)" in checked.text
    assert "different: 0, too many: 0, changed by hand: 1" in checked.output
    dry = deployed.deploy("--promote", "--dry-run")
    assert (dry.status, deployed.changes) == (0, [])
    assert f"to be changed: worker: all traffic to {two} (made 2026-11-24T13:02Z" in dry.output

    assert deployed.deploy("--promote").status == 0
    assert traffic(deployed) == LATEST
    again = deployed.deploy("--promote")
    assert (again.status, deployed.changes) == (0, [])

    back = deployed.deploy("--rollback")
    assert back.status == 0, back.text
    assert deployed.changes == [PATCH]
    assert traffic(deployed) == [target(deployed, 1, percent=100)]
    commit = git(deployed.repository, "rev-parse", "HEAD")[:12]
    assert f"commit {commit}) back to {one} (made 2026-11-24T13:01Z, commit {commit})" in back.output
    assert "dispatcher: stays: the last deployment did not change it" in back.output

    # From the same source, it stays rolled back, with other settings, too.
    same = deployed.deploy("--only=functions")
    assert (same.status, deployed.changes) == (0, [])
    assert "./deploy.sh --promote --only=worker" in same.errors
    deployed.settings["WORKER_CONCURRENCY"] = "9"
    same = deployed.deploy("--only=worker")
    assert same.status == 0, same.text
    assert PATCH in deployed.changes
    assert traffic(deployed) == [target(deployed, 1, percent=100)]
    assert f"was rolled back and stays so: {one} serves" in same.errors

    # The third has replaced the first: the second is no revision to go back to.
    assert deployed.deploy("--promote", "--only=worker").status == 0
    assert deployed.deploy("--rollback", "--only=worker").status == 0
    assert traffic(deployed) == [target(deployed, 1, percent=100)]


def test_a_canary_that_was_interrupted(deployed: Deployment) -> None:
    deployed.settings["WORKER_MEMORY"] = "2Gi"
    outcome = deployed.interrupt("run.projects.locations.operations.get", "--canary=10", "--only=worker")
    assert outcome.status == 130
    assert "Run ./deploy.sh --canary=10 --only=worker again" in outcome.errors
    assert "To end the canary: ./deploy.sh --rollback" in outcome.errors
    assert deployed.deploy("--only=worker").status == 1

    assert deployed.deploy("--rollback").status == 0
    assert traffic(deployed) == [target(deployed, 1, percent=100)]


def test_a_new_function_takes_all_traffic(deployed: Deployment) -> None:
    def forget(state: dict[str, Any]) -> None:
        for name in [name for name in state["resources"] if "/services/report-dlq-handler" in name]:
            del state["resources"][name]

    deployed.edit(forget)
    outcome = deployed.deploy("--canary=10", "--only=dlq-handler")
    assert outcome.status == 0, outcome.text
    assert traffic(deployed, "dlq-handler") == LATEST


def test_the_tags_of_others_stay(deployed: Deployment) -> None:
    tagged = target(deployed, 1, tag="debug")
    deployed.edit(lambda state: state["resources"][f"{PLACE}/services/report-worker"]["traffic"].append(tagged))
    deployed.settings["WORKER_MEMORY"] = "2Gi"
    deployed.deploy("--canary=10", "--only=worker")
    assert tagged in traffic(deployed)
    deployed.deploy("--promote")
    assert traffic(deployed) == [*LATEST, tagged]
    assert deployed.deploy("--only=worker").status == 0
    assert deployed.changes == []


def test_a_dry_run_of_a_canary(deployed: Deployment) -> None:
    deployed.settings |= {"WORKER_MEMORY": "2Gi"}
    before = deployed.state
    outcome = deployed.deploy("--canary=10", "--only=worker", "--dry-run")
    assert (outcome.status, deployed.changes, deployed.state) == (0, [], before)
    assert "    run.projects.locations.services.patch " in outcome.output
    shares = f"10 % to {revision(deployed, 2)}, 90 % to {revision(deployed, 1)}"
    assert f"to be changed: traffic of function report-worker: {shares}" in outcome.output


def test_nothing_to_go_back_to(deployed: Deployment) -> None:
    outcome = deployed.deploy("--rollback")
    assert (outcome.status, deployed.changes) == (1, [])
    assert f"worker: stays: it has no revision before {revision(deployed, 1)}" in outcome.output
    assert "no function has a revision to go back to" in outcome.errors
    deployed.settings["PREFIX"] = "other"
    outcome = deployed.deploy("--promote")
    assert (outcome.status, deployed.changes) == (1, [])
    assert 'no function of the pipeline "other" is deployed in us-central1' in outcome.errors


def test_an_answer_that_is_lost_moves_the_traffic_once(deployed: Deployment) -> None:
    deployed.settings["WORKER_MEMORY"] = "2Gi"
    assert deployed.deploy("--only=worker").status == 0
    deployed.fail("run.projects.locations.services.patch", "UNAVAILABLE: no answer", when="after")
    back = deployed.deploy("--rollback")
    assert back.status == 0, back.text
    assert (deployed.changes, traffic(deployed)) == ([PATCH], [target(deployed, 1, percent=100)])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        # As of a variable that is not set.
        (["--canary="], "--canary=0: a whole number of percent, from 1 to 99."),
        (["--canary=100"], "from 1 to 99"),
        (["--canary", "5.5"], "from 1 to 99"),
        (["--canary=5", "--promote-if-healthy"], "--promote-if-healthy is not an option"),
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
