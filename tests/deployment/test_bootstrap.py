"""The administrator's part of a deployment and the deployer's, each with the roles of docs/guides/permissions.md."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.auth.exceptions import DefaultCredentialsError

from tests.deployment.conftest import BARE, PROJECT, REPOSITORY, Deployment
from tests.deployment.stand_in.permissions import granted_by, missing_permission, permissions_of, place_of
from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.the_project import BILLING_ACCOUNT
from tests.deployment.test_encryption import KEY

ADMINISTRATOR = "user:admin@example.com"
CI = f"serviceAccount:ci@{PROJECT}.iam.gserviceaccount.com"
GROUP = "group:platform@example.com"
WITH_ALL = {"CONSOLE_OPERATORS": "ada@example.com", "ALERT_EMAIL": "ops@example.com", "BUDGET": "100", "KMS_KEY": KEY}
WITH_ALL |= {"ARCHIVE": "on", "OUTCOMES": "on"}
ACT_AS = "roles/iam.serviceAccountUser"
OPTIONAL = {"roles/firebaserules.admin", "roles/datastore.user"}
"""Those that only --firestore-rules and --smoke need."""


def listed_roles(heading: str) -> list[str]:
    """The roles in the first column of the table under a heading of docs/guides/permissions.md."""
    text = (REPOSITORY / "docs/guides/permissions.md").read_text(encoding="utf-8")
    section = text.partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    return [f"roles/{role}" for role in re.findall(r"^\| `([\w.]+)`", section, flags=re.MULTILINE)]


ADMINISTRATORS_ROLES = listed_roles("The administrator's roles")
DEPLOYERS_ROLES = listed_roles("The deployer's roles")


@dataclass(frozen=True, kw_only=True)
class Bootstrapped:
    """A bare project after an administrator's part and the deployer's first, with the commands of both."""

    state: dict[str, Any]
    administrators: list[list[str]]
    deployers: list[list[str]]


def as_administrator(deployment: Deployment) -> None:
    deployment.edit(lambda state: state.update(caller=ADMINISTRATOR))


def as_deployer(deployment: Deployment) -> None:
    deployment.settings["DEPLOYER"] = CI
    deployment.edit(lambda state: state.update(caller=CI))


def granted(state: dict[str, Any], member: str) -> Iterator[tuple[str, str, str]]:
    """Each role of a member that the project has granted, with its resource and the title of its condition."""
    for resource, bindings in state["policies"].items():
        if resource == BILLING_ACCOUNT:
            continue
        yield from ((resource, role, title) for role, one, title, _ in bindings if one == member)


@pytest.fixture(scope="module")
def bootstrapped(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Bootstrapped:
    """How the two parts go on a bare project, the console included, with the roles that are listed, and no others."""
    account = f"projects/{PROJECT}/serviceAccounts/{CI.partition(':')[2]}"
    state = {
        **BARE,
        "resources": {account: {"name": account, "email": account.rpartition("/")[2]}, KEY: {"name": KEY}},
        "policies": {
            "project": [[role, ADMINISTRATOR, "", ""] for role in ADMINISTRATORS_ROLES],
            BILLING_ACCOUNT: [["roles/billing.costsManager", CI, "", ""]],
            KEY: [["roles/cloudkms.admin", ADMINISTRATOR, "", ""]],
        },
    }
    deployment = Deployment(tmp_path_factory.mktemp("bootstrapped"), repository=repository, state=state)
    deployment.settings |= WITH_ALL
    as_administrator(deployment)
    first = deployment.deploy("--bootstrap", "--console", f"--deployer={CI}")
    assert first.status == 0, first.text
    assert f"All else is deployed by ./deploy.sh, without --bootstrap, as {CI}" in first.output
    assert not any(key.endswith("/services/report-worker") for key in deployment.state["resources"])
    administrators = deployment.calls

    as_deployer(deployment)
    second = deployment.deploy("--console")
    assert second.status == 0, second.text
    assert not [
        change
        for change in deployment.changes
        if change.startswith(("cloudresourcemanager", "iam.", "serviceusage", "artifactregistry"))
    ]
    return Bootstrapped(state=deployment.state, administrators=administrators, deployers=deployment.calls)


@pytest.fixture
def split(tmp_path: Path, repository: Path, bootstrapped: Bootstrapped) -> Deployment:
    """A project that was deployed in two parts; the next run is the deployer's."""
    deployment = Deployment(tmp_path, repository=repository, state=bootstrapped.state)
    deployment.settings |= WITH_ALL
    as_deployer(deployment)
    return deployment


