"""The deployment against interfaces that keep state as the services do, and refuse what they refuse."""

import base64
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from functions.dispatcher.mail_statistics.sendgrid import SendGridSettings as StatisticsSettings
from functions.shared.records.ids import delivery_id
from functions.shared.settings import (
    ApiSettings,
    DispatcherSettings,
    DlqHandlerSettings,
    MailProviderName,
    Settings,
    WorkerSettings,
)
from functions.worker.destinations.email.provider import PROVIDER_SETTINGS
from tests.deployment.conftest import PROJECT, SECRETS, Deployment, FirstDeployment, Outcome, environment_of
from tests.deployment.stand_in.the_project import NUMBER
from tests.git import git
from tests.support import PATIENCE_SECONDS

State = dict[str, Any]
PLACE = f"projects/{PROJECT}/locations/us-central1"
SERVICES = f"{PLACE}/services/report-"
DOMAIN = f"{PROJECT}.iam.gserviceaccount.com"
DEAD_LETTERS = f"projects/{PROJECT}/subscriptions/report-dead-letters"
UNDELIVERABLE = f"projects/{PROJECT}/topics/report-undeliverable"


def bindings(state: State, resource: str) -> set[tuple[str, str]]:
    """Who has which role on a resource: role and account, without the domain."""
    return {(role, member.split(":")[1].split("@")[0]) for role, member, _, _ in state["policies"].get(resource, [])}


@pytest.mark.everyday
class TestBareProject:
    def test_ends_well(self, first_deployment: FirstDeployment) -> None:
        assert first_deployment.outcome.status == 0, first_deployment.outcome.text
        assert "Done." in first_deployment.outcome.output

    def test_makes_everything(self, first_deployment: FirstDeployment) -> None:
        resources = first_deployment.state["resources"]
        assert {
            name.rsplit("/", 1)[1] for name in resources if name.startswith(SERVICES) and "/revisions/" not in name
        } == {*("report-dispatcher", "report-worker", "report-dlq-handler")}
        for name in (
            *(f"{PLACE}/queues/reports", f"{PLACE}/jobs/report-dispatch", f"{PLACE}/repositories/report-functions"),
            *(f"projects/{PROJECT}/topics/report-dead-letters", f"projects/{PROJECT}/databases/(default)"),
            *(f"projects/{PROJECT}/metrics/report-attempts", f"projects/{PROJECT}/metrics/report-runs"),
        ):
            assert name in resources
        policies = [value for name, value in resources.items() if "/alertPolicies/" in name]
        assert {policy["userLabels"]["alert"] for policy in policies} == {
            *("queue-depth", "task-age", "dead-letters", "worker-errors", "no-run", "needs-a-person"),
            *("dead-letter-backlog", "undeliverable", "function-errors", "error-budget-fast", "error-budget-slow"),
        }
        assert sum("/dashboards/" in name for name in resources) == 1

    def test_queue_is_as_the_file_says(self, first_deployment: FirstDeployment) -> None:
        queue = first_deployment.state["resources"][f"{PLACE}/queues/reports"]
        assert queue["rateLimits"] == {"maxDispatchesPerSecond": 10.0, "maxConcurrentDispatches": 100}
        assert queue["retryConfig"] == {"maxAttempts": 8, "minBackoff": "10s", "maxBackoff": "300s", "maxDoublings": 3}
        assert queue["stackdriverLoggingConfig"] == {"samplingRatio": 1.0}

    def test_job_calls_the_dispatcher_and_is_resumed_last(self, first_deployment: FirstDeployment) -> None:
        job = first_deployment.state["resources"][f"{PLACE}/jobs/report-dispatch"]
        url = "https://report-dispatcher-123456789012.us-central1.run.app"
        assert job["state"] == "ENABLED"
        assert job["httpTarget"]["uri"] == f"{url}/"
        assert job["httpTarget"]["oidcToken"] == {"serviceAccountEmail": f"report-scheduler@{DOMAIN}", "audience": url}
        words = [" ".join(call) for call in first_deployment.calls]
        assert words.index(f"{JOBS}.create us-central1") > max(
            index for index, call in enumerate(words) if call.startswith("run.projects.locations.services.create")
        )
        assert [word for word in words if word.startswith(JOBS) and ".get " not in word] == [
            f"{JOBS}.create us-central1"
        ]

    def test_functions_have_the_environment_that_they_read(self, first_deployment: FirstDeployment) -> None:
        kinds: dict[str, tuple[type[Settings], ...]] = {
            "dispatcher": (DispatcherSettings, StatisticsSettings),
            "worker": (WorkerSettings, PROVIDER_SETTINGS[MailProviderName.SENDGRID]),
            "dlq-handler": (DlqHandlerSettings,),
        }
        for name, classes in kinds.items():
            service = first_deployment.state["resources"][f"{PLACE}/services/report-{name}"]
            given = environment_of(service)
            secrets = given.keys() & SECRETS.keys()
            variables = {key: value for key, value in given.items() if key not in secrets}
            fields = {field.upper(): value for each in classes for field, value in each.model_fields.items()}
            assert set(variables) - {"THREADS"} <= set(fields)
            required = {field for field, value in fields.items() if value.is_required()}
            assert required <= set(variables) | secrets
            assert variables["THREADS"] == str(service["template"]["maxInstanceRequestConcurrency"])
            for settings in classes:
                settings.model_validate(
                    {key.lower(): value for key, value in variables.items() if key != "THREADS"}
                    | {key.lower(): "https://secret.example" for key in secrets}
                )

    def test_settings_follow_from_the_queue(self, first_deployment: FirstDeployment) -> None:
        worker = first_deployment.state["resources"][f"{PLACE}/services/report-worker"]
        assert environment_of(worker)["MAX_ATTEMPTS"] == "8"
        # 100 at once, 10 in each instance.
        assert worker["scaling"]["maxInstanceCount"] == 10

    def test_fits_the_quota_of_a_new_project(self, first_deployment: FirstDeployment) -> None:
        services = [
            value
            for name, value in first_deployment.state["resources"].items()
            if name.startswith(SERVICES) and "/revisions/" not in name
        ]
        # Each instance has one.
        cpus = sum(service["scaling"]["maxInstanceCount"] for service in services)
        # Beside them, three each of the page and mail events, and the console.
        assert cpus + 3 + 3 + 1 == 20
        methods = [method for method, _ in first_deployment.calls]
        # What it is asked in the checks, the API cannot say; it says it before anything is made.
        reads = [index for index, method in enumerate(methods) if method.startswith("cloudquotas")]
        made = [index for index, method in enumerate(methods) if re.search(r"\.(create|setIamPolicy)$", method)]
        assert reads[0] < methods.index("serviceusage.services.batchEnable")
        assert reads[-1] < min(made)

    def test_everybody_may_do_what_is_needed_and_no_more(self, first_deployment: FirstDeployment) -> None:
        state = first_deployment.state
        invoker = "roles/run.invoker"
        assert bindings(state, f"{PLACE}/services/report-dispatcher") == {
            *((invoker, "report-scheduler"), (invoker, "report-tasks"))
        }
        assert bindings(state, f"{PLACE}/services/report-worker") == {(invoker, "report-tasks")}
        assert bindings(state, f"{PLACE}/services/report-dlq-handler") == {(invoker, "report-events")}
        assert bindings(state, f"{PLACE}/queues/reports") == {
            ("roles/cloudtasks.enqueuer", "report-dispatcher"),
            ("roles/cloudtasks.viewer", "report-dispatcher"),
        }
        assert bindings(state, f"projects/{PROJECT}/topics/report-dead-letters") == {
            ("roles/pubsub.publisher", "report-dispatcher"),
            ("roles/pubsub.publisher", "report-worker"),
        }
        signer = "service-123456789012"
        assert bindings(state, UNDELIVERABLE) == {("roles/pubsub.publisher", signer)}
        assert bindings(state, DEAD_LETTERS) == {("roles/pubsub.subscriber", signer)}
        assert bindings(state, f"projects/{PROJECT}/secrets/report-sendgrid-api-key") == {
            ("roles/secretmanager.secretAccessor", "report-dispatcher"),
            ("roles/secretmanager.secretAccessor", "report-worker"),
        }
        assert bindings(state, f"projects/{PROJECT}/secrets/report-slack-webhook-url") == {
            ("roles/secretmanager.secretAccessor", "report-dlq-handler")
        }
        assert bindings(state, f"projects/{PROJECT}/serviceAccounts/report-tasks@{DOMAIN}") == {
            ("roles/iam.serviceAccountUser", "report-dispatcher")
        }
        assert bindings(state, f"{PLACE}/repositories/report-functions") == {
            ("roles/artifactregistry.writer", "report-build")
        }
        assert {binding for binding in bindings(state, "project") if binding[1].startswith("report-")} == {
            *(("roles/datastore.user", f"report-{name}") for name in ("dispatcher", "worker", "dlq-handler")),
            *(("roles/logging.logWriter", "report-build"), ("roles/storage.objectViewer", "report-build")),
        }
        assert f"projects/{PROJECT}/serviceAccounts/report-events@{DOMAIN}" not in state["policies"]
        for role, _, title, expression in state["policies"]["project"]:
            if role in {"roles/datastore.user", "roles/storage.objectViewer"}:
                assert title
                assert expression.startswith("resource.name")

    def test_secrets_are_stored_as_they_are_and_shown_nowhere(self, first_deployment: FirstDeployment) -> None:
        shown = first_deployment.outcome.text + "".join(" ".join(call) for call in first_deployment.calls)
        for secret in SECRETS.values():
            assert secret not in shown
        names = [name for name in first_deployment.state["resources"] if "/versions/" in name]
        assert names == [
            f"projects/{PROJECT}/secrets/report-{name}/versions/1" for name in ("sendgrid-api-key", "slack-webhook-url")
        ]

    def test_dead_letters_are_pushed_and_kept_where_that_fails(self, first_deployment: FirstDeployment) -> None:
        resources = first_deployment.state["resources"]
        url = "https://report-dlq-handler-123456789012.us-central1.run.app"
        kept = {"messageRetentionDuration": "2678400s", "expirationPolicy": {}, "ackDeadlineSeconds": 60}
        assert resources[DEAD_LETTERS] == {
            **kept,
            "name": DEAD_LETTERS,
            "topic": f"projects/{PROJECT}/topics/report-dead-letters",
            "pushConfig": {
                "pushEndpoint": f"{url}/projects/{PROJECT}/topics/report-dead-letters",
                "oidcToken": {"serviceAccountEmail": f"report-events@{DOMAIN}", "audience": url},
            },
            "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
            "deadLetterPolicy": {"deadLetterTopic": UNDELIVERABLE, "maxDeliveryAttempts": 100},
        }
        subscription = f"projects/{PROJECT}/subscriptions/report-undeliverable"
        assert resources[subscription] == {**kept, "name": subscription, "topic": UNDELIVERABLE, "pushConfig": {}}

    def test_staged_folders_hold_the_function_and_nothing_else(self, first_deployment: FirstDeployment) -> None:
        for name in ("dispatcher", "worker", "dlq_handler"):
            files = first_deployment.state["deployed_files"][f"report-{name.replace('_', '-')}"]
            top = {"main.py", "requirements.txt", "functions/__init__.py"}
            assert top <= set(files)
            assert f"functions/{name}/main.py" in files
            reports = ("report_kit/", "kinds/") if name == "worker" else ()
            for file in set(files) - top:
                assert file.startswith(("functions/shared/", f"functions/{name}/", *reports))
                assert "__pycache__" not in file


