"""What another environment runs is deployed by its digest."""

import json
from typing import Any

import pytest
import requests

from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.stand_in.session import StandInSession

State = dict[str, Any]
STAGING = "my-staging"
PLACE = "locations/us-central1/services"
SUBMIT = "run.projects.locations.builds.submit us-central1"
AGENT = "serviceAccount:service-123456789012@serverless-robot-prod.iam.gserviceaccount.com"
DEPLOYER = "user:ada@example.com"


@pytest.fixture
def production(deployed: Deployment) -> Deployment:
    """Production, in which nothing is deployed any more, beside staging, which has what was."""

    def move(state: State) -> None:
        for name in [name for name in state["resources"] if f"/{PLACE}/" in name]:
            moved = json.dumps(state["resources"].pop(name)).replace(PROJECT, STAGING)
            state["resources"][name.replace(PROJECT, STAGING)] = json.loads(moved)
        state["images"] = {name.replace(PROJECT, STAGING): base for name, base in state["images"].items()}

    deployed.edit(move)
    (deployed.directory / "staging.env").write_text(f"PROJECT_ID={STAGING}\nREGION=us-central1\n", encoding="utf-8")
    return deployed


def image_from(production: Deployment) -> str:
    return f"--image-from={production.directory / 'staging.env'}"


def of(state: State, project: str) -> Any:
    """The worker of a project."""
    return state["resources"][f"projects/{project}/{PLACE}/report-worker"]


def test_what_another_environment_runs_is_deployed_by_its_digest(production: Deployment) -> None:
    outcome = production.deploy(image_from(production))
    assert outcome.status == 0, outcome.text
    assert SUBMIT not in production.changes
    assert not [each for each in production.changes if each.startswith("storage.")]
    there, here = of(production.state, STAGING), of(production.state, PROJECT)
    assert here["template"]["containers"][0]["image"] == there["template"]["containers"][0]["image"]
    assert here["buildConfig"]["sourceLocation"] == there["buildConfig"]["sourceLocation"]
    digest = here["template"]["containers"][0]["image"].rpartition("@")[2]
    assert f"function report-worker of {STAGING}: {digest}, without provenance of Cloud Build" in outcome.output
    # What runs is what is compared: it stays so without the option.
    assert production.deploy("--check").status == 0
    assert production.deploy().status == 0
    assert production.changes == []


def test_what_is_built_of_another_source_is_not_deployed(production: Deployment) -> None:
    production.edit(lambda state: of(state, STAGING)["labels"].update({"source-hash": "0", "commit": "abc"}))
    outcome = production.deploy(image_from(production))
    assert (outcome.status, [each for each in production.changes if each.startswith("run.")]) == (1, []), outcome.text
    assert f"function report-worker in {STAGING} is made of another source than this checkout's." in outcome.errors
    assert "check out that one: abc." in outcome.errors


def test_a_canary_is_not_deployed_elsewhere(production: Deployment) -> None:
    revision = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "report-worker-00000-x"}
    production.edit(lambda state: of(state, STAGING).update(traffic=[{**revision, "percent": 100}]))
    outcome = production.deploy(image_from(production))
    assert outcome.status == 1
    assert f"not all traffic of function report-worker in {STAGING} goes to its newest revision" in outcome.errors


def test_a_function_that_the_other_has_not_is_built(production: Deployment) -> None:
    production.edit(lambda state: state["resources"].pop(f"projects/{STAGING}/{PLACE}/report-dlq-handler"))
    outcome = production.deploy(image_from(production))
    assert outcome.status == 0, outcome.text
    assert production.changes.count(SUBMIT) == 1
    assert "has no function report-dlq-handler: it is built here." in outcome.errors


def test_who_may_not_read_the_other_is_told_who_lets_them(production: Deployment) -> None:
    class Stranger(StandInSession):
        def request(self, method: str, url: str, **rest: Any) -> requests.Response:
            answer = super().request(method, url, **rest)
            if STAGING in url:
                answer.status_code, answer._content = 403, b"{}"
            return answer

    production.session = Stranger
    outcome = production.deploy(image_from(production), "--only=dispatcher")
    assert outcome.status == 1
    assert f"IMAGE_READERS names who may, with commas between them: {AGENT}, and who" in outcome.errors
    assert f"./deploy.sh --env-file={production.directory / 'staging.env'} --bootstrap" in outcome.errors


def test_who_may_deploy_the_images_elsewhere_reads_them(deployed: Deployment) -> None:
    deployed.settings["IMAGE_READERS"] = f"{AGENT}, {DEPLOYER}"
    # Google has made it: the other environment runs.
    deployed.edit(lambda state: state["agents"].append(AGENT.partition(":")[2]))
    assert deployed.deploy().status == 0
    for end, role in (("repositories/report-functions", "artifactregistry.reader"), ("report-worker", "run.viewer")):
        [granted] = [policy for name, policy in deployed.state["policies"].items() if name.endswith(end)]
        assert {member for each, member, _, _ in granted if each == f"roles/{role}"} == {AGENT, DEPLOYER}
    checked = deployed.deploy("--check")
    assert checked.status == 0, checked.text
    deployed.settings["IMAGE_READERS"] = "ada"
    assert "IMAGE_READERS: ada is none of" in deployed.deploy().errors


def test_provenance_that_cloud_build_has_signed_is_named(production: Deployment) -> None:
    occurrence = f"projects/{STAGING}/occurrences/o1"
    key = "projects/verified-builder/locations/global/keyRings/attestor/cryptoKeys/builtByGCB/cryptoKeyVersions/1"

    def keep(state: State) -> None:
        state["enabled"].append("containeranalysis.googleapis.com")
        state["resources"][occurrence] = {"name": occurrence, "envelope": {"signatures": [{"keyid": key, "sig": "s"}]}}

    production.edit(keep)
    outcome = production.deploy("--dry-run", "--only=worker", image_from(production))
    assert f", with Cloud Build's provenance {occurrence}\n" in outcome.output, outcome.text


def test_it_goes_with_what_deploys_services(production: Deployment) -> None:
    for option in ("--promote", "--teardown", "--bootstrap", "--only=queues", "--only=monitoring"):
        assert production.deploy(option, image_from(production)).status == 2
