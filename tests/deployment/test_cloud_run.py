"""What a deployment makes of Cloud Run's services, and what Cloud Run refuses."""

import copy
import re
from typing import Any

import pytest

from deployment.cloud_run.sources import packed
from deployment.engine.discovery import method
from tests.deployment.conftest import PROJECT, Deployment, FirstDeployment
from tests.deployment.stand_in.interface import answer
from tests.deployment.stand_in.rest_request import RestAnswer, RestRequest

State = dict[str, Any]
PLACE = f"projects/{PROJECT}/locations/us-central1"
DOMAIN = f"{PROJECT}.iam.gserviceaccount.com"
WORKER = f"{PLACE}/services/report-worker"
FUNCTIONS = ("dispatcher", "worker", "dlq-handler")
SUBMIT = "run.projects.locations.builds.submit us-central1"
PATCH = "run.projects.locations.services.patch report-worker"


def test_a_service_is_what_gcloud_made_of_it(deployed: Deployment) -> None:
    """What `gcloud run deploy --function` sent for the same settings, by which versions before this one deployed."""
    service = deployed.service("worker")
    [container] = service["template"].pop("containers")
    image, _, digest = container["image"].partition("@")
    base = "us-central1-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes/python314"
    assert (image, digest[:7]) == ("us-central1-docker.pkg.dev/my-project/report-functions/report-worker", "sha256:")
    assert container["baseImageUri"] == base
    assert container["resources"] == {"limits": {"cpu": "1", "memory": "1Gi"}, "cpuIdle": True, "startupCpuBoost": True}
    labels = service["template"].pop("labels")
    assert labels.keys() == {"source-hash", "commit", "version", "deployment"}
    assert (service["labels"], service["template"].pop("revision")[:20]) == (labels, "report-worker-00001-")
    assert service["template"].pop("volumes") == []
    assert service["template"] == {
        "serviceAccount": f"report-worker@{DOMAIN}",
        "timeout": "120s",
        "maxInstanceRequestConcurrency": 10,
        "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
        "scaling": {"minInstanceCount": 0, "maxInstanceCount": 10},
    }
    build = service["buildConfig"]
    assert build.pop("sourceLocation").startswith("gs://my-project-report-sources/services/report-worker/")
    del build["name"]
    assert build == {
        "functionTarget": "worker",
        "baseImage": base,
        "enableAutomaticUpdates": True,
        "environmentVariables": {"SOURCE_DATE_EPOCH": "315532801"},
        "imageUri": image,
        "serviceAccount": f"projects/{PROJECT}/serviceAccounts/report-build@{DOMAIN}",
    }
    assert (service["ingress"], service["iapEnabled"]) == ("INGRESS_TRAFFIC_INTERNAL_ONLY", False)
    assert deployed.service("dispatcher")["template"]["timeout"] == "1800s"


def by_gcloud(state: State) -> None:
    """As a version that deployed by gcloud has left it."""
    for name in FUNCTIONS:
        service = state["resources"][f"{PLACE}/services/report-{name}"]
        del service["annotations"], service["template"]["revision"]
        service["buildConfig"]["sourceLocation"] = "gs://my-project-report-sources/services/x/1.zip#1"
        container = service["template"]["containers"][0]
        container["env"].reverse()
        container["resources"]["limits"]["cpu"] = "1000m"
        container["name"], container["ports"] = "worker", [{"containerPort": 8080}]


def test_what_gcloud_has_deployed_makes_no_revision(deployed: Deployment) -> None:
    deployed.edit(by_gcloud)
    before = deployed.service("worker")["template"]
    outcome = deployed.deploy("--only=functions")
    assert outcome.status == 0, outcome.text
    # Each gets a note of its image, and nothing else.
    assert sorted(each for each in deployed.changes if "run." in each) == sorted(
        f"run.projects.locations.services.patch report-{name}" for name in FUNCTIONS
    )
    assert deployed.service("worker")["template"] == before
    assert deployed.deploy("--only=functions").status == 0
    assert deployed.changes == []


def change(state: State, path: str, value: Any) -> None:
    """Change something of the worker by hand, as a person does in the console: that makes a revision of its own."""
    place: Any = state["resources"][WORKER]
    *keys, last = path.split(".")
    for key in keys:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value


