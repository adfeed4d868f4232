"""Firestore's rules for clients, over the Firebase Rules API: gcloud has no command for them.

    firestore_rules.py PROJECT DATABASE compare RULES          prints the state, and the differences
    firestore_rules.py PROJECT DATABASE test RULES CASES       prints each case with another result
    firestore_rules.py PROJECT DATABASE release RULES

An access token is read from standard input, so that no list of processes shows it. A ruleset never changes: a release
names the one that holds. https://firebase.google.com/docs/reference/rules/rest
"""

import difflib
import hashlib
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ENDPOINT = os.environ.get("CLOUDSDK_API_ENDPOINT_OVERRIDES_FIREBASERULES") or "https://firebaserules.googleapis.com/"
"""As gcloud has it: https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables"""

_CALL_SECONDS = 30.0

Resource = dict[str, Any]


class Rules:
    """The rules of one database.

    Args:
        project: the Google Cloud project's id.
        database: the database's id.
        token: an access token.
    """

    def __init__(self, project: str, database: str, token: str) -> None:
        self._project = project
        self._token = token
        self._database = database
        named = "" if database == "(default)" else f"/{database}"
        self._release = f"projects/{project}/releases/cloud.firestore{named}"

    def call(self, method: str, name: str, body: Resource | None = None) -> Resource:
        """Make one request.

        Raises:
            urllib.error.URLError: it failed.
        """
        request = urllib.request.Request(  # noqa: S310  https, or what stands in for Google
            f"{ENDPOINT.rstrip('/')}/v1/{name}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                # Whose quota counts: https://cloud.google.com/docs/quotas/set-quota-project
                "X-Goog-User-Project": self._project,
            },
        )
        with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as response:  # noqa: S310
            answer: Resource = json.load(response)
        return answer

    def released(self) -> Resource | None:
        """The ruleset that holds; None where there is none: then clients may do nothing."""
        try:
            release = self.call("GET", self._release)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        return self.call("GET", release["rulesetName"])

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
        answer = self.call("POST", f"projects/{self._project}:test", {"source": _to_source(source), "testSuite": suite})
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
        ruleset = self.call("POST", f"projects/{self._project}/rulesets", {"source": _to_source(source)})
        release = {"name": self._release, "rulesetName": ruleset["name"]}
        try:
            self.call("PATCH", self._release, {"release": release})
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            self.call("POST", f"projects/{self._project}/releases", release)


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


def main(project: str, database: str, command: str, rules: str, *arguments: str) -> None:
    """Carry out one command."""
    source = Path(rules).read_text(encoding="utf-8")
    client = Rules(project, database, sys.stdin.readline().strip())
    try:
        if command == "compare":
            client.compare(source)
        elif command == "test":
            cases = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
            print("\n".join(client.test(source, cases)), end="")
        else:
            client.release(source)
    except urllib.error.HTTPError as error:
        sys.exit(f"Firebase Rules answered {error.code}: {error.read().decode(errors='replace')[:1000]}")
    except urllib.error.URLError as error:
        sys.exit(f"Firebase Rules cannot be reached: {error.reason}")


if __name__ == "__main__":
    main(*sys.argv[1:])
