"""Firestore's rules for clients: as many of the Firebase Rules API's methods as a deployment calls.

https://firebase.google.com/docs/reference/rules/rest
"""

from http import HTTPStatus

from tests.deployment.rules_evaluator import Rules
from tests.deployment.stand_in.rest_request import Resource, RestAnswer


def try_rules(_state: Resource, _target: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    """What the API answers to `projects.test`."""
    [file] = body["source"]["files"]
    try:
        rules = Rules(file["content"])
    except ValueError as error:
        issue = {"severity": "ERROR", "description": str(error), "sourcePosition": {"line": 1}}
        return HTTPStatus.OK, {"issues": [issue]}
    results = []
    for case in body["testSuite"]["testCases"]:
        request = case["request"]
        is_allowed = rules.allow(
            request["method"],
            request["path"].split("/documents/", 1)[1],
            auth=request.get("auth"),
            before=case.get("resource", {}).get("data"),
            after=request.get("resource", {}).get("data"),
        )
        results.append({"state": "SUCCESS" if is_allowed == (case["expectation"] == "ALLOW") else "FAILURE"})
    return HTTPStatus.OK, {"testResults": results}


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
