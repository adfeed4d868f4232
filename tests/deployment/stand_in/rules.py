"""Firestore's rules for clients: as many of the Firebase Rules API's methods as a deployment calls.

https://firebase.google.com/docs/reference/rules/rest
"""

from http import HTTPStatus
from typing import Any

from local_cloud.firestore.rules.kinds import Path, Timestamp
from local_cloud.firestore.rules.ruleset import Access, Ruleset
from local_cloud.firestore.rules.syntax import InvalidRules
from tests.deployment.stand_in.rest_request import Resource, RestAnswer


class _Nothing:
    """No documents: the cases are of rules that look at none."""

    def get(self, path: Path, *, after: bool) -> Any:
        raise NotImplementedError


def allows(ruleset: Ruleset, case: Resource) -> bool:
    """Whether rules allow what a case of `projects.test` asks for."""
    request = case["request"]
    path = tuple(request["path"].strip("/").split("/"))

    def document(holder: Resource) -> Resource | None:
        data = holder.get("resource", {}).get("data")
        return None if data is None else {"data": data, "id": path[-1], "__name__": Path(path)}

    access = Access(
        method=request["method"],
        path=path,
        auth=request.get("auth"),
        time=Timestamp(0),
        resource=document(case),
        after=document(request),
    )
    return ruleset.allows(access, _Nothing())


def try_rules(_state: Resource, _target: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    """What the API answers to `projects.test`."""
    [file] = body["source"]["files"]
    try:
        ruleset = Ruleset(file["content"])
    except InvalidRules as error:
        line, _, text = str(error).removeprefix("line ").partition(": ")
        issue = {"severity": "ERROR", "description": text, "sourcePosition": {"line": int(line)}}
        return HTTPStatus.OK, {"issues": [issue]}
    cases = body["testSuite"]["testCases"]
    outcomes = [allows(ruleset, case) == (case["expectation"] == "ALLOW") for case in cases]
    return HTTPStatus.OK, {"testResults": [{"state": "SUCCESS" if each else "FAILURE"} for each in outcomes]}


def create_release(state: Resource, _target: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    """A release, whose name has slashes in it where the database has a name."""
    state["resources"][body["name"]] = body
    return HTTPStatus.OK, body


def patch_release(state: Resource, target: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    """Another ruleset holds."""
    state["resources"][target]["rulesetName"] = body["release"]["rulesetName"]
    return HTTPStatus.OK, state["resources"][target]


ACTS = {
    "firebaserules.projects.test": try_rules,
    "firebaserules.projects.releases.create": create_release,
    "firebaserules.projects.releases.patch": patch_release,
}