@pytest.mark.everyday
class TestSecondRun:
    def test_changes_nothing(self, deployed: Deployment) -> None:
        before = deployed.state
        outcome = deployed.deploy("--verbose")
        assert outcome.status == 0, outcome.text
        assert deployed.changes == []
        assert deployed.state == before
        assert "Created: 0, changed: 0, removed: 0" in outcome.output
        for secret in SECRETS.values():
            assert secret not in outcome.text

    def test_needs_no_secret_that_is_stored(self, deployed: Deployment) -> None:
        deployed.secrets.clear()
        outcome = deployed.deploy()
        assert outcome.status == 0, outcome.text
        assert deployed.changes == []


def _set(end: str, *path: str, value: Any) -> Callable[[State], None]:
    def change(state: State) -> None:
        (name,) = [name for name in state["resources"] if name.endswith(end)]
        place = state["resources"][name]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def _remove(part: str) -> Callable[[State], None]:
    def change(state: State) -> None:
        for name in [name for name in state["resources"] if part in name]:
            del state["resources"][name]
            state["policies"].pop(name, None)

    return change


def _forget_binding(resource: str) -> Callable[[State], None]:
    return lambda state: state["policies"][resource].pop()


def _grants_of_old(state: State) -> None:
    """What older versions of the script granted."""
    state["policies"]["project"].append(
        ["roles/storage.objectViewer", f"serviceAccount:report-build@{DOMAIN}", "report-run-sources", "resource.name"]
    )
    signer = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    events = f"projects/{PROJECT}/serviceAccounts/report-events@{DOMAIN}"
    state["policies"][events] = [["roles/iam.serviceAccountTokenCreator", signer, "", ""]]


def _other_container(*path: str | int, value: Any) -> Callable[[State], None]:
    def change(state: State) -> None:
        [place] = state["resources"][f"{PLACE}/services/report-worker"]["template"]["containers"]
        for key in path[:-1]:
            place = place[key]
        assert place[path[-1]] != value
        place[path[-1]] = value

    return change


def _other_version(state: State) -> None:
    [container] = state["resources"][f"{PLACE}/services/report-worker"]["template"]["containers"]
    secret = next(each for each in container["env"] if "valueSource" in each)
    secret["valueSource"]["secretKeyRef"]["version"] = "7"


def _split_traffic(state: State) -> None:
    worker = state["resources"][f"{PLACE}/services/report-worker"]
    revision = worker["latestReadyRevision"].rpartition("/")[2]
    pinned = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": revision, "percent": 100}
    worker["traffic"] = worker["trafficStatuses"] = [pinned]


def _open_to_all(state: State) -> None:
    state["policies"][f"{PLACE}/services/report-worker"].append(["roles/run.invoker", "allUsers", "", ""])


def _other_threshold(state: State) -> None:
    for name, value in state["resources"].items():
        if "/alertPolicies/" in name and value["userLabels"]["alert"] == "queue-depth":
            value["conditions"][0]["conditionThreshold"]["thresholdValue"] = 5


def _other_title(state: State) -> None:
    for name, value in state["resources"].items():
        if "/dashboards/" in name:
            value["mosaicLayout"]["tiles"][0]["widget"]["title"] = "Something else"