def test_the_deployer_gets_the_roles_that_are_listed_and_acts_as_the_accounts_that_run(
    bootstrapped: Bootstrapped,
) -> None:
    roles = list(granted(bootstrapped.state, CI))
    assert sorted(role for resource, role, _ in roles if resource == "project") == sorted(
        set(DEPLOYERS_ROLES) - OPTIONAL - {ACT_AS}
    )
    assert {title for resource, _, title in roles if resource == "project"} == {"report-deployer"}
    accounts = {
        resource.rpartition("/")[2].partition("@")[0]: role for resource, role, _ in roles if resource != "project"
    }
    names = ("dispatcher", "worker", "dlq-handler", "console", "scheduler", "events", "build")
    assert accounts == {f"report-{name}": ACT_AS for name in names}


def test_a_deployer_deploys_changes_and_checks(split: Deployment) -> None:
    again = split.deploy("--console")
    assert (again.status, split.changes) == (0, []), again.text

    check = split.deploy("--check", "--console")
    assert (check.status, split.changes) == (0, []), check.text

    split.settings["LOG_LEVEL"] = "DEBUG"
    assert "to be changed: 3" in split.deploy("--dry-run").text
    changed = split.deploy()
    assert changed.status == 0, changed.text
    deployed = {change for change in split.changes if change.startswith("run.projects.locations.services.patch")}
    assert deployed == {
        f"run.projects.locations.services.patch report-{name}" for name in ("dispatcher", "worker", "dlq-handler")
    }


def test_a_deployer_releases(split: Deployment) -> None:
    old = split.service("worker")["latestReadyRevision"].rpartition("/")[2]
    figures = {old.replace("-00001-", "-00002-"): {"answers": {"2xx": 100}}, old: {"answers": {"2xx": 900}}}
    split.edit(lambda state: state.update(series=[figures]))
    split.settings["WORKER_MEMORY"] = "2Gi"
    for options in ("--canary=10", "--promote", "--rollback"):
        outcome = split.deploy(options)
        assert outcome.status == 0, outcome.text
    [target] = split.service("worker")["traffic"]
    assert (target["revision"], target["percent"]) == (old, 100)


def test_an_administrators_second_run_changes_nothing(split: Deployment) -> None:
    as_administrator(split)
    outcome = split.deploy("--bootstrap", "--console")
    assert (outcome.status, split.changes) == (0, []), outcome.text


def test_the_administrators_part_can_be_made_by_another_tool_from_the_plan(bare: Deployment) -> None:
    file = bare.directory / "plan.json"
    outcome = bare.deploy("--bootstrap", f"--deployer={CI}", "--dry-run", f"--plan-json={file}")
    assert (outcome.status, bare.changes) == (0, []), outcome.text
    plan = json.loads(file.read_text(encoding="utf-8"))
    made = {each["body"]["accountId"] for each in plan if each["method"] == "iam.projects.serviceAccounts.create"}
    assert {"report-worker", "report-build"} <= made
    policies = [each["body"]["policy"] for each in plan if each["method"].endswith("projects.setIamPolicy")]
    granted = {
        (each["role"], member) for policy in policies for each in policy["bindings"] for member in each["members"]
    }
    assert ("roles/run.admin", CI) in granted


@pytest.mark.parametrize("role", ADMINISTRATORS_ROLES)
def test_an_administrator_needs_each_role(bootstrapped: Bootstrapped, role: str) -> None:
    assert is_needed(role, ADMINISTRATORS_ROLES, bootstrapped.administrators)


