"""A run that is killed after one of its writes comes to the same end when it is started again.

The runs of each test are killed after every fifth write: to kill them after each takes four times as long.
"""

import contextlib
import copy
import itertools
import json
import re
from pathlib import Path
from typing import Any

from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.session import StandInSession


class MortalSession(StandInSession):
    """The session of a process that is killed after a write, and sends nothing more then.

    Args:
        project: as of any session.
        written: what was written by now; the fifth of it is the last that this process writes.
    """

    def __init__(self, project: Project, written: set[str]) -> None:
        super().__init__(project)
        self._written, self._is_dead = written, False

    def request(self, method: str, url: str, **rest: Any) -> Any:
        """As that of any session."""
        if self._is_dead:
            raise KeyboardInterrupt
        answer = super().request(method, url, **rest)
        write = f"{method} {url} {rest.get('json')}"
        is_lock = "locks" in f"{url} {rest.get('params')}"
        is_read = method == "GET" or url.endswith((":getIamPolicy", ":test")) or is_lock
        if answer.ok and not is_read and write not in self._written:
            self._written.add(write)
            self._is_dead = len(self._written) % 5 == 0
            if self._is_dead:
                raise KeyboardInterrupt
        return answer


def end_of(state: dict[str, Any]) -> dict[str, Any]:
    """What a project holds, without what each run has of its own."""
    kept = copy.deepcopy({key: state[key] for key in ("resources", "policies", "enabled", "agents", "objects")})
    # Of what was made when.
    kept["objects"] = {name: each for name, each in kept["objects"].items() if not name.endswith(".made")}
    resources: dict[str, list[str]] = {}
    for name, resource in kept["resources"].items():
        if any(part in name for part in ("/builds/", "/revisions/")):
            continue
        for part in (
            "etag",
            "generation",
            "latestReadyRevision",
            "latestCreatedRevision",
            "trafficStatuses",
            "payload",
        ):
            resource.pop(part, None)
        for part in (resource, resource.get("template", {})):
            part.pop("revision", None)
            for label in ("deployment", "replaces"):
                part.get("labels", {}).pop(label, None)
        # Google chooses some names.
        resource["name"] = chosen = re.sub(r"/\d+$", "/N", name)
        resources.setdefault(chosen, []).append(json.dumps(resource, sort_keys=True))
    policies = {name: sorted(policy) for name, policy in kept["policies"].items() if policy}
    return {
        "resources": {name: sorted(each) for name, each in resources.items()},
        "policies": policies,
        "enabled": sorted(kept["enabled"]),
        "agents": sorted(set(kept["agents"])),
        "objects": kept["objects"],
    }


def deploy_and_be_killed(deployment: Deployment, *options: str, first: int, answer: str = "") -> int:
    """Start a run again and again; how many were killed. The first is killed after so many writes."""
    written = {str(number) for number in range(5 - first)}
    deployment.session = lambda project: MortalSession(project, written)
    for number in itertools.count():
        with contextlib.suppress(KeyboardInterrupt):
            outcome = deployment.deploy(*options, *(["--break-lock"] if number else []), answer=answer)
            if outcome.status != 130:
                break
    assert outcome.status == 0, outcome.text
    deployment.session = StandInSession
    return number


CHANGES = {"LOG_LEVEL": "DEBUG", "QUEUES": "2", "MAIL_WITHOUT_UNSUBSCRIBE": "", "SLO_PERCENT": "99.5"}
OPERATORS = {"CONSOLE_OPERATORS": "ada@example.com"}


def test_a_first_deployment(bare: Deployment, deployed: Deployment) -> None:
    assert deploy_and_be_killed(bare, first=1) > 20
    assert end_of(bare.state) == end_of(deployed.state)
    assert bare.deploy().status == 0
    assert bare.changes == []


def test_a_deployment_that_changes_much(deployed: Deployment, tmp_path: Path) -> None:
    alone = Deployment(tmp_path / "alone", repository=deployed.repository, state=deployed.state)
    for each in (alone, deployed):
        each.settings |= CHANGES | OPERATORS
    assert alone.deploy("--console").status == 0
    assert deploy_and_be_killed(deployed, "--console", first=2) > 5
    assert end_of(deployed.state) == end_of(alone.state)
    assert deployed.deploy("--console").status == 0
    assert deployed.changes == []


def test_a_teardown(deployed: Deployment, tmp_path: Path) -> None:
    alone = Deployment(tmp_path / "alone", repository=deployed.repository, state=deployed.state)
    assert alone.deploy("--teardown", answer=f"{PROJECT}\n").status == 0
    assert deploy_and_be_killed(deployed, "--teardown", answer=f"{PROJECT}\n", first=3) > 5
    assert end_of(deployed.state) == end_of(alone.state)