def _disable_api(state: State) -> None:
    state["enabled"].remove("monitoring.googleapis.com")


FIELDS = f"projects/{PROJECT}/databases/(default)/collectionGroups"
JOBS = "cloudscheduler.projects.locations.jobs"
RESUME = [f"{JOBS}.resume report-dispatch", f"{JOBS}.patch report-dispatch"]
WORKER = ["run.projects.locations.services.patch report-worker"]


@pytest.mark.parametrize(
    ("by_hand", "step", "mended"),
    [
        (_disable_api, "apis", ["serviceusage.services.batchEnable my-project"]),
        (
            _remove("/collectionGroups/dead_letters/indexes/"),
            "firestore",
            ["firestore.projects.databases.collectionGroups.indexes.create dead_letters"] * 3,
        ),
        (
            lambda state: state["resources"].pop(f"{FIELDS}/deliveries/fields/expire_at"),
            "firestore",
            ["firestore.projects.databases.collectionGroups.fields.patch expire_at"],
        ),
        (
            _set("report_subscriptions/fields/shard", "indexConfig", value={"indexes": []}),
            "firestore",
            ["firestore.projects.databases.collectionGroups.fields.patch shard"],
        ),
        (
            _forget_binding("project"),
            "accounts",
            [
                "serviceusage.services.generateServiceIdentity pubsub.googleapis.com",
                f"cloudresourcemanager.projects.setIamPolicy {PROJECT}",
            ],
        ),
        (
            _grants_of_old,
            "accounts",
            [
                f"cloudresourcemanager.projects.setIamPolicy {PROJECT}",
                f"iam.projects.serviceAccounts.setIamPolicy report-events@{DOMAIN}",
            ],
        ),
        (
            _forget_binding(f"{PLACE}/queues/reports"),
            "messaging",
            ["cloudtasks.projects.locations.queues.setIamPolicy reports"],
        ),
        (_open_to_all, "functions", ["run.projects.locations.services.setIamPolicy report-worker"]),
        (
            _set("/queues/reports", "rateLimits", "maxDispatchesPerSecond", value=99),
            "messaging",
            ["cloudtasks.projects.locations.queues.patch reports"],
        ),
        (_other_container("resources", "limits", "memory", value="256Mi"), "worker", WORKER),
        (_other_container("env", 10, "value", value="x"), "worker", WORKER),
        (_other_version, "worker", WORKER),
        (_set("/services/report-worker", "invokerIamDisabled", value=True), "worker", WORKER),
        (_set("/services/report-worker", "scaling", "maxInstanceCount", value=3), "worker", WORKER),
        (_split_traffic, "worker", WORKER),
        (
            _set("/jobs/report-dispatch", "schedule", value="5 5 * * *"),
            "scheduler",
            [f"{JOBS}.patch report-dispatch"],
        ),
        (
            _set("/metrics/report-runs", "filter", value="x"),
            "monitoring",
            ["logging.projects.metrics.update report-runs"],
        ),
        (
            _set("/serviceLevelObjectives/on-time", "goal", value=0.5),
            "monitoring",
            ["monitoring.services.serviceLevelObjectives.patch on-time"],
        ),
        (_other_threshold, "", ["monitoring.projects.alertPolicies.patch"]),
        (_other_title, "monitoring", ["monitoring.projects.dashboards.patch"]),
        (
            _set("/subscriptions/report-dead-letters", "pushConfig", "pushEndpoint", value="https://other.example"),
            "messaging",
            ["pubsub.projects.subscriptions.patch report-dead-letters"],
        ),
        (
            _set("/subscriptions/report-undeliverable", "pushConfig", value={"pushEndpoint": "https://x.example"}),
            "messaging",
            ["pubsub.projects.subscriptions.patch report-undeliverable"],
        ),
    ],
)
def test_what_was_changed_by_hand_is_mended_and_nothing_else(
    deployed: Deployment, by_hand: Callable[[State], None], step: str, mended: list[str]
) -> None:
    """Each by its own step, which is quicker; one by a whole run, which finds nothing else to do."""
    before = deployed.state
    deployed.edit(by_hand)
    outcome = deployed.deploy(*([f"--only={step}"] if step else []))
    assert outcome.status == 0, outcome.text
    # Numbers that Google chooses.
    assert [re.sub(r" (projects/\S+|\d+)$", "", change) for change in deployed.changes] == mended
    after = deployed.state
    assert {name.rsplit("/", 1)[0] for name in after["resources"]} == {
        name.rsplit("/", 1)[0] for name in before["resources"]
    }
    assert {resource: sorted(policy) for resource, policy in after["policies"].items() if policy} == {
        resource: sorted(policy) for resource, policy in before["policies"].items()
    }