@pytest.mark.parametrize("role", [role for role in DEPLOYERS_ROLES if role not in OPTIONAL | {ACT_AS}])
def test_a_deployer_needs_each_role(bootstrapped: Bootstrapped, role: str) -> None:
    assert is_needed(role, DEPLOYERS_ROLES, bootstrapped.deployers)


def is_needed(role: str, roles: list[str], calls: list[list[str]]) -> bool:
    """Whether a call would be refused to who had all other roles."""
    others = [one for one in roles if one != role]
    needed = {permission for call in calls for permission in permissions_of(call[0])}
    return not all(granted_by(others, permission) for permission in needed if place_of(permission) == "project")


def test_a_deployer_has_the_secrets_of_the_pipeline_and_no_others(split: Deployment) -> None:
    state, secrets = split.state, f"projects/{PROJECT}/secrets"
    for verb in ("addVersion", "setIamPolicy", "delete"):
        method = f"secretmanager.projects.secrets.{verb}"
        assert missing_permission(state, method, f"{secrets}/report-sendgrid-api-key") is None
        assert missing_permission(state, method, f"{secrets}/shop-database-url") is not None
    read = "secretmanager.projects.secrets.versions.access"
    assert missing_permission(state, read, f"{secrets}/report-sendgrid-api-key/versions/latest") is None
    assert missing_permission(state, read, f"{secrets}/shop-database-url/versions/latest") is not None


def test_a_role_by_a_wider_condition_gives_way_to_the_narrower(split: Deployment) -> None:
    expected = split.state["policies"]["project"]

    def widen(state: dict[str, Any]) -> None:
        [grant] = [each for each in state["policies"]["project"] if each[0] == "roles/secretmanager.admin"]
        grant[3] = 'request.time >= timestamp("2000-01-01T00:00:00Z")'

    split.edit(widen)
    assert "roles/secretmanager.admin on the project for ci@" in split.deploy("--console").errors
    as_administrator(split)
    assert split.deploy("--bootstrap", "--console").status == 0
    assert sorted(split.state["policies"]["project"]) == sorted(expected)


def test_a_deployer_may_not_act_as_other_accounts(split: Deployment) -> None:
    account = f"projects/{PROJECT}/serviceAccounts/report-worker@{PROJECT}.iam.gserviceaccount.com"
    split.edit(lambda state: state["policies"].pop(account))
    split.settings["LOG_LEVEL"] = "DEBUG"
    outcome = split.deploy("--only=worker")
    assert outcome.status == 1
    assert "Permission 'iam.serviceAccounts.actAs' denied" in outcome.errors
    assert "./deploy.sh --bootstrap --deployer=MEMBER" in outcome.errors


def break_bootstrap(state: dict[str, Any]) -> None:
    """Take away one of each kind that belongs to the administrator."""
    state["enabled"].remove("cloudtasks.googleapis.com")
    del state["resources"][f"projects/{PROJECT}/serviceAccounts/report-build@{PROJECT}.iam.gserviceaccount.com"]
    state["policies"]["project"] = [
        binding for binding in state["policies"]["project"] if binding[:2] != ["roles/pubsub.admin", CI]
    ]


def test_what_an_administrator_makes_is_named_where_it_is_missing_and_nothing_is_changed(split: Deployment) -> None:
    split.edit(break_bootstrap)
    outcome = split.deploy("--console")
    assert (outcome.status, split.changes) == (1, []), outcome.text
    assert "what an administrator makes is missing. Nothing was changed." in outcome.errors
    for missing in ("API cloudtasks", "service account report-build", "roles/pubsub.admin on the project for ci@"):
        assert f"- {missing}" in outcome.errors
    assert "An administrator runs ./deploy.sh --bootstrap --console" in outcome.errors

    check = split.deploy("--check")
    assert (check.status, split.changes) == (3, []), check.text
    assert "this is an administrator's to do, before all else: ./deploy.sh --bootstrap" in check.errors

    as_administrator(split)
    assert split.deploy("--bootstrap", "--console").status == 0
    as_deployer(split)
    again = split.deploy("--console")
    assert again.status == 0, again.text


