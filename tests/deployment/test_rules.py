"""Firestore's rules for clients: what they allow, case by case, and how deploy.sh deploys them."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.shared.records.subscription import SUBSCRIPTIONS
from functions.shared.records.user import enrolled_fields
from tests.deployment.conftest import PROJECT, REPOSITORY, Deployment, Outcome
from tests.deployment.google_server import GoogleServer
from tests.deployment.rules_evaluator import Rules

FILE = REPOSITORY / "deployment" / "firestore.rules"
SOURCE = FILE.read_text(encoding="utf-8")
CASES: list[dict[str, Any]] = json.loads((FILE.parent / "firestore.rules.cases.json").read_text(encoding="utf-8"))
CLOSED_FIELDS = [*enrolled_fields(now=datetime.now(UTC)), "brand"]
"""What the pipeline writes, and what decides what others see."""

RELEASE = f"firebaserules/projects/{PROJECT}/releases/cloud.firestore"
FOREIGN = "rules_version = '2';\nservice cloud.firestore {\n  // ours\x1b[31m\n}\n"


def collections() -> list[str]:
    """What the pipeline writes: deploy.sh's own list."""
    found = re.search(r'^COLLECTIONS="([^"]*)"', (FILE.parent / "names.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1].split()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_comes_out_as_it_says(case: dict[str, Any]) -> None:
    auth = {"uid": case["uid"], "token": case.get("token", {})} if "uid" in case else None
    is_allowed = Rules(SOURCE).allow(
        case["method"], case["path"], auth=auth, before=case.get("before"), after=case.get("after")
    )
    assert is_allowed is case["allow"]


def test_the_cases_are_about_all_that_is_the_pipelines() -> None:
    denied = {(case["path"].split("/")[0], case["method"]) for case in CASES if not case["allow"]}
    methods = ("get", "list", "create", "update", "delete")
    assert {(collection, method) for collection in collections() for method in methods} <= denied
    below = {case["method"] for case in CASES if f"/{SUBSCRIPTIONS}/" in case["path"] and not case["allow"]}
    assert below == set(methods)
    names = {case["name"] for case in CASES}
    for name in CLOSED_FIELDS:
        assert {f"{name} is not {done}" for done in ("changed", "removed", "added", "made null")} <= names


def test_the_rules_know_all_that_is_the_pipelines() -> None:
    assert f"return {CLOSED_FIELDS};" in SOURCE
    assert sorted(re.findall(r"match /(\w+)/\{document=\*\*\}", SOURCE)) == sorted(collections())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("&& !changes(closedFields())", ""),
        ("['enrolled_at', 'brand']", "['enrolled_at']"),
        ("['enrolled_at', 'brand']", "['brand']"),
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
    rules = Rules(SOURCE.replace(before, after))
    outcomes = [
        rules.allow(
            case["method"],
            case["path"],
            auth={"uid": case["uid"], "token": case.get("token", {})} if "uid" in case else None,
            before=case.get("before"),
            after=case.get("after"),
        )
        for case in CASES
    ]
    assert outcomes != [case["allow"] for case in CASES]


@pytest.mark.parametrize(
    "rule", ["allow read: if get(/a/b).x;", "let x = 1;", "allow read: if a in b ? 1 : 2;", "allow"]
)
def test_what_the_evaluator_does_not_know_it_refuses(rule: str) -> None:
    with pytest.raises(ValueError, match="not known"):
        Rules(SOURCE.replace("// Your own rules go here.", rule))


@pytest.fixture
def rules(deployed: Deployment, firestore: GoogleServer) -> Deployment:
    """A deployed pipeline, and a project whose rules are asked for."""
    deployed.settings |= firestore.environment_of("firebaserules")
    return deployed


@pytest.fixture
def rules_file(rules: Deployment, tmp_path: Path) -> Path:
    """The file that is deployed, in a copy of the repository that a test may change."""
    rules.repository = Path(shutil.copytree(rules.repository, tmp_path / "changed"))
    return rules.repository / "deployment" / "firestore.rules"


def deploy_rules(rules: Deployment, *options: str) -> Outcome:
    # One step beside the rules is enough: each call of gcloud takes its time.
    return rules.deploy("--only=firestore", "--firestore-rules", *options)


def released(firestore: GoogleServer) -> str:
    ruleset = firestore.resources[RELEASE]["rulesetName"]
    [file] = firestore.resources[f"firebaserules/{ruleset}"]["source"]["files"]
    content: str = file["content"]
    return content


def put_foreign_rules(firestore: GoogleServer) -> None:
    ruleset = f"projects/{PROJECT}/rulesets/theirs"
    firestore.resources[f"firebaserules/{ruleset}"] = {
        "name": ruleset,
        "source": {"files": [{"name": "firestore.rules", "content": FOREIGN}]},
    }
    firestore.resources[RELEASE] = {"name": RELEASE.removeprefix("firebaserules/"), "rulesetName": ruleset}


def test_rules_are_deployed_only_on_request(rules: Deployment, firestore: GoogleServer) -> None:
    assert rules.deploy().status == 0
    assert firestore.requests == []
    outcome = deploy_rules(rules)
    assert outcome.status == 0, outcome.text
    assert released(firestore) == SOURCE
    assert "created: Firestore rules" in outcome.output
    assert "firebaserules.googleapis.com" in rules.state["enabled"]
    assert f"POST firebaserules/projects/{PROJECT}:test" in firestore.requests
    [tried] = [json.loads(body)["testSuite"]["testCases"] for body in firestore.bodies if "testSuite" in body]
    assert len(tried) == len(CASES)


def test_again_nothing_is_to_be_done(rules: Deployment, firestore: GoogleServer) -> None:
    deploy_rules(rules)
    before = dict(firestore.resources)
    outcome = deploy_rules(rules)
    assert "Created: 0, changed: 0, removed: 0" in outcome.output
    assert firestore.resources == before


def test_a_dry_run_shows_the_rules_and_changes_nothing(rules: Deployment, firestore: GoogleServer) -> None:
    outcome = deploy_rules(rules, "--dry-run")
    assert outcome.status == 0, outcome.text
    assert "to be created: Firestore rules" in outcome.output
    assert "+    function closedFields() {" in outcome.output
    assert not [request for request in firestore.requests if not request.startswith("GET")]


def test_rules_of_others_are_shown_and_stay(rules: Deployment, firestore: GoogleServer) -> None:
    put_foreign_rules(firestore)
    for options in ([], ["--dry-run"]):
        outcome = deploy_rules(rules, *options)
        assert outcome.status == 1
        assert "-  // ours\\x1b[31m" in outcome.output
        assert "projects/my-project/rulesets/theirs" in outcome.errors
        assert "--replace-rules" in outcome.errors
        assert released(firestore) == FOREIGN


def test_rules_of_others_are_replaced_where_that_is_wanted(rules: Deployment, firestore: GoogleServer) -> None:
    put_foreign_rules(firestore)
    outcome = deploy_rules(rules, "--replace-rules")
    assert outcome.status == 0, outcome.text
    assert released(firestore) == SOURCE
    assert "kept as projects/my-project/rulesets/theirs" in outcome.output
    assert f"firebaserules/projects/{PROJECT}/rulesets/theirs" in firestore.resources


def test_rules_of_ours_are_renewed(rules: Deployment, firestore: GoogleServer, rules_file: Path) -> None:
    deploy_rules(rules)
    rules_file.write_text(
        SOURCE.replace("// Your own rules go here.", "match /news/{n} { allow get: if true; }"), encoding="utf-8"
    )
    outcome = deploy_rules(rules)
    assert outcome.status == 0, outcome.text
    assert "changed: Firestore rules" in outcome.output
    assert "match /news/" in released(firestore)


def test_rules_of_ours_that_were_edited_since_stay(rules: Deployment, firestore: GoogleServer) -> None:
    deploy_rules(rules)
    [ruleset] = [value for key, value in firestore.resources.items() if "/rulesets/" in key]
    ruleset["source"]["files"][0]["content"] = FOREIGN
    assert deploy_rules(rules).status == 1
    assert released(firestore) == FOREIGN


def test_rules_that_open_what_is_closed_are_not_deployed(
    rules: Deployment, firestore: GoogleServer, rules_file: Path
) -> None:
    open_rule = "match /{all=**} { allow read: if request.auth != null; }"
    rules_file.write_text(SOURCE.replace("// Your own rules go here.", open_rule), encoding="utf-8")
    outcome = deploy_rules(rules)
    assert outcome.status == 1
    assert "deliveries: no get: should be denied, and is not" in outcome.errors
    assert RELEASE not in firestore.resources
    rules_file.write_text(SOURCE + "}", encoding="utf-8")
    assert "line 1: not known: }" in deploy_rules(rules).errors
    assert RELEASE not in firestore.resources


def test_what_passes_by_itself_is_tried_again(rules: Deployment, firestore: GoogleServer) -> None:
    off = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
    answers = iter([(503, {"error": {"status": "UNAVAILABLE"}}), (403, {"error": {"details": [off]}})])
    handle = firestore.handle
    firestore.handle = lambda *request: next(answers, None) or handle(*request)  # type: ignore[method-assign]
    outcome = deploy_rules(rules)
    assert outcome.status == 0, outcome.text
    assert outcome.errors.count("trying again") == 2
    assert released(firestore) == SOURCE


def test_a_lacking_role_is_named(rules: Deployment, firestore: GoogleServer) -> None:
    firestore.handle = lambda *_: (403, {"error": {"status": "PERMISSION_DENIED"}})  # type: ignore[method-assign]
    outcome = deploy_rules(rules)
    assert outcome.status == 1
    assert "Request: firebaserules.projects.releases.get" in outcome.errors
    assert "docs/guides/permissions.md" in outcome.errors


@pytest.mark.parametrize("options", [["--replace-rules"], ["--firestore-rules", "--teardown"]])
def test_options_that_do_not_go_together(rules: Deployment, options: list[str]) -> None:
    assert rules.deploy(*options).status == 2