class TestSettings:
    def test_names_everything_that_is_missing_at_once(self, bare: Deployment) -> None:
        wrong = {"DEFAULT_KIND": "none", "DEFAULT_CADENCE": "never", "SETTLING_MINUTES": "5", "WORKER_MEMORY": "much"}
        wrong |= {"RESTORED_AT": "now", "FIRESTORE_DATABASE": "Reports"}
        bare.settings = {"PROJECT_ID": PROJECT, **wrong}
        bare.secrets.clear()
        bare.edit(lambda state: state.update(billing=False))
        bare.edit(lambda state: state["enabled"].append("cloudbilling.googleapis.com"))
        outcome = bare.deploy()
        assert outcome.status == 1
        for name in ("REGION", "MAIL_FROM", *wrong, "SENDGRID_API_KEY", "gcloud billing"):
            assert name in outcome.errors
        assert bare.changes == []

    @pytest.mark.parametrize(
        ("limits", "error"),
        [
            ({"COMPLAINT_ALERT_PERCENT": "0.4"}, "COMPLAINT_ALERT_PERCENT, COMPLAINT_STOP_PERCENT"),
            ({"BOUNCE_STOP_PERCENT": "1"}, "BOUNCE_ALERT_PERCENT, BOUNCE_STOP_PERCENT"),
            ({"BOUNCE_STOP_PERCENT": "101"}, "BOUNCE_STOP_PERCENT: percent"),
            ({"BOUNCE_ALERT_PERCENT": "2 %"}, "BOUNCE_ALERT_PERCENT: percent"),
            ({"BREAKER_LEAST_MAILS": "0"}, "BREAKER_LEAST_MAILS: a number"),
        ],
    )
    def test_refuses_limits_of_the_breaker_that_make_no_sense(
        self, bare: Deployment, limits: dict[str, str], error: str
    ) -> None:
        bare.settings |= limits
        outcome = bare.deploy()
        assert outcome.status == 1
        assert error in outcome.errors
        assert bare.changes == []

    @pytest.mark.parametrize(
        ("change", "remedy"),
        [
            ({"project": "another"}, "(gcloud projects list). Google says: The caller does not have permission"),
            ({"billing": False}, "gcloud billing projects link"),
        ],
    )
    def test_each_missing_thing_comes_with_its_remedy(self, bare: Deployment, change: State, remedy: str) -> None:
        bare.edit(lambda state: state.update(change))
        bare.edit(lambda state: state["enabled"].append("cloudbilling.googleapis.com"))
        outcome = bare.deploy()
        assert outcome.status == 1
        assert remedy in outcome.errors
        assert bare.changes == []

    def test_without_billing_no_api_can_be_enabled(self, bare: Deployment) -> None:
        bare.edit(lambda state: state.update(billing=False))
        outcome = bare.deploy()
        assert outcome.status == 1
        assert f"gcloud billing projects link {PROJECT}" in outcome.errors
        assert bare.state["enabled"] == ["serviceusage.googleapis.com"]

    def test_a_login_that_is_over_says_which_command_renews_it(self, bare: Deployment) -> None:
        bare.fail("cloudresourcemanager.projects.get", "UNAUTHENTICATED: Request had invalid credentials.")
        outcome = bare.deploy()
        assert outcome.status == 1
        assert (
            "you are not logged in. What to do: log in again: gcloud auth application-default login" in outcome.errors
        )
        assert bare.changes == []

    def test_service_account_whose_own_project_lacks_an_api(self, bare: Deployment) -> None:
        bare.fail("cloudresourcemanager.projects.get", "SERVICE_DISABLED: It is disabled in project 54321.")
        outcome = bare.deploy()
        assert outcome.status == 1
        assert (
            "export GOOGLE_CLOUD_QUOTA_PROJECT=my-project, or turn it on there, "
            "gcloud services enable cloudresourcemanager.googleapis.com --project=54321. Google says: "
            "SERVICE_DISABLED: It is disabled"
        ) in outcome.errors
        assert "does not exist" not in outcome.errors
        assert bare.changes == []

    @pytest.mark.parametrize(
        ("enabled", "consumer"), [([], "54321"), (["cloudresourcemanager.googleapis.com"], NUMBER)]
    )
    def test_a_project_without_service_usage_is_told_how_to_turn_it_on(
        self, bare: Deployment, enabled: list[str], consumer: str
    ) -> None:
        bare.edit(lambda state: state.update(enabled=enabled))
        bare.fail("serviceusage.", f"SERVICE_DISABLED: It is disabled in project {consumer}.", times=9)
        outcome = bare.deploy()
        assert (outcome.status, bare.changes) == (1, [])
        assert f"gcloud services enable serviceusage.googleapis.com --project={consumer}" in outcome.errors
        assert "waiting for" not in outcome.errors
        assert "cloudresourcemanager.googleapis.com --project" not in outcome.errors

    def test_a_teardown_does_not_take_what_it_cannot_read_for_absent(self, bare: Deployment) -> None:
        outcome = bare.deploy("--teardown", answer=f"{PROJECT}\n")
        assert (outcome.status, bare.changes) == (1, [])
        assert f"gcloud services enable cloudresourcemanager.googleapis.com --project={PROJECT}" in outcome.errors

    @pytest.mark.parametrize("host", ["http://api.sendgrid.com", "http://localhost:8470", "api.sendgrid.com"])
    def test_the_key_for_sendgrid_does_not_go_out_in_the_clear(self, bare: Deployment, host: str) -> None:
        bare.settings["SENDGRID_HOST"] = host
        outcome = bare.deploy()
        assert outcome.status == 1
        assert "SENDGRID_HOST: must begin with https://" in outcome.errors
        assert bare.changes == []

    def test_region_that_does_not_exist(self, bare: Deployment) -> None:
        outcome = bare.deploy("--region=us-nowhere1")
        assert outcome.status == 1
        assert "us-nowhere1" in outcome.errors
        assert "europe-west1" in outcome.errors

    def test_function_that_is_too_large_for_the_quota(self, bare: Deployment) -> None:
        bare.settings |= {"WORKER_MAX_INSTANCES": "21", "WORKER_CPU": "2"}
        request = (
            "gcloud beta quotas preferences create --service=run.googleapis.com --quota-id=CpuAllocPerProjectRegion"
        )
        for changes in (1, 0):
            outcome = bare.deploy()
            assert outcome.status == 1
            assert "WORKER_MAX_INSTANCES=21 with WORKER_CPU=2 needs a quota of 42 vCPU in us-central1" in outcome.errors
            assert "(run.googleapis.com, CpuAllocPerProjectRegion), and the project has 20." in outcome.errors
            # As much as all functions take together.
            assert f"{request} --dimensions=region=us-central1 --preferred-value=45000" in outcome.errors
            # The first run enables the APIs, also the one that tells the quota. The second one changes nothing.
            assert len(bare.changes) == changes

    def test_quota_that_this_account_may_not_read(self, deployed: Deployment) -> None:
        deployed.settings["WORKER_MAX_INSTANCES"] = "21"
        deployed.fail(
            "cloudquotas.projects.locations.services.quotaInfos.get",
            "PERMISSION_DENIED: cloudquotas.quotas.get denied",
            times=2,
        )
        outcome = deployed.deploy("--only=worker")
        assert outcome.status == 1
        assert "is not read, so a function may turn out to be too large: PERMISSION" in outcome.errors
        assert "cloudquotas.quotas.get denied" in outcome.errors
        assert "CpuAllocPerProjectRegion requested: 21000 allowed: 20000" in outcome.errors
        assert "What to do: a function may have more CPUs than Cloud Run's quota in the region" in outcome.errors
        assert "link a billing account" not in outcome.errors

    def test_a_region_where_cloud_build_builds_nothing(self, bare: Deployment) -> None:
        text = "FAILED_PRECONDITION: due to quota restrictions, cannot run builds in this region."
        bare.fail("run.projects.locations.builds.submit", text, times=100)
        outcome = bare.deploy()
        assert outcome.status == 1
        assert 'docs/start/deploy.md names them under "Choose the settings"' in outcome.errors

    def test_env_file(self, bare: Deployment) -> None:
        file = bare.directory / "my settings.env"
        file.write_text(
            f'# a comment\r\n\nPROJECT_ID="{PROJECT}"\n  REGION = us-central1\n'.replace(" = ", "=")
            + "MAIL_WITHOUT_UNSUBSCRIBE=true\nENROLL=all\nDEFAULT_KIND=activity\n"
            'MAIL_FROM=\'reports@example.com\'\nMAIL_FROM_NAME="O\'Neil, \\"Größe\\" & Co = $(rm -rf /) `x`"\n'
            "export SENDGRID_API_KEY=SG.from-file=\nPREFIX=staging\n",
            encoding="utf-8",
        )
        bare.settings.clear()
        bare.secrets.clear()
        outcome = bare.deploy(f"--env-file={file}", "--queues", "2")
        assert outcome.status == 0, outcome.text
        variables = environment_of(bare.resource("/services/staging-worker"))
        assert variables["MAIL_FROM_NAME"] == 'O\'Neil, \\"Größe\\" & Co = $(rm -rf /) `x`'
        dispatcher = environment_of(bare.resource("/services/staging-dispatcher"))
        assert dispatcher["REPORT_QUEUES"] == "stagings,stagings-2"
        assert "SG.from-file" not in outcome.text
        # As many as there are, when it is not said again.
        assert bare.deploy(f"--env-file={file}").status == 0
        assert bare.changes == []

    @pytest.mark.parametrize(
        ("settings", "shared"),
        [
            ({"PREFIX": "report-mail"}, "the account report-mail-events"),
            ({"PREFIX": "staging", "QUEUE_NAME": "reports"}, "the queue reports"),
        ],
    )
    def test_two_pipelines_that_would_share_something(
        self, deployed: Deployment, settings: dict[str, str], shared: str
    ) -> None:
        deployed.settings |= settings
        outcome = deployed.deploy()
        assert (outcome.status, deployed.changes) == (1, [])
        words = f"PREFIX: {settings['PREFIX']} would share {shared} with the pipeline report of this project"
        assert words in outcome.errors

    @pytest.mark.parametrize("line", ["PATH=/tmp", "nonsense", "rm -rf /"])
    def test_env_file_with_something_else_in_it(self, bare: Deployment, line: str) -> None:
        file = bare.directory / "deploy.env"
        file.write_text(f"MAIL_FROM=a@b.c\n{line}\n", encoding="utf-8")
        outcome = bare.deploy("--env-file", str(file))
        assert outcome.status == 1
        assert "line 2" in outcome.errors

    def test_domain_scoped_project(self, bare: Deployment) -> None:
        # Such ids are old, and so is Pub/Sub's own account, which may not sign tokens yet.
        bare.edit(lambda state: state.update(project="example.com:reports", created="2012-05-01T00:00:00.000Z"))
        outcome = bare.deploy("--project=example.com:reports", "--only=accounts")
        assert outcome.status == 0, outcome.text
        assert bare.resource("/serviceAccounts/report-tasks@reports.example.com.iam.gserviceaccount.com")
        events = (
            "projects/example.com:reports/serviceAccounts/report-events@reports.example.com.iam.gserviceaccount.com"
        )
        assert [role for role, *_ in bare.state["policies"][events]] == ["roles/iam.serviceAccountTokenCreator"]

    @pytest.mark.parametrize("options", [["--nonsense"], ["--only=everything"], ["--project"], ["--delete-data"]])
    def test_wrong_option(self, bare: Deployment, options: list[str]) -> None:
        outcome = bare.deploy(*options)
        assert outcome.status == 2
        assert outcome.errors.splitlines() == [outcome.errors.strip()]
        assert "See ./deploy.sh --help." in outcome.errors
        assert bare.calls == []

    def test_help(self, bare: Deployment) -> None:
        outcome = bare.deploy("--help")
        assert outcome.status == 0
        for option in (
            "--project",
            "--env-file",
            "--only",
            "--queues",
            "--dry-run",
            "--teardown",
            "--delete-data",
            "--smoke",
        ):
            assert option in outcome.output


