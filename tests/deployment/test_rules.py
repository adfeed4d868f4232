"""Firestore's rules for clients: what they allow, case by case, and how deploy.sh deploys them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from deployment.rules import to_test_case
from deployment.teardown import COLLECTIONS
from functions.shared.records.subscription import SUBSCRIPTIONS
from local_cloud.firestore.rules.ruleset import Ruleset
from operations.users.personal_data import PIPELINES_FIELDS
from tests.deployment.conftest import PROJECT, REPOSITORY, Deployment, Outcome
from tests.deployment.stand_in.rules import allows

FILE = REPOSITORY / "deployment" / "firestore.rules"
SOURCE = FILE.read_text(encoding="utf-8")
CASES: list[dict[str, Any]] = json.loads((FILE.parent / "firestore.rules.cases.json").read_text(encoding="utf-8"))
CLOSED_FIELDS = [*PIPELINES_FIELDS, "brand"]
"""What the pipeline writes, and what decides what others see."""

RELEASE = f"projects/{PROJECT}/releases/cloud.firestore"
FOREIGN = "rules_version = '2';\nservice cloud.firestore {\n  // ours\x1b[31m\n}\n"


def is_allowed(source: str, case: dict[str, Any]) -> bool:
    return allows(Ruleset(source), to_test_case(case, "(default)"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_comes_out_as_it_says(case: dict[str, Any]) -> None:
    assert is_allowed(SOURCE, case) is case["allow"]


def test_the_cases_are_about_all_that_is_the_pipelines() -> None:
    denied = {(case["path"].split("/")[0], case["method"]) for case in CASES if not case["allow"]}
    methods = ("get", "list", "create", "update", "delete")
    assert {(collection, method) for collection in COLLECTIONS for method in methods} <= denied
    below = {case["method"] for case in CASES if f"/{SUBSCRIPTIONS}/" in case["path"] and not case["allow"]}
    assert below == set(methods)
    names = {case["name"] for case in CASES}
    for name in CLOSED_FIELDS:
        assert {f"{name} is not {done}" for done in ("changed", "removed", "added", "made null")} <= names


def test_the_rules_know_all_that_is_the_pipelines() -> None:
    assert f"return {CLOSED_FIELDS};" in SOURCE
    assert sorted(re.findall(r"match /(\w+)/\{document=\*\*\}", SOURCE)) == sorted(COLLECTIONS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("&& !changes(closedFields())", ""),
        ("['enrolled_at', 'audiences', 'brand']", "['enrolled_at', 'audiences']"),
        ("['enrolled_at', 'audiences', 'brand']", "['enrolled_at', 'brand']"),
        ("['enrolled_at', 'audiences', 'brand']", "['audiences', 'brand']"),
        ("allow read: if isSelf(user);", "allow read: if request.auth != null;"),
        ("allow read: if isSelf(user);\n        allow write: if false;", "allow read, write: if isSelf(user);"),
        ("/{subscription} {", "/{below=**} {"),
        ("|| addressIsVerified()", "|| true"),
        ("request.auth.token.email_verified == true && ", ""),
        ("request.auth.uid == user", "true"),
        ("allow get: if isSelf(user)", "allow read: if isSelf(user)"),
        ("allow get: if isSelf(user)", "allow get, delete: if isSelf(user)"),
        ("// Your own rules go here.", "match /{all=**} { allow read: if true; }"),
        (
            "match /runs/{document=**} {\n      allow read, write: if false;",
            "match /runs/{run} {\n      allow get: if isSelf(run);",
        ),
    ],
)
def test_each_rule_is_needed_for_a_case(before: str, after: str) -> None:
    assert before in SOURCE
    outcomes = [is_allowed(SOURCE.replace(before, after), case) for case in CASES]
    assert outcomes != [case["allow"] for case in CASES]


@pytest.fixture
def rules_file(deployed: Deployment, tmp_path: Path) -> Path:
    """The file that is deployed, in a copy of the repository that a test may change."""
    deployed.repository = Path(shutil.copytree(deployed.repository, tmp_path / "changed"))
    return deployed.repository / "deployment" / "firestore.rules"


def deploy_rules(deployed: Deployment, *options: str) -> Outcome:
    return deployed.deploy("--only=firestore", "--firestore-rules", *options)


def released(deployed: Deployment) -> str:
    resources = deployed.state["resources"]
    [file] = resources[resources[RELEASE]["rulesetName"]]["source"]["files"]
    content: str = file["content"]
    return content


def put_foreign_rules(deployed: Deployment) -> None:
    name = f"projects/{PROJECT}/rulesets/theirs"
    ruleset = {"name": name, "source": {"files": [{"name": "firestore.rules", "content": FOREIGN}]}}
    release = {"name": RELEASE, "rulesetName": name}
    deployed.edit(lambda state: state["resources"].update({name: ruleset, RELEASE: release}))


def test_rules_are_deployed_only_on_request(deployed: Deployment) -> None:
    assert deployed.deploy().status == 0
    assert not [call for call in deployed.calls if call[0].startswith("firebaserules")]
    outcome = deploy_rules(deployed)
    assert outcome.status == 0, outcome.text
    assert released(deployed) == SOURCE
    assert "created: Firestore rules" in outcome.output
    assert "firebaserules.googleapis.com" in deployed.state["enabled"]
    assert ["firebaserules.projects.test", PROJECT] in deployed.calls


def test_again_nothing_is_to_be_done(deployed: Deployment) -> None:
    deploy_rules(deployed)
    before = deployed.state["resources"]
    outcome = deploy_rules(deployed)
    assert "Created: 0, changed: 0, removed: 0" in outcome.output
    assert deployed.state["resources"] == before


def test_a_dry_run_shows_the_rules_and_changes_nothing(deployed: Deployment) -> None:
    outcome = deploy_rules(deployed, "--dry-run")
    assert outcome.status == 0, outcome.text
    assert "to be created: Firestore rules" in outcome.output
    assert "+    function closedFields() {" in outcome.output
    assert not [change for change in deployed.changes if change.startswith("firebaserules")]


def test_rules_of_others_are_shown_and_stay(deployed: Deployment) -> None:
    put_foreign_rules(deployed)
    for options in ([], ["--dry-run"]):
        outcome = deploy_rules(deployed, *options)
        assert outcome.status == 1
        assert "-  // ours\\x1b[31m" in outcome.output
        assert "projects/my-project/rulesets/theirs" in outcome.errors
        assert "--replace-rules" in outcome.errors
        assert released(deployed) == FOREIGN


def test_rules_of_others_are_replaced_where_that_is_wanted(deployed: Deployment) -> None:
    put_foreign_rules(deployed)
    outcome = deploy_rules(deployed, "--replace-rules")
    assert outcome.status == 0, outcome.text
    assert released(deployed) == SOURCE
    assert "kept as projects/my-project/rulesets/theirs" in outcome.output
    assert f"projects/{PROJECT}/rulesets/theirs" in deployed.state["resources"]


def test_rules_of_ours_are_renewed(deployed: Deployment, rules_file: Path) -> None:
    deploy_rules(deployed)
    rules_file.write_text(
        SOURCE.replace("// Your own rules go here.", "match /news/{n} { allow get: if true; }"), encoding="utf-8"
    )
    outcome = deploy_rules(deployed)
    assert outcome.status == 0, outcome.text
    assert "changed: Firestore rules" in outcome.output
    assert "match /news/" in released(deployed)


def test_rules_of_ours_that_were_edited_since_stay(deployed: Deployment) -> None:
    deploy_rules(deployed)

    def edit(state: dict[str, Any]) -> None:
        [ruleset] = [value for key, value in state["resources"].items() if "/rulesets/" in key]
        ruleset["source"]["files"][0]["content"] = FOREIGN

    deployed.edit(edit)
    assert deploy_rules(deployed).status == 1
    assert released(deployed) == FOREIGN


def test_rules_that_open_what_is_closed_are_not_deployed(deployed: Deployment, rules_file: Path) -> None:
    open_rule = "match /{all=**} { allow read: if request.auth != null; }"
    rules_file.write_text(SOURCE.replace("// Your own rules go here.", open_rule), encoding="utf-8")
    outcome = deploy_rules(deployed)
    assert outcome.status == 1
    assert "deliveries: no get: should be denied, and is not" in outcome.errors
    assert RELEASE not in deployed.state["resources"]
    rules_file.write_text(SOURCE + "}", encoding="utf-8")
    assert f"line {SOURCE.count(chr(10)) + 1}: the end was expected" in deploy_rules(deployed).errors
    assert RELEASE not in deployed.state["resources"]


def test_what_passes_by_itself_is_tried_again(deployed: Deployment) -> None:
    deployed.fail("firebaserules.projects.releases.get", "UNAVAILABLE: try later", times=2)
    outcome = deploy_rules(deployed)
    assert outcome.status == 0, outcome.text
    assert outcome.errors.count("trying again in 2 s: UNAVAILABLE") == 1
    assert released(deployed) == SOURCE


def test_a_lacking_role_is_named(deployed: Deployment) -> None:
    deployed.fail("firebaserules.projects.releases.get", "PERMISSION_DENIED: no", times=100)
    outcome = deploy_rules(deployed)
    assert outcome.status == 1
    assert "Request: firebaserules.projects.releases.get" in outcome.errors
    assert "docs/guides/permissions.md" in outcome.errors


@pytest.mark.parametrize("options", [["--replace-rules"], ["--firestore-rules", "--teardown"]])
def test_options_that_do_not_go_together(deployed: Deployment, options: list[str]) -> None:
    assert deployed.deploy(*options).status == 2
