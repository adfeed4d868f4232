"""Firestore's rules for clients, over the Firebase Rules API.

    firestore_rules DATABASE compare RULES          prints the state, and the differences
    firestore_rules DATABASE test RULES CASES       prints each case with another result
    firestore_rules DATABASE release RULES

A ruleset never changes: a release names the one that holds. https://firebase.google.com/docs/reference/rules/rest
"""

import difflib
import hashlib
import json
import os
import sys
from pathlib import Path

from deployment.client import client_of
from deployment.engine.discovery import Request, Resource, method
from deployment.engine.google_client import GoogleClient
from deployment.stopping import saying_why


class Rules:
    """The rules of one database.

    Args:
        client: calls the Firebase Rules API.
        project: the Google Cloud project's id.
        database: the database's id.
    """

    def __init__(self, client: GoogleClient, project: str, database: str) -> None:
        self._client = client
        self._project = f"projects/{project}"
        self._database = database
        named = "" if database == "(default)" else f"/{database}"
        self._release = f"{self._project}/releases/cloud.firestore{named}"

    def released(self) -> Resource | None:
        """The ruleset that holds; None where there is none: then clients may do nothing."""
        release = self._client.read_if_there(_request("releases.get", self._release))
        return self._client.send(_request("rulesets.get", release["rulesetName"])) if release else None

    def compare(self, source: str) -> None:
        """Print `none`, `same`, `ours` or `foreign` and the ruleset's name, and below that how it differs."""
        ruleset = self.released()
        files: list[Resource] = ruleset["source"]["files"] if ruleset else []
        there = "".join(file["content"] for file in files)
        if ruleset is None:
            print("none")
        else:
            state = "same" if there == source else "ours" if is_ours(files) else "foreign"
            print(f"{state} {ruleset['name']}")
        difference = difflib.unified_diff(
            there.splitlines(), source.splitlines(), "in the project", "deployment/firestore.rules", lineterm=""
        )
        print("\n".join("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) for line in difference))

    def test(self, source: str, cases: list[Resource]) -> list[str]:
        """What is wrong with a source, or comes out otherwise than a case says. Google tries it; nothing is changed.

        https://firebase.google.com/docs/reference/rules/rest/v1/projects/test
        """
        suite = {"testCases": [to_test_case(case, self._database) for case in cases]}
        body = {"source": _to_source(source), "testSuite": suite}
        answer = self._client.send(_request("test", self._project, body))
        issues = [
            f"line {issue.get('sourcePosition', {}).get('line', '?')}: {issue['description']}"
            for issue in answer.get("issues", [])
            if issue.get("severity") == "ERROR"
        ]
        results = answer.get("testResults", [])
        if not issues and len(results) != len(cases):
            return [f"of {len(cases)} cases only {len(results)} were tried"]
        failed = [
            f"{case['name']}: should be {'allowed' if case['allow'] else 'denied'}, and is not"
            for case, result in zip(cases, results)  # noqa: B905  none where there are issues
            if result.get("state") != "SUCCESS"
        ]
        return issues + failed

    def release(self, source: str) -> None:
        """Have a source hold."""
        ruleset = self._client.send(_request("rulesets.create", self._project, {"source": _to_source(source)}))
        release = {"name": self._release, "rulesetName": ruleset["name"]}
        if self._client.read_if_there(_request("releases.get", self._release)):
            self._client.send(_request("releases.patch", self._release, {"release": release}))
        else:
            self._client.send(_request("releases.create", self._project, release))


def _request(name: str, target: str, body: Resource | None = None) -> Request:
    return method("firebaserules", "v1", f"projects.{name}").request(target, body)


def is_ours(files: list[Resource]) -> bool:
    """Whether `release` made a ruleset that has not been edited since.

    The file's name says so: it has the hash of the file's content. The console and Firebase's own tools use other
    names.
    """
    return len(files) == 1 and files[0].get("name") == _file_name(files[0]["content"])


def to_test_case(case: Resource, database: str) -> Resource:
    """A case as the API takes it: https://firebase.google.com/docs/reference/rules/rest/v1/projects/test#TestCase"""
    request: Resource = {"method": case["method"], "path": f"/databases/{database}/documents/{case['path']}"}
    if "uid" in case:
        request["auth"] = {"uid": case["uid"], "token": case.get("token", {})}
    if "after" in case:
        request["resource"] = {"data": case["after"]}
    test_case: Resource = {"expectation": "ALLOW" if case["allow"] else "DENY", "request": request}
    if "before" in case:
        test_case["resource"] = {"data": case["before"]}
    return test_case


def _file_name(content: str) -> str:
    return f"report-pipeline-{hashlib.sha256(content.encode()).hexdigest()[:32]}.rules"


def _to_source(content: str) -> Resource:
    return {"files": [{"name": _file_name(content), "content": content}]}


def main(database: str, command: str, rules: str, *arguments: str) -> None:
    """Carry out one command."""
    source = Path(rules).read_text(encoding="utf-8")
    its_rules = Rules(client_of(os.environ), os.environ["PROJECT_ID"], database)
    if command == "compare":
        its_rules.compare(source)
    elif command == "test":
        cases = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        print("\n".join(its_rules.test(source, cases)), end="")
    else:
        its_rules.release(source)


if __name__ == "__main__":
    with saying_why():
        main(*sys.argv[1:])