class TestSecrets:
    def test_new_value_is_a_new_version_and_a_new_revision(self, deployed: Deployment) -> None:
        deployed.secrets["SENDGRID_API_KEY"] = "SG.second"
        outcome = deployed.deploy("--only=secrets")
        assert outcome.status == 0, outcome.text
        assert deployed.changes == ["secretmanager.projects.secrets.addVersion report-sendgrid-api-key"]
        assert "SG.second" not in outcome.text
        outcome = deployed.deploy("--only=worker")
        assert deployed.changes == WORKER
        assert deployed.environment_of("worker")["SENDGRID_API_KEY"] == "report-sendgrid-api-key:2"
        assert "SG.second" not in outcome.text

    def test_no_slack(self, deployed: Deployment) -> None:
        del deployed.secrets["SLACK_WEBHOOK_URL"]
        deployed.edit(_remove("/secrets/report-slack-webhook-url"))
        outcome = deployed.deploy("--only=dlq-handler")
        assert outcome.status == 0, outcome.text
        assert "SLACK_WEBHOOK_URL" not in deployed.environment_of("dlq-handler")


class TestApi:
    def test_it_is_there_for_those_who_are_named_and_gone_when_nobody_is(self, deployed: Deployment) -> None:
        callers = [f"{name}@product.iam.gserviceaccount.com" for name in ("app", "shop")]
        deployed.settings["API_CALLERS"] = ",".join(callers)
        outcome = deployed.deploy()
        assert outcome.status == 0, outcome.text
        assert "API         https://report-api-" in outcome.output
        variables = deployed.environment_of("api") | {"PREFERENCES_KEY": "k" * 32}
        settings = ApiSettings.model_validate({name.lower(): value for name, value in variables.items()})
        assert settings.api_callers == callers

        def let_in() -> set[str]:
            name = "projects/my-project/locations/us-central1/services/report-api"
            return {grant[1] for grant in deployed.state["policies"][name]}

        assert let_in() == {f"serviceAccount:{caller}" for caller in callers}
        deployed.settings["API_CALLERS"] = callers[1]
        assert deployed.deploy("--only=api").status == 0
        assert let_in() == {f"serviceAccount:{callers[1]}"}
        del deployed.settings["API_CALLERS"]
        assert "removed: function report-api" in deployed.deploy("--only=api").output

    def test_a_person_is_no_caller(self, bare: Deployment) -> None:
        bare.settings["API_CALLERS"] = "ada@example.com"
        assert "API_CALLERS: ada@example.com is not the address of a service account." in bare.deploy().text


class TestPage:
    @pytest.mark.parametrize(
        ("ways", "has_page"),
        [
            ({}, True),
            ({"MAIL_WITHOUT_UNSUBSCRIBE": "false"}, True),
            ({"MAIL_WITHOUT_UNSUBSCRIBE": "true"}, False),
            ({"MAIL_UNSUBSCRIBE_GROUP": "7"}, False),
        ],
    )
    def test_no_mail_goes_out_without_a_way_out_unless_that_is_said(
        self, deployed: Deployment, ways: dict[str, str], has_page: bool
    ) -> None:
        del deployed.settings["MAIL_WITHOUT_UNSUBSCRIBE"]
        deployed.settings |= ways
        outcome = deployed.deploy("--dry-run", "--only=preferences")
        assert outcome.status == 0, outcome.text
        assert ("to be created: function report-preferences" in outcome.output) == has_page

    @pytest.mark.parametrize(
        "ways",
        [{"MAIL_UNSUBSCRIBE_GROUP": "7", "PREFERENCES_URL": "https://x.example"}, {"PREFERENCES_URL": "http://x"}],
    )
    def test_a_mail_has_one_way_out(self, bare: Deployment, ways: dict[str, str]) -> None:
        bare.settings |= ways
        outcome = bare.deploy()
        assert (outcome.status, bare.changes) == (1, [])
        assert "PREFERENCES_URL: " in outcome.errors


def planned(dry: Outcome) -> list[str]:
    """The commands and methods that a dry run names."""
    return re.findall(r"^    (?:gcloud|[a-z]+\.\S+) .*", dry.text, re.MULTILINE)


def promised(outcome: Outcome) -> list[str]:
    """What a run says that it is to make, change and remove. If it is no dry run, it says the same of what it did."""
    lines = re.findall(r"^  to be ((?:created|changed|removed): .*)", outcome.output, re.MULTILINE)
    done = re.findall(r"^  ((?:created|changed|removed): .*)", outcome.output, re.MULTILINE)
    assert sorted(done) == ([] if outcome.output.startswith("Dry") or "Dry run" in outcome.output else sorted(lines))
    (counts,) = re.findall(r"reated: (\d+), (?:to be )?changed: (\d+), (?:to be )?removed: (\d+),", outcome.output)
    assert sum(map(int, counts)) == len(lines)
    return sorted(lines)