BY_HAND: list[tuple[str, Any]] = [
    ("ingress", "INGRESS_TRAFFIC_ALL"),
    ("invokerIamDisabled", True),
    ("iapEnabled", True),
    ("scaling.maxInstanceCount", 100),
    ("labels.source-hash", "0"),
    ("buildConfig.enableAutomaticUpdates", False),
    ("buildConfig.serviceAccount", f"projects/{PROJECT}/serviceAccounts/other@{DOMAIN}"),
    ("template.serviceAccount", f"report-dispatcher@{DOMAIN}"),
    ("template.timeout", "3600s"),
    ("template.maxInstanceRequestConcurrency", 80),
    ("template.executionEnvironment", "EXECUTION_ENVIRONMENT_GEN1"),
    ("template.scaling.maxInstanceCount", 1),
    ("template.containers.0.image", "us-docker.pkg.dev/cloudrun/container/hello"),
    ("template.containers.0.baseImageUri", ""),
    ("template.containers.0.command", ["sh"]),
    ("template.containers.0.args", ["-c"]),
    ("template.containers.0.env", []),
    ("template.containers.0.resources.limits.memory", "8Gi"),
    ("template.containers.0.resources.cpuIdle", False),
    ("template.containers.0.resources.startupCpuBoost", False),
    ("template.containers", [{"image": "a"}, {"image": "b"}]),
    ("terminalCondition.state", "CONDITION_FAILED"),
    ("latestCreatedRevision", f"{WORKER}/revisions/report-worker-00002-abc"),
    (
        "traffic",
        [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "report-worker-00001", "percent": 100}],
    ),
]


@pytest.mark.parametrize(("path", "value"), BY_HAND)
def test_what_was_changed_by_hand_is_seen(deployed: Deployment, path: str, value: Any) -> None:
    deployed.edit(lambda state: change(state, path, value))
    changed = deployed.state
    checked = deployed.deploy("--check", "--only=worker")
    assert (checked.status, deployed.state) == (3, changed), checked.text


@pytest.mark.parametrize("paths", [("labels.source-hash",), ("template", "terminal"), ("",)])
def test_what_was_changed_by_hand_is_mended(deployed: Deployment, paths: tuple[str, ...]) -> None:
    before = comparable(deployed.service("worker"))

    def change_all(state: State) -> None:
        for path, value in BY_HAND:
            if path.startswith(paths):
                change(state, path, value)

    deployed.edit(change_all)
    assert deployed.deploy("--only=worker").status == 0
    assert comparable(deployed.service("worker")) == before
    assert deployed.deploy("--only=worker").status == 0
    assert deployed.changes == []


def comparable(service: State) -> State:
    """A service without what is another with each deployment of the same."""
    changing = {"etag", "generation", "latestReadyRevision", "latestCreatedRevision", "trafficStatuses"}
    kept = copy.deepcopy({key: value for key, value in service.items() if key not in changing})
    for labels in (kept["labels"], kept["template"]["labels"]):
        for name in ("deployment", "replaces", "commit"):
            labels.pop(name, None)
    del kept["template"]["revision"]
    return kept


def test_a_source_that_is_the_same_is_not_built_again(deployed: Deployment) -> None:
    deployed.settings["LOG_LEVEL"] = "DEBUG"
    image = deployed.service("worker")["template"]["containers"][0]["image"]
    assert deployed.deploy("--only=worker").status == 0
    assert [each for each in deployed.changes if "schedule" not in each] == [PATCH]
    assert deployed.service("worker")["template"]["containers"][0]["image"] == image


def test_an_image_by_hand_goes_without_a_build(deployed: Deployment) -> None:
    deployed.edit(lambda state: change(state, "template.containers.0.image", "hello"))
    assert deployed.deploy("--only=worker").status == 0
    assert SUBMIT not in deployed.changes
    assert PATCH in deployed.changes


def test_a_dry_run_names_what_a_run_sends(bare: Deployment, deployed: Deployment) -> None:
    deployed.edit(lambda state: change(state, "labels.source-hash", "0"))
    dry = deployed.deploy("--dry-run", "--only=worker")
    planned = [line.split()[0] for line in dry.output.splitlines() if line.startswith("    ")]
    assert deployed.deploy("--only=worker").status == 0
    assert planned == [each.split()[0] for each in deployed.changes]


def test_a_build_that_fails_says_where_its_log_is(deployed: Deployment) -> None:
    deployed.edit(lambda state: change(state, "labels.source-hash", "0"))
    deployed.edit(lambda state: state.update(build_fails=["FAILURE"]))
    before = deployed.service("worker")
    outcome = deployed.deploy("--only=worker")
    assert outcome.status == 1
    assert "the build of report-worker has failed: FAILURE" in outcome.errors
    assert "Its log says why: https://console.cloud.google.com/cloud-build/builds/b" in outcome.errors
    assert "    Step 1\n" in outcome.errors
    assert "  building report-worker: https://console.cloud.google.com/cloud-build/builds/b" in outcome.output
    assert deployed.service("worker") == before


