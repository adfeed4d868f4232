"""The deployment against the stand-in of Google."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from deployment.__main__ import main
from functions.shared.project_files import PROJECT_VARIABLE
from local_pipeline.machine_variables import machine_variables
from tests.deployment.declared_settings import NOW
from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.rest import the_rest_server
from tests.deployment.stand_in.session import StandInSession
from tests.git import commit_all, git
from tests.selection import THOROUGH
from tests.support import PATIENCE_SECONDS

REPOSITORY = Path(__file__).parent.parent.parent
PROJECT = "my-project"
SECRETS = {
    "SENDGRID_API_KEY": "SG.first'\"$(secret) value",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/T0/B0/hidden",
}
SETTINGS = {
    "PROJECT_ID": PROJECT,
    "REGION": "us-central1",
    "MAIL_FROM": "reports@example.com",
    "ENROLL": "all",
    "DEFAULT_KIND": "activity",
    "MAIL_WITHOUT_UNSUBSCRIBE": "true",
    # Nor does it call SendGrid, but in the tests of just that.
    "MAIL_EVENTS": "off",
}

BARE: dict[str, Any] = {
    "project": PROJECT,
    # A member, who then has only its own roles.
    "caller": "",
    # The project's own roles, each with its permissions and spaces between them.
    "own_roles": {},
    "billing": True,
    "parent": "folders/1",
    "created": "2026-11-24T13:00:00.000Z",
    # A new project's, in thousandths of a CPU.
    "cpu_quota": 20000,
    "enabled": ["serviceusage.googleapis.com"],
    "resources": {},
    "policies": {"project": [["roles/owner", "user:op@example.com", "", ""]]},
    "agents": [],
    "young": {},
    "warming": {},
    # How many calls a new account or API is not seen by.
    "invisible": 1,
    "warm_up": 1,
    "count": 0,
    "faults": [],
    "recently_deleted_queues": [],
    # Those that Cloud Tasks says that it makes, and does not.
    "buried_queues": [],
    # Of Cloud Storage: buckets, and objects by the names of both.
    "buckets": {},
    "objects": {},
    "uploads": {},
    # Those that were built, by their digests, and whether Google patches what is beneath them.
    "images": {},
    # The names of the files in the newest image of each service.
    "deployed_files": {},
    # How the next builds fail, and the next revisions.
    "build_fails": [],
    # What builds write, and how often somebody has looked: a line more is there with each look.
    "build_log": ["Step 1", "Step 2", "Step 3"],
    "log_looks": 0,
    "failing_revisions": [],
    # What Cloud Monitoring knows of them, with each look.
    "series": {},
    "forced_runs": 0,
    # Of Firestore, with the writes to it in their order, and what becomes of a delivery as it is looked at.
    "documents": {},
    "written": [],
    "delivery_states": ["sent"],
}

_READS = ("get", "getCmekConfig", "list", "access", "getBillingInfo", "getIamPolicy", "test")
"""What comes after the last dot of a method that changes nothing."""


def is_read(method: str) -> bool:
    """Whether a method of an interface changes nothing."""
    return method.rpartition(".")[2] in _READS


def is_lock(call: list[str]) -> bool:
    """Whether a call is about the lock of a run."""
    return call[0] in {"storage.objects.insert", "storage.objects.delete"} and "locks/" in call[1]


@dataclass(frozen=True)
class Outcome:
    """How a run of deploy.sh ended, and what it said."""

    status: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        return self.output + self.errors


@dataclass(frozen=True, kw_only=True)
class FirstDeployment:
    """What the first deployment of a bare project said, left and called."""

    outcome: Outcome
    state: dict[str, Any]
    calls: list[list[str]]


class Deployment:
    """A project, and the deployment with nothing else in front of it.

    Args:
        directory: where it may keep files.
        repository: the checkout that is deployed.
        state: the project's, to begin with.
        commits: whether each deployment is of a commit of all that the repository has by then.
    """

    def __init__(
        self, directory: Path, *, repository: Path, state: Mapping[str, Any] = BARE, commits: bool = False
    ) -> None:
        self.directory = directory
        self.repository = repository
        self.project = Project(state)
        self._commits = commits
        # A team's project beside the repository, where there is one.
        self.team: Path | None = None
        self.settings = dict(SETTINGS)
        self.secrets = dict(SECRETS)
        # Waiting is not what is tested: it is over at once, and the clock says that it took its time.
        self.wait: Callable[[float], None] = self._pass
        self.now: Callable[[], datetime] = lambda: self._now
        # What is there already was deployed before.
        deployed = sum("/revisions/" in name for name in state.get("resources", ()))
        self._now = NOW + timedelta(hours=deployed)
        self.session: Callable[[Project], Any] = StandInSession
        directory.mkdir(parents=True, exist_ok=True)

    def _pass(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    @property
    def state(self) -> dict[str, Any]:
        """What the project holds, in a copy."""
        return self.project.state

    def edit(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change something by hand, as a person does in the console."""
        state = self.state
        change(state)
        self.project.state = state

    def fail(self, method: str, text: str, *, times: int = 1, when: str = "before") -> None:
        """Have a method of an interface fail.

        Args:
            method: the method, or the beginning of its name.
            text: Google's code, a colon, and words.
            times: how often.
            when: before it is carried out, or after.
        """
        fault = {"command": method, "text": text, "times": times, "when": when}
        self.edit(lambda state: state["faults"].append(fault))

    @property
    def environment(self) -> dict[str, str]:
        """What the deployment sees: nothing of the machine that the tests run on."""
        return {
            "PATH": f"/usr/bin{os.pathsep}/bin",
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory),
            **({PROJECT_VARIABLE: str(self.team)} if self.team else {}),
            **self.settings,
            **self.secrets,
        }

    def interrupt(self, method: str, *options: str) -> Outcome:
        """Run the deployment until it calls a method that does not come to its end, and interrupt it there."""
        self.project.hanging_command = method
        outcome = self.deploy(*options)
        self.project.hanging_command = ""
        assert self.project.hangs.is_set()
        return outcome

    def deploy(self, *options: str, answer: str = "") -> Outcome:
        """Run the deployment to its end, in this process; calls are counted from zero."""
        self.project.calls.clear()
        self._pass(60)
        if self._commits:
            commit_all(self.repository)
        output, errors = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch("sys.stdin", io.StringIO(answer)),
        ):
            status = main(
                options,
                root=self.repository,
                connect=lambda _: self.session(self.project),
                wait=self.wait,
                now=self.now,
            )
        return Outcome(status, output.getvalue(), errors.getvalue())

    def deploy_by_script(self, *options: str) -> Outcome:
        """Run deploy.sh itself to its end."""
        run = subprocess.run(
            ["/bin/bash", str(self.repository / "deploy.sh"), *options],
            env=self.script_environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Outcome(run.returncode, run.stdout, run.stderr)

    @property
    def script_environment(self) -> dict[str, str]:
        """What deploy.sh sees: a python3 that has its packages, a token, and where the project is."""
        programs = self.directory / "bin"
        if not programs.exists():
            programs.mkdir()
            # No link, which would not find the packages of a virtual environment.
            (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
            (programs / "python3").chmod(0o755)
            (self.directory / "token").write_text("ya29.stand-in\n", encoding="utf-8")
        environment = self.environment
        return {
            **machine_variables(),
            **environment,
            **the_rest_server().endpoints_for(self.project),
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(self.directory / "token"),
            "PATH": f"{programs}{os.pathsep}{environment['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @property
    def calls(self) -> list[list[str]]:
        """The methods that the last run has called, each with the end of what it was about."""
        return list(self.project.calls)

    @property
    def changes(self) -> list[str]:
        """Those that change something, but for the run's own lock."""
        return [" ".join(call) for call in self.calls if not (is_read(call[0]) or is_lock(call))]

    def resource(self, end: str) -> dict[str, Any]:
        """The one resource whose name ends so."""
        (found,) = [value for key, value in self.state["resources"].items() if key.endswith(end)]
        resource: dict[str, Any] = found
        return resource

    def service(self, name: str) -> dict[str, Any]:
        """The Cloud Run service of a function, or of the console."""
        return self.resource(f"/services/{self.settings.get('PREFIX', 'report')}-{name}")

    def environment_of(self, name: str) -> dict[str, str]:
        """The variables of a function, or of the console; those that are secrets as SECRET:VERSION."""
        return environment_of(self.service(name))


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """The variables of a Cloud Run service; those that are secrets as SECRET:VERSION."""
    found = {}
    for variable in service["template"]["containers"][0]["env"]:
        reference = variable.get("valueSource", {}).get("secretKeyRef")
        found[variable["name"]] = f"{reference['secret']}:{reference['version']}" if reference else variable["value"]
    return found


def pytest_itemcollected(item: pytest.Item) -> None:
    """What carries out whole runs is left to `make test-all`, but for the few tests that are marked otherwise."""
    if "repository" in getattr(item, "fixturenames", ()):
        item.add_marker(THOROUGH)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What deploy.sh needs of the repository."""
    return copy_of_repository(tmp_path_factory.mktemp("clone"))


def copy_of_repository(directory: Path) -> Path:
    """What deploy.sh needs of the repository, in a folder whose name is hard on careless scripts."""
    copy = directory / "O'Neil & sons $HOME"
    copy.mkdir()
    for name in ("deployment", "functions", "report_kit", "kinds", "operations"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "deploy.sh",
        "queue.yaml",
        "scheduler.yaml",
        "pyproject.toml",
        ".gitignore",
        "requirements.lock",
        "requirements-deployment.lock",
    ):
        shutil.copy(REPOSITORY / name, copy / name)
    # A team's own kinds may need a secret, which the projects of these tests do not have.
    for needs in copy.glob("kinds/*/needs.yaml"):
        needs.unlink()
    git(copy, "init", "--quiet")
    commit_all(copy)
    return copy


@pytest.fixture
def bare(tmp_path: Path, repository: Path) -> Deployment:
    """A project with nothing in it but billing."""
    return Deployment(tmp_path, repository=repository)


@pytest.fixture(scope="session")
def first_deployment(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> FirstDeployment:
    """How the first deployment of a bare project goes."""
    deployment = Deployment(tmp_path_factory.mktemp("deployed"), repository=repository)
    outcome = deployment.deploy()
    return FirstDeployment(outcome=outcome, state=deployment.state, calls=deployment.calls)


@pytest.fixture
def deployed(tmp_path: Path, repository: Path, first_deployment: FirstDeployment) -> Deployment:
    """A project after the first deployment."""
    assert first_deployment.outcome.status == 0, first_deployment.outcome.text
    return Deployment(tmp_path, repository=repository, state=first_deployment.state)