class TestCheckout:
    def test_labels_say_what_runs(self, first_deployment: FirstDeployment, repository: Path) -> None:
        [revision] = [
            value for name, value in first_deployment.state["resources"].items() if "/revisions/report-worker-" in name
        ]
        labels = revision["labels"]
        assert labels["commit"] == git(repository, "rev-parse", "HEAD")
        assert re.fullmatch(r"[a-z0-9_-]{1,63}", labels["version"])

    def test_only_what_git_tracks_is_deployed_and_no_change_by_mistake(
        self, tmp_path: Path, repository: Path, first_deployment: FirstDeployment
    ) -> None:
        checkout = shutil.copytree(repository, tmp_path / "checkout")
        (checkout / "functions" / "worker" / "service-account.json").write_text("{}", encoding="utf-8")
        with (checkout / "functions" / "worker" / "main.py").open("a", encoding="utf-8") as main:
            main.write("# A change.\n")
        deployed = Deployment(tmp_path / "project", repository=checkout, state=first_deployment.state)
        outcome = deployed.deploy("--only=worker")
        assert outcome.status == 1
        assert "no clean commit: functions/worker/main.py functions/worker/service-account.json. " in outcome.errors
        assert deployed.changes == []
        outcome = deployed.deploy("--only=worker", "--dirty")
        assert outcome.status == 0, outcome.text
        # The source goes in several parts.
        build = dict.fromkeys(change.partition(" ")[0] for change in deployed.changes if change not in WORKER)
        assert [*build] == ["storage.objects.insert", "run.projects.locations.builds.submit"]
        assert "functions/worker/service-account.json" not in deployed.state["deployed_files"]["report-worker"]
        assert deployed.service("worker")["labels"]["commit"].endswith("-dirty")


class TestDryRun:
    def test_of_a_bare_project(self, bare: Deployment, first_deployment: FirstDeployment) -> None:
        before = bare.state
        file = bare.directory / "plan.json"
        outcome = bare.deploy("--dry-run", "--verbose", f"--plan-json={file}")
        assert outcome.status == 0, outcome.text
        plan = file.read_text(encoding="utf-8")
        assert "secretmanager.projects.secrets.addVersion" in plan
        assert bare.state == before
        assert bare.changes == []
        for command in (
            "serviceusage.services.batchEnable",
            "run.projects.locations.services.create projects/my-project/locations/us-central1 serviceId=report-worker",
            "cloudtasks.projects.locations.queues.create projects/my-project/locations/us-central1",
            "resume",
            f"logging.projects.metrics.create projects/{PROJECT}",
        ):
            assert command in outcome.output
        for secret in SECRETS.values():
            assert secret not in outcome.text + plan
            assert base64.b64encode(secret.encode()).decode() not in plan
        assert promised(outcome) == promised(first_deployment.outcome)

    @pytest.mark.parametrize(
        ("settings", "secrets", "count"),
        [
            ({"LOG_LEVEL": "DEBUG"}, {}, 3),
            ({}, {"SENDGRID_API_KEY": "SG.second"}, 3),
            ({"ALERT_EMAIL": "a@b.c"}, {}, 12),
        ],
    )
    def test_promises_what_a_run_changes(
        self, deployed: Deployment, settings: dict[str, str], secrets: dict[str, str], count: int
    ) -> None:
        before = deployed.state
        deployed.settings |= settings
        deployed.secrets |= secrets
        dry = deployed.deploy("--dry-run")
        assert dry.status == 0, dry.text
        assert deployed.state == before
        assert len(promised(dry)) == count
        run = deployed.deploy()
        assert promised(run) == promised(dry)
        assert len(planned(dry)) == len(deployed.changes)


class TestFailures:
    @pytest.mark.parametrize(
        ("command", "gone", "step"),
        [
            ("serviceusage.services.batchEnable", "", "apis"),
            (
                "firestore.projects.databases.collectionGroups.indexes.create",
                "/collectionGroups/users/indexes/",
                "firestore",
            ),
            ("iam.projects.serviceAccounts.create", "/serviceAccounts/report-build@", "accounts"),
            ("secretmanager.projects.secrets.addVersion", "/secrets/report-sendgrid-api-key", "secrets"),
            ("cloudtasks.projects.locations.queues.create", "/queues/reports", "messaging"),
            ("run.projects.locations.services.create", "/services/report-worker", "functions"),
            (f"{JOBS}.create", "/jobs/report-dispatch", "scheduler"),
            ("monitoring.projects.alertPolicies.create", "/alertPolicies/", "monitoring"),
        ],
    )
    def test_a_step_that_fails_says_why_and_can_be_taken_up_again(
        self, deployed: Deployment, command: str, gone: str, step: str
    ) -> None:
        deployed.edit(_remove(gone) if gone else lambda state: state["enabled"].pop())
        deployed.fail(command, "PERMISSION_DENIED: The caller does not have permission", times=100)
        outcome = deployed.deploy(f"--only={step}")
        assert outcome.status == 1
        deployed.edit(lambda state: state["faults"].clear())
        assert f'step "{step}"' in outcome.errors
        assert f"Request: {command}" in outcome.errors
        assert "PERMISSION_DENIED: The caller does not have permission" in outcome.errors
        assert "docs/guides/permissions.md" in outcome.errors
        again = deployed.deploy(f"--only={step}")
        assert again.status == 0, again.text

    @pytest.mark.parametrize(
        ("removed", "lost"),
        [
            ("/secrets/report-slack-webhook-url", "secretmanager.projects.secrets.create"),
            ("/secrets/report-slack-webhook-url", "secretmanager.projects.secrets.addVersion"),
            ("/jobs/", "cloudscheduler.projects.locations.jobs.create"),
        ],
    )
    def test_a_lost_answer_to_a_creation_is_looked_up(self, deployed: Deployment, removed: str, lost: str) -> None:
        deployed.edit(_remove(removed))
        deployed.fail(lost, "UNAVAILABLE: try later", when="after")
        outcome = deployed.deploy()
        assert outcome.status == 0, outcome.text
        assert deployed.deploy().status == 0
        assert deployed.changes == []

    def test_datastore_mode(self, bare: Deployment) -> None:
        name = f"projects/{PROJECT}/databases/(default)"
        bare.edit(lambda state: state["resources"].update({name: {"name": name, "type": "DATASTORE_MODE"}}))
        # Even where the API has just been enabled and does not answer at once.
        outcome = bare.deploy("--only=firestore")
        assert outcome.status == 1
        assert "Datastore mode" in outcome.errors

    def test_queue_name_that_was_deleted_lately(self, deployed: Deployment) -> None:
        deployed.edit(_remove("/queues/reports"))
        deployed.edit(lambda state: state["recently_deleted_queues"].append("reports"))
        outcome = deployed.deploy("--only=messaging")
        assert outcome.status == 1
        assert f"{PLACE}/queues/reports\n" in outcome.errors
        assert "the name of a deleted queue for some days, and reports was one; set QUEUE_NAME" in outcome.errors

    def test_another_queue_name_is_enough_after_a_teardown(self, bare: Deployment) -> None:
        bare.edit(lambda state: state["recently_deleted_queues"].extend(["reports", "report-continuations"]))
        bare.settings["QUEUE_NAME"] = "reports-b"
        outcome = bare.deploy()
        assert outcome.status == 0, outcome.text
        assert bare.environment_of("dispatcher")["CONTINUATION_QUEUE"] == "reports-b-continuations"
        assert bare.deploy("--teardown", answer=PROJECT).status == 0
        assert not [name for name in bare.state["resources"] if "/queues/" in name]

    def test_queue_that_cloud_tasks_has_not_made_though_it_says_so(self, deployed: Deployment) -> None:
        deployed.edit(_remove("/queues/reports"))
        deployed.edit(lambda state: state["buried_queues"].append("reports"))
        outcome = deployed.deploy("--only=messaging")
        assert outcome.status == 1
        assert "FAILED_PRECONDITION: It was made, as Google says, and is not there." in outcome.errors
        assert "set QUEUE_NAME to another one, which" in outcome.errors

    def test_ctrl_c_leaves_nothing_that_a_second_run_does_not_finish(self, deployed: Deployment) -> None:
        deployed.settings["LOG_LEVEL"] = "DEBUG"
        deployed.edit(_set("/jobs/report-dispatch", "schedule", value="5 5 * * *"))
        outcome = deployed.interrupt("run.projects.locations.services.patch")
        assert outcome.status == 130
        assert "Run ./deploy.sh again" in outcome.errors
        # A deployment stops no reports.
        assert deployed.resource("/jobs/report-dispatch")["state"] == "ENABLED"
        again = deployed.deploy()
        assert again.status == 0, again.text
        assert deployed.resource("/jobs/report-dispatch")["state"] == "ENABLED"
        assert deployed.resource("/jobs/report-dispatch")["schedule"] == "0 * * * *"