def test_a_verbose_run_follows_the_logs_of_builds(deployed: Deployment) -> None:
    deployed.edit(lambda state: change(state, "labels.source-hash", "0"))
    deployed.fail("cloudbuild.projects.locations.builds.get", "UNAVAILABLE: later", times=1)
    outcome = deployed.deploy("--only=worker", "--verbose")
    assert outcome.status == 0, outcome.text
    assert re.findall(r"report-worker: (Step \d)", outcome.errors) == ["Step 1", "Step 2"]


def test_who_may_not_read_the_log_builds_without_it(deployed: Deployment) -> None:
    deployed.edit(lambda state: change(state, "labels.source-hash", "0"))
    deployed.fail("logging.entries.list", "PERMISSION_DENIED: not you", times=9)
    outcome = deployed.deploy("--only=worker", "--verbose")
    assert outcome.status == 0, outcome.text
    assert outcome.errors.count("its log cannot be read here, which takes roles/logging.viewer") == 1


def test_a_build_whose_account_is_new_is_tried_again(deployed: Deployment) -> None:
    new = ["FETCH_SOURCE_FAILED", "PUSH_NOT_AUTHORIZED", "PUSH_FAILED", "LOGGING_FAILURE"]
    deployed.edit(lambda state: change(state, "labels.source-hash", "0"))
    deployed.edit(lambda state: state.update(build_fails=new))
    assert deployed.deploy("--only=worker").status == 0
    assert deployed.changes.count(SUBMIT) == 5


def test_what_fails_does_not_keep_others_from_being_deployed(deployed: Deployment) -> None:
    deployed.settings["LOG_LEVEL"] = "DEBUG"
    deployed.edit(lambda state: change(state, "labels.source-hash", "0"))
    deployed.edit(lambda state: state.update(build_fails=["FAILURE"]))
    outcome = deployed.deploy("--only=functions")
    assert outcome.status == 1
    assert re.findall("  changed: function .*", outcome.output) == [
        "  changed: function report-dispatcher",
        "  changed: function report-dlq-handler",
    ]
    assert deployed.environment_of("dispatcher")["LOG_LEVEL"] == "DEBUG"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_makes_no_second_revision(deployed: Deployment, when: str) -> None:
    deployed.settings["LOG_LEVEL"] = "DEBUG"
    deployed.fail("run.projects.locations.services.patch", "UNAVAILABLE: no answer", when=when)
    assert deployed.deploy("--only=worker").status == 0
    revisions = [name for name in deployed.state["resources"] if name.startswith(f"{WORKER}/revisions/")]
    assert len(revisions) == 2


def test_a_revision_that_does_not_start_leaves_the_one_before(deployed: Deployment) -> None:
    deployed.settings["LOG_LEVEL"] = "DEBUG"
    message = "Revision 'r' is not ready and cannot serve traffic. Logs URL: https://logs.example"
    deployed.edit(lambda state: state.update(failing_revisions=[{"code": 9, "message": message}]))
    outcome = deployed.deploy("--only=worker")
    assert outcome.status == 1
    assert f"function report-worker is not ready: {message}" in outcome.errors
    assert "The revision before goes on serving." in outcome.errors
    again = deployed.deploy("--only=worker")
    assert (again.status, PATCH in deployed.changes) == (0, True), again.text


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("SECRETS_ACCESS_CHECK_FAILED", "Permission denied on secret: projects/1/secrets/s/versions/latest."),
        ("CONTAINER_PERMISSION_DENIED", "Revision 'report-worker-00002-abc' is not ready."),
        ("CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED", "the agent must have permission to read the image"),
        ("ENCRYPTION_KEY_PERMISSION_DENIED", "Permission denied on Cloud KMS key."),
    ],
)
def test_a_role_that_is_not_seen_yet_is_waited_for(deployed: Deployment, reason: str, message: str) -> None:
    """Whoever has granted it, and whether or not the error names what it is about."""
    deployed.settings["LOG_LEVEL"] = "DEBUG"
    fails = {"code": 7, "message": message, "reason": reason}
    deployed.edit(lambda state: state.update(failing_revisions=[fails]))
    outcome = deployed.deploy("--only=worker")
    assert outcome.status == 0, outcome.text
    assert deployed.environment_of("worker")["LOG_LEVEL"] == "DEBUG"