def test_before_the_administrators_part_the_answer_comes_at_once(bare: Deployment) -> None:
    waits: list[float] = []
    bare.wait = waits.append
    bare.settings["DEPLOYER"] = CI
    outcome = bare.deploy()
    assert (outcome.status, bare.changes, waits) == (1, [], [])
    assert "what an administrator makes is missing. Nothing was changed." in outcome.errors


def test_without_any_role_the_deployer_learns_who_grants_them(bare: Deployment) -> None:
    as_deployer(bare)
    outcome = bare.deploy()
    assert (outcome.status, bare.changes) == (1, [])
    assert f"Project {PROJECT} cannot be read" in outcome.errors


def test_what_runs_no_longer_needs_is_an_administrators_to_take_back(split: Deployment) -> None:
    split.settings["FIRESTORE_DATABASE"] = "reports-data"
    as_administrator(split)
    bootstrap = split.deploy("--bootstrap", "--console")
    assert bootstrap.status == 0, bootstrap.text
    as_deployer(split)
    outcome = split.deploy("--console")
    assert outcome.status == 0, outcome.text
    commands = re.findall(r"^  gcloud (projects remove-iam-policy-binding .*)$", outcome.errors, flags=re.MULTILINE)
    assert len(commands) == 5  # dispatcher, worker, DLQ handler; the console looks and acts
    assert "which this script has not granted" not in outcome.errors


def test_another_deployer_takes_the_place_of_the_former(split: Deployment) -> None:
    before = [(resource, role) for resource, role, _ in granted(split.state, CI)]
    as_administrator(split)
    outcome = split.deploy("--bootstrap", "--console", f"--deployer={GROUP}")
    assert outcome.status == 0, outcome.text
    assert list(granted(split.state, CI)) == []
    assert sorted((resource, role) for resource, role, _ in granted(split.state, GROUP)) == sorted(before)


def test_rules_and_smoke_tests_need_roles_of_their_own(split: Deployment) -> None:
    as_administrator(split)
    outcome = split.deploy("--bootstrap", "--firestore-rules", "--smoke")
    assert outcome.status == 0, outcome.text
    conditions = {role: expression for role, one, _, expression in split.state["policies"]["project"] if one == CI}
    assert set(DEPLOYERS_ROLES) - {ACT_AS} == set(conditions)
    assert conditions["roles/datastore.user"] == f'resource.name=="projects/{PROJECT}/databases/(default)"'
    as_deployer(split)
    smoke = split.deploy("--smoke")
    assert smoke.status == 0, smoke.text
    assert is_needed("roles/datastore.user", DEPLOYERS_ROLES, split.calls)


def test_a_teardown_takes_the_deployers_roles_back(split: Deployment) -> None:
    split.edit(lambda state: state.update(caller=""))
    outcome = split.deploy("--teardown", answer=f"{PROJECT}\n")
    assert outcome.status == 0, outcome.text
    assert not [member for _, member, _, _ in split.state["policies"]["project"] if member == CI]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--bootstrap", "--only=worker"), "--bootstrap does not go with --only or --teardown."),
        (("--bootstrap", "--teardown"), "--bootstrap does not go with --only or --teardown."),
        (("--deployer",), "--deployer needs a value."),
    ],
)
def test_wrong_usage(bare: Deployment, options: tuple[str, ...], message: str) -> None:
    outcome = bare.deploy(*options)
    assert (outcome.status, bare.calls) == (2, [])
    assert outcome.errors == f"{message} See ./deploy.sh --help.\n"


def test_without_a_login_what_is_wrong_in_the_settings_is_said_as_well(bare: Deployment) -> None:
    def session(_project: Project) -> Any:
        raise DefaultCredentialsError("there are none")  # type: ignore[no-untyped-call]

    bare.session = session
    bare.settings["ENROLL"] = "everyone"
    outcome = bare.deploy("--dry-run")
    assert outcome.status == 1
    assert "gcloud auth login" in outcome.errors
    assert "ENROLL: " in outcome.errors


def test_a_deployer_is_a_member_of_a_policy(bare: Deployment) -> None:
    assert "DEPLOYER: none of user:" in bare.deploy("--bootstrap", "--deployer=ci@example.com").errors