class TestOnly:
    def test_one_function(self, deployed: Deployment) -> None:
        deployed.settings["LOG_LEVEL"] = "DEBUG"
        assert deployed.deploy("--only=worker").status == 0
        assert deployed.changes == WORKER

    def test_one_step(self, bare: Deployment) -> None:
        assert bare.deploy("--only=apis").status == 0
        assert bare.changes == [f"serviceusage.services.batchEnable {PROJECT}", "storage.buckets.insert "]


def _fill(deployed: Deployment, database: str = "(default)") -> set[str]:
    """Documents of the pipeline, more than a page of them, and of the team."""
    root = f"projects/{PROJECT}/databases/{database}/documents"
    paths = [f"deliveries/{number}" for number in range(301)]
    paths += [
        "mail_events/1",
        "runs/1",
        "dead_letters/1",
        "system_alerts/1",
        "alerts/1",
        "users/1",
        "users/1/runs/1",
        "users/1/events/1",
    ]
    names = {f"{root}/{path}" for path in paths}
    deployed.edit(lambda state: state["documents"].update({name: {"name": name} for name in names}))
    return set(deployed.state["documents"])


def _databases_of(deployed: Deployment, prefix: str) -> set[tuple[str, str]]:
    """The databases that dispatcher and worker may use, each as its account has it and as the function's environment
    names it."""
    found = set()
    for name in ("dispatcher", "worker"):
        member = f"serviceAccount:{prefix}-{name}@{DOMAIN}"
        for role, whose, _, condition in deployed.state["policies"]["project"]:
            if (role, whose) == ("roles/datastore.user", member):
                found.add((name, condition.removeprefix(f'resource.name=="projects/{PROJECT}/databases/').rstrip('"')))
        found.add((name, environment_of(deployed.resource(f"/services/{prefix}-{name}"))["FIRESTORE_DATABASE"]))
    return found


class TestTeardown:
    @pytest.mark.everyday
    def test_leaves_nothing(self, deployed: Deployment) -> None:
        outcome = deployed.deploy("--teardown", answer=f"{PROJECT}\n")
        assert outcome.status == 0, outcome.text
        state = deployed.state
        assert [name for name in state["resources"] if "/databases/" not in name and "/builds/" not in name] == []
        database = f"projects/{PROJECT}/databases/(default)"
        kept = {name.partition("/backupSchedules/")[0] for name in state["resources"] if "/builds/" not in name}
        assert kept == {database}
        assert not [binding for binding in state["policies"]["project"] if "report-" in binding[1]]
        assert ["roles/owner", "user:op@example.com", "", ""] in state["policies"]["project"]
        assert deployed.deploy("--teardown", answer=f"{PROJECT}\n").status == 0
        assert deployed.changes == []

    def test_asks(self, deployed: Deployment) -> None:
        before = deployed.state
        assert deployed.deploy("--teardown", answer="yes\n").status == 1
        assert deployed.deploy("--teardown").status == 1
        assert deployed.state == before

    def test_dry_run(self, deployed: Deployment) -> None:
        before = deployed.state
        outcome = deployed.deploy("--teardown", "--dry-run")
        assert outcome.status == 0
        assert (
            "run.projects.locations.services.delete projects/my-project/locations/us-central1/services/report-worker"
            in outcome.output
        )
        assert deployed.state == before

    def test_deletes_data_when_that_is_said_and_leaves_what_is_not_its_own(self, deployed: Deployment) -> None:
        before = _fill(deployed)
        foreign: dict[str, dict[str, Any]] = {
            f"{PLACE}/queues/reports-of-others": {"state": "RUNNING"},
            f"{PLACE}/services/reporting": {"metadata": {"name": "reporting"}},
            f"projects/{PROJECT}/secrets/sendgrid-api-key": {},
            f"projects/{PROJECT}/serviceAccounts/reporter@{DOMAIN}": {"email": f"reporter@{DOMAIN}"},
            f"projects/{PROJECT}/alertPolicies/999": {"userLabels": {"pipeline": "other"}},
            f"projects/{PROJECT}/dashboards/998": {"displayName": "Other"},
        }
        deployed.edit(
            lambda state: state["resources"].update({name: value | {"name": name} for name, value in foreign.items()})
        )
        assert deployed.deploy("--teardown", "--delete-data", answer=f"{PROJECT}\n").status == 0
        assert set(deployed.state["documents"]) == {name for name in before if "/users/" in name}
        assert set(foreign) <= set(deployed.state["resources"])

    def test_two_pipelines_in_one_project(self, deployed: Deployment) -> None:
        before = _fill(deployed)
        kept = deployed.state
        deployed.settings["PREFIX"] = "staging"
        assert deployed.deploy().status == 0
        outcome = deployed.deploy("--teardown", "--delete-data", answer=f"{PROJECT}\n")
        assert outcome.status == 0
        assert set(deployed.state["documents"]) == before
        # The other is what it was, but for the builds that are recorded, and policies that grant nothing any more.
        for part in ("resources", "policies"):
            left = {name: each for name, each in deployed.state[part].items() if "/builds/" not in name and each}
            assert left == {name: each for name, each in kept[part].items() if "/builds/" not in name and each}
        del deployed.settings["PREFIX"]
        assert deployed.deploy().status == 0
        assert deployed.changes == []

    def test_two_pipelines_with_a_database_each(self, deployed: Deployment) -> None:
        _fill(deployed, "restored")
        before = _fill(deployed)
        deployed.settings |= {"PREFIX": "staging", "FIRESTORE_DATABASE": "staging-data"}
        assert deployed.deploy().status == 0
        assert _databases_of(deployed, "staging") == {("dispatcher", "staging-data"), ("worker", "staging-data")}
        assert {"indexes", "fields"} <= {
            name.split("/")[-2] for name in deployed.state["resources"] if "/staging-data/" in name
        }
        assert deployed.deploy().status == 0
        assert deployed.changes == []

        # After a backup is restored, which Google does into a database of another name.
        deployed.settings["FIRESTORE_DATABASE"] = "restored"
        outcome = deployed.deploy()
        assert outcome.status == 0, outcome.text
        assert _databases_of(deployed, "staging") == {("dispatcher", "restored"), ("worker", "restored")}
        assert "roles/datastore.user on the database staging-data for staging-worker@" in outcome.output

        assert deployed.deploy("--teardown", "--delete-data", answer=f"{PROJECT}\n").status == 0
        assert before - deployed.state["documents"].keys() == {
            name for name in before if "/restored/" in name and "/users/" not in name
        }
        left = [name for name in deployed.state["resources"] if "/restored/" in name]
        assert not [name for name in left if "/backupSchedules/" not in name]
        for name in ("PREFIX", "FIRESTORE_DATABASE"):
            del deployed.settings[name]
        assert deployed.deploy().status == 0
        assert deployed.changes == []