def test_a_bucket_of_another_project_gets_no_source(deployed: Deployment) -> None:
    bucket = "my-project-report-sources"
    deployed.edit(lambda state: change(state, "labels.source-hash", "0"))
    deployed.edit(lambda state: state["buckets"][bucket].update(projectNumber="666"))
    outcome = deployed.deploy("--only=worker")
    assert (outcome.status, "is another project's" in outcome.errors) == (1, True), outcome.text
    assert not [each for each in deployed.changes if each.startswith("storage")]


def test_an_archive_that_others_have_planted_is_not_built(deployed: Deployment) -> None:
    name = next(each for each in deployed.state["objects"] if "/services/report-worker/" in each)
    honest = deployed.state["objects"][name]
    image = deployed.service("worker")["template"]["containers"][0]["image"]

    def plant(state: State) -> None:
        state["objects"][name] = packed({"main.py": b"import os  # sends the key away"})
        change(state, "labels.source-hash", "0")
        change(state, "template.containers.0.image", "us-central1-docker.pkg.dev/other@sha256:1")

    deployed.edit(plant)
    outcome = deployed.deploy("--only=worker")
    assert outcome.status == 0, outcome.text
    assert f"gs://{name} was not what this run has packed, and is replaced" in outcome.errors
    assert deployed.state["objects"][name] == honest
    assert deployed.service("worker")["template"]["containers"][0]["image"] == image


def test_a_bucket_of_sources_that_is_open_is_named(deployed: Deployment) -> None:
    bucket = "my-project-report-sources"
    deployed.edit(lambda state: state["buckets"][bucket]["iamConfiguration"].update(publicAccessPrevention="inherited"))
    outcome = deployed.deploy("--check")
    assert outcome.status == 3, outcome.text
    assert f"gcloud storage buckets update gs://{bucket} --uniform-bucket-level-access" in outcome.errors


def patch_worker(state: State, path: str, value: Any) -> RestAnswer:
    """What Cloud Run answers to a worker with something else in it."""
    state = copy.deepcopy(state)
    body = copy.deepcopy(state["resources"][WORKER])
    del body["template"]["revision"]
    place: Any = body
    *keys, last = path.split(".")
    for key in keys:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    sent = {key: body[key] for key in ("labels", "template", "traffic", "etag")}
    patch = method("run", "v2", "projects.locations.services.patch")
    query = {"updateMask": ["labels,template,traffic"]}
    return answer(state, patch, WORKER, RestRequest(method="PATCH", version="v2", name=WORKER, query=query, body=sent))


def secret(name: str) -> list[dict[str, Any]]:
    return [{"name": "KEY", "valueSource": {"secretKeyRef": {"secret": name, "version": "1"}}}]


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("template.containers.0.image", "us-docker.pkg.dev/cloudrun/container/hello", "not found"),
        ("template.containers.0.baseImageUri", "", "built for automatic updates"),
        ("template.containers.0.resources.limits.memory", "64Mi", "between 512Mi and 4096Mi"),
        ("template.containers.0.resources.limits.memory", "8Gi", "between 512Mi and 4096Mi"),
        ("template.containers.0.resources.limits.cpu", "3", "one of [.08-1], 1.0, 2.0, 4.0, 6.0, 8.0"),
        ("template.maxInstanceRequestConcurrency", 1001, "between 1 and 1000"),
        ("template.timeout", "3601s", "between 1 and 3600"),
        ("template.scaling.minInstanceCount", 11, "must not exceed the maximum"),
        ("template.scaling.maxInstanceCount", 21, "CpuAllocPerProjectRegion requested: 21000 allowed: 20000"),
        ("labels.version", "1.0", "version=1.0 is no label"),
        ("template.containers.0.env", secret("report-other"), "report-other"),
        ("template.containers.0.env", secret("report-slack-webhook-url"), "Permission denied on secret"),
        ("template.containers.0.env", [{"name": "PORT", "value": "1"}], "reserved env names were provided: PORT."),
        ("template.serviceAccount", f"other@{DOMAIN}", f"other@{DOMAIN}"),
        ("traffic.0.percent", 90, "must add up to 100"),
        ("traffic.0.tag", "Canary", "Invalid traffic tag 'Canary'"),
        ("traffic.0.tag", "-", "Invalid traffic tag '-'"),
        ("etag", "1", "its etag is another"),
    ],
)
def test_what_cloud_run_refuses(first_deployment: FirstDeployment, path: str, value: Any, error: str) -> None:
    status, document = patch_worker(first_deployment.state, path, value)
    assert status >= 400
    assert error in document["error"]["message"]


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
