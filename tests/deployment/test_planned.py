"""A run carries out exactly the plan that it prints, alone."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.deployment.conftest import PROJECT, Deployment, is_read
from tests.deployment.stand_in.interface import method_of
from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.rest_request import RestRequest
from tests.deployment.stand_in.session import StandInSession
from tests.deployment.test_unread import ask_for_all, change_all

Writes = list[dict[str, Any]]


class WatchedSession(StandInSession):
    """Keeps what is written.

    Args:
        project: as of any session.
        writes: gets each write, as a plan for machines has it.
    """

    def __init__(self, project: Project, writes: Writes) -> None:
        super().__init__(project)
        self._writes = writes

    def request(self, method: str, url: str, **rest: Any) -> Any:
        """As that of any session."""
        address, _, in_address = url.partition("?")
        host, version, name = address.removeprefix("https://").split("/", 2)
        body, query = rest.get("json"), dict(rest.get("params") or parse_qsl(in_address))
        asked = RestRequest(method=method, version=version, name=name, query={}, body=body or {}, content=None)
        found = method_of(host.partition(".")[0], asked)
        answer = super().request(method, url, **rest)
        is_lock, is_part = "locks" in f"{name} {query}", "upload_id" in query
        # What is refused is sent again.
        if answer.ok and found is not None and not (is_read(found[0].id) or is_lock or is_part):
            self._writes.append({"method": found[0].id, "target": found[1], "query": query, "body": body})
        return answer


def fits(planned: Any, written: Any) -> bool:
    """Whether something was written as it was planned: what was not known yet stands in angle brackets."""
    if isinstance(planned, dict) and isinstance(written, dict):
        keys = (planned.keys() | written.keys()) - {"etag"}
        return all(key in planned and key in written and fits(planned[key], written[key]) for key in keys)
    if isinstance(planned, list) and isinstance(written, list):
        return len(planned) == len(written) and all(map(fits, planned, written))
    if isinstance(planned, str) and isinstance(written, str):
        pattern = ".*".join(map(re.escape, re.split(r"<[^>]*>", planned)))
        return re.fullmatch(pattern, written, flags=re.DOTALL) is not None
    return bool(planned == written)


def assert_as_planned(deployment: Deployment, *options: str, answer: str = "") -> None:
    file, writes = deployment.directory / "plan.json", Writes()
    deployment.session = lambda project: WatchedSession(project, writes)
    outcome = deployment.deploy(*options, f"--plan-json={file}", answer=answer)
    assert outcome.status == 0, outcome.text
    plan = [each for each in json.loads(file.read_text(encoding="utf-8")) if "method" in each]
    assert len(writes) > 20
    # Side by side, services come in any order.
    own = [each["method"] for each in plan if not each["method"].startswith(("run.", "storage."))]
    assert [each["method"] for each in writes if not each["method"].startswith(("run.", "storage."))] == own
    for write in writes:
        # The values of secrets and the sources are not in the plan.
        fit = [
            each
            for each in plan
            if each["method"] == write["method"]
            and each["target"] == write["target"]
            and fits(each["query"], write["query"])
            and (each["body"] is None or fits(each["body"], write["body"]))
        ]
        assert fit, write
        plan.remove(fit[0])
    assert plan == []
    deployment.session = StandInSession


def test_a_first_deployment_writes_what_it_planned(bare: Deployment) -> None:
    ask_for_all(bare)
    assert_as_planned(bare, "--console", "--firestore-rules")


def test_a_change_and_a_teardown_write_what_they_planned(deployed: Deployment) -> None:
    ask_for_all(deployed)
    change_all(deployed)
    assert_as_planned(deployed, "--console", "--firestore-rules")
    assert_as_planned(deployed, "--teardown", answer=f"{PROJECT}\n")


class IntrudedSession(StandInSession):
    """A session in which somebody else deploys while functions are replaced."""

    def __init__(self, project: Project, other: Deployment, outcomes: list[Any]) -> None:
        super().__init__(project)
        self._other, self._outcomes = other, outcomes

    def request(self, method: str, url: str, **rest: Any) -> Any:
        """As that of any session."""
        if method == "PATCH" and url.endswith("/services/report-worker") and not self._outcomes:
            # It needs an API more.
            self._outcomes.append(self._other.deploy("--firestore-rules"))
        return super().request(method, url, **rest)


def test_two_at_once(deployed: Deployment) -> None:
    other = Deployment(deployed.directory / "other", repository=deployed.repository)
    other.project = deployed.project
    other.settings["LOG_LEVEL"], deployed.settings["LOG_LEVEL"] = "ERROR", "DEBUG"
    found: list[Any] = []
    writes = Writes()
    deployed.session = lambda project: IntrudedSession(project, other, found)
    other.session = lambda project: WatchedSession(project, writes)
    outcome = deployed.deploy("--verbose")
    assert outcome.status == 0, outcome.text
    [refused] = found
    assert (refused.status, writes) == (1, [])
    assert "another deployment of report is going on: ./deploy.sh --verbose, by " in refused.errors
    assert "If it was killed: ./deploy.sh --firestore-rules --break-lock" in refused.errors
    assert deployed.environment_of("worker")["LOG_LEVEL"] == "DEBUG"
    assert other.deploy().status == 0
    assert deployed.environment_of("worker")["LOG_LEVEL"] == "ERROR"


@pytest.mark.parametrize("option", ["--check", "--dry-run"])
def test_who_changes_nothing_breaks_no_lock(bare: Deployment, option: str) -> None:
    assert bare.deploy("--break-lock", option).status == 2


def test_a_lost_answer_to_the_lock_is_looked_up(deployed: Deployment) -> None:
    deployed.fail("storage.objects.insert", "UNAVAILABLE: cut", when="after")
    outcome = deployed.deploy("--only=apis")
    assert outcome.status == 0, outcome.text
    assert not [name for name in deployed.state["objects"] if name.endswith("/locks/report")]
