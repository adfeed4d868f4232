"""Firestore's rules for web and mobile clients, only where --firestore-rules asks for them. A database has one set of
them, for everything in it: the deployment replaces a set that it has not made only with --replace-rules.

A ruleset never changes: a release names the one that holds. https://firebase.google.com/docs/reference/rules/rest
"""

import difflib
import hashlib
import json
import sys
from collections.abc import Iterator

from deployment.engine.discovery import Request, Resource, method
from deployment.report import Line
from deployment.run import Run
from deployment.stopped import Stopped
from functions.shared.project_files import deploy_command


def set_up_rules(run: Run) -> None:
    run.report.step("rules", "Firestore rules")
    settings = run.settings
    database = settings.firestore_database
    file = settings.folder / "firestore.rules"
    source, what = file.read_text(encoding="utf-8"), f"Firestore rules of the database {database}"
    ruleset = _released(run)
    files: list[Resource] = ruleset["source"]["files"] if ruleset else []
    there = "".join(each["content"] for each in files)
    if ruleset is not None and there == source:
        run.report.note("unchanged", what)
        return
    run.report.say(f"  The rules of the database {database} change so:")
    for line in difflib.unified_diff(
        there.splitlines(), source.splitlines(), "in the project", "deployment/firestore.rules", lineterm=""
    ):
        run.report.say("    " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))
    if ruleset is not None and not is_ours(files) and not run.options.replace_rules:
        raise Stopped(
            f"the database {database} has rules that this script has not made, or that were edited since "
            f"({ruleset['name']}).",
            "Nothing was changed. The lines above with - would go, those with + would come.",
            "To keep yours, copy them into deployment/firestore.rules, or copy what you need of that file into yours.",
            f"To have deployment/firestore.rules in their place: {deploy_command()} --firestore-rules --replace-rules",
        )
    cases = json.loads((file.parent / "firestore.rules.cases.json").read_text(encoding="utf-8"))
    if failed := list(_failed(run, source, cases)):
        print(*(f"    {line}" for line in failed), sep="\n", file=sys.stderr)
        raise Stopped(
            "deployment/firestore.rules does not do what deployment/firestore.rules.cases.json says. Nothing was "
            "changed.",
            "A case that you do not want is yours to change there.",
        )
    _release(run, source, ("created" if ruleset is None else "changed", what))
    if ruleset is not None:
        run.report.say(f"  The rules before are kept as {ruleset['name']}; the Firebase console can bring them back.")


def _released(run: Run) -> Resource | None:
    """The ruleset that holds; None where there is none: then clients may do nothing."""
    release = run.client.read_if_there(_request("releases.get", _name_of_release(run)))
    return run.client.send(_request("rulesets.get", release["rulesetName"])) if release else None


def _name_of_release(run: Run) -> str:
    database = run.settings.firestore_database
    named = "" if database == "(default)" else f"/{database}"
    return f"projects/{run.settings.project_id}/releases/cloud.firestore{named}"


def _failed(run: Run, source: str, cases: list[Resource]) -> Iterator[str]:
    """What is wrong with a source, or comes out otherwise than a case says. Google tries it; nothing is changed.

    https://firebase.google.com/docs/reference/rules/rest/v1/projects/test"""
    suite = {"testCases": [to_test_case(case, run.settings.firestore_database) for case in cases]}
    body = {"source": _to_source(source), "testSuite": suite}
    answer = run.client.read(_request("test", f"projects/{run.settings.project_id}", body))
    if answer is None:
        return
    issues = [each for each in answer.get("issues", []) if each.get("severity") == "ERROR"]
    for issue in issues:
        yield f"line {issue.get('sourcePosition', {}).get('line', '?')}: {issue['description']}"
    results = answer.get("testResults", [])
    if not issues and len(results) != len(cases):
        yield f"of {len(cases)} cases only {len(results)} were tried"
        return
    for case, result in zip(cases, results, strict=False):  # none where there are issues
        if result.get("state") != "SUCCESS":
            yield f"{case['name']}: should be {'allowed' if case['allow'] else 'denied'}, and is not"


def _release(run: Run, source: str, line: Line) -> None:
    project, name = f"projects/{run.settings.project_id}", _name_of_release(run)
    creation = _request("rulesets.create", project, {"source": _to_source(source)})

    def release_of(ruleset: str) -> Request:
        release = {"name": name, "rulesetName": ruleset}
        if line[0] == "created":
            return _request("releases.create", project, release)
        return _request("releases.patch", name, {"release": release})

    def do() -> None:
        run.client.send(release_of(run.client.send(creation)["name"]))

    run.act([line], [creation, release_of("<name of the ruleset>")], do)


def _request(name: str, target: str, body: Resource | None = None) -> Request:
    return method("firebaserules", "v1", f"projects.{name}").request(target, body)


def is_ours(files: list[Resource]) -> bool:
    """Whether the deployment made a ruleset that has not been edited since.

    The file's name says so: it has the hash of the file's content. The console and Firebase's own tools use other
    names."""
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