class TestSmoke:
    def test_waits_until_the_report_has_arrived(self, deployed: Deployment) -> None:
        deployed.edit(lambda state: state.update(delivery_states=["", "sending", "sent"]))
        outcome = deployed.deploy("--smoke", "--only=apis")
        assert outcome.status == 0, outcome.text
        arrived = re.search(r"arrived: (report-smoke-test-\d+):(smoke-test):(\d{8}T\d{4}Z)\n", outcome.output)
        assert arrived
        due_at = datetime.strptime(arrived[3], "%Y%m%dT%H%M%z")
        assert arrived[0].strip() == f"arrived: {delivery_id(arrived[1], arrived[2], due_at)}"
        assert deployed.state["forced_runs"] == 1
        # User and subscription are gone again. They were new, as applications write them, and SendGrid keeps the
        # emails.
        assert deployed.state["documents"] == {}
        (user, subscription) = [each["update"]["fields"] for each in deployed.state["written"] if "update" in each]
        assert user["enrolled_at"] == subscription["shard"] == {"nullValue": "NULL_VALUE"}
        assert subscription["sandbox"] == {"booleanValue": True}
        assert "ya29.stand-in" not in outcome.text

    def test_says_what_went_wrong(self, deployed: Deployment) -> None:
        deployed.edit(lambda state: state.update(delivery_states=["sending", "dead"]))
        outcome = deployed.deploy("--smoke", "--only=apis")
        assert outcome.status == 1
        assert "is dead: no such key" in outcome.errors
        assert "ramped up" not in outcome.errors
        assert deployed.state["documents"] == {}

    def test_says_during_a_ramp_that_it_waits_behind_others(self, deployed: Deployment) -> None:
        deployed.edit(lambda state: state.update(delivery_states=["dead"]))
        deployed.settings["RAMP_START"] = "2126-12-01"
        outcome = deployed.deploy("--smoke", "--only=apis")
        assert outcome.status == 1
        assert "While a new domain is ramped up, the test waits behind" in outcome.errors


def test_alert_channel_is_made_once_and_bound(deployed: Deployment) -> None:
    given = [f"projects/{PROJECT}/notificationChannels/{number}" for number in (1, 2)]
    deployed.settings |= {"ALERT_EMAIL": "ops@example.com", "NOTIFICATION_CHANNELS": ", ".join(given)}
    assert deployed.deploy("--only=monitoring").status == 0
    resources = deployed.state["resources"]
    (channel,) = [name for name in resources if "/notificationChannels/" in name]
    for policy in [value for name, value in resources.items() if "/alertPolicies/" in name]:
        assert policy["notificationChannels"] == [*given, channel]
    assert deployed.deploy("--only=monitoring").status == 0
    assert deployed.changes == []
    assert deployed.deploy("--teardown", answer=f"{PROJECT}\n").status == 0
    assert channel not in deployed.state["resources"]


def test_schedule_that_is_to_stay_paused(deployed: Deployment) -> None:
    deployed.edit(_set("/jobs/report-dispatch", "description", value="Reports, every hour"))
    deployed.settings["SCHEDULE"] = "paused"
    assert deployed.deploy("--only=scheduler").status == 0
    assert deployed.resource("/jobs/report-dispatch")["state"] == "PAUSED"
    assert deployed.resource("/jobs/report-dispatch")["description"] == "Reports, every hour [paused by deploy.sh]"
    assert deployed.deploy("--only=scheduler").status == 0
    assert deployed.changes == []
    del deployed.settings["SCHEDULE"]
    assert deployed.deploy("--only=scheduler").status == 0
    assert deployed.changes == RESUME
    assert deployed.resource("/jobs/report-dispatch")["description"] == "Reports, every hour"


@pytest.mark.parametrize("state", ["CREATING", "NEEDS_REPAIR"])
def test_the_job_waits_for_the_indexes(deployed: Deployment, state: str) -> None:
    index = next(name for name in deployed.state["resources"] if "/collectionGroups/users/indexes/" in name)
    deployed.settings["SCHEDULE"] = "paused"
    assert deployed.deploy("--only=scheduler").status == 0
    del deployed.settings["SCHEDULE"]
    deployed.edit(_set(index, "state", value=state))
    outcome = deployed.deploy("--only=scheduler")
    assert (outcome.status, deployed.changes) == (1, [])
    assert f"  - index of users: active, enrolled_at: {state}\n" in outcome.errors
    deployed.edit(_set(index, "state", value="READY"))
    assert deployed.deploy("--only=scheduler").status == 0
    assert deployed.changes == RESUME


def test_job_that_is_paused_by_hand_stays_paused(deployed: Deployment) -> None:
    deployed.edit(_set("/jobs/report-dispatch", "state", value="PAUSED"))
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    assert deployed.changes == []
    assert deployed.resource("/jobs/report-dispatch")["state"] == "PAUSED"
    assert "job report-dispatch is paused by hand and stays so" in outcome.errors
    assert f"gcloud scheduler jobs resume report-dispatch --location=us-central1 --project={PROJECT}" in outcome.errors


def test_queue_that_is_paused_by_hand_stays_paused(deployed: Deployment) -> None:
    deployed.edit(_set("/queues/reports", "state", value="PAUSED"))
    outcome = deployed.deploy("--only=messaging")
    assert outcome.status == 0
    assert "paused" in outcome.errors
    assert deployed.changes == []


def test_script_is_understood_by_old_bash(repository: Path) -> None:
    """macOS ships bash 3.2: nothing in the script is newer."""
    newer = re.compile(
        r"declare -A|local -A|\$\{[a-zA-Z_]+(,,|\^\^|@)|mapfile|readarray|wait -n|BASHPID|&>>|\|&|coproc"
    )
    assert not newer.search((repository / "deploy.sh").read_text(encoding="utf-8"))


@pytest.mark.everyday
def test_the_script_finds_python_and_carries_out_the_run(deployed: Deployment) -> None:
    outcome = deployed.deploy_by_script("--only=apis", "--verbose")
    assert outcome.status == 0, outcome.text
    assert "Created: 0, changed: 0, removed: 0" in outcome.output
    assert deployed.deploy_by_script("--only=everything").status == 2


def test_ctrl_c_ends_the_script_at_once(deployed: Deployment) -> None:
    deployed.project.hanging_command = "pubsub.projects.topics.get"
    process = subprocess.Popen(
        ["/bin/bash", str(deployed.repository / "deploy.sh"), "--only=messaging"],
        env=deployed.script_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert deployed.project.hangs.wait(PATIENCE_SECONDS)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, errors
    assert 'Interrupted in step "messaging". Run ./deploy.sh --only=messaging again' in errors
    assert "Traceback" not in errors
