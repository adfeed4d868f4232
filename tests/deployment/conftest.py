"""deploy.sh against the stand-in gcloud."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.google_server import GoogleServer
from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.python import forking_python, real_python
from tests.deployment.stand_in.rest import the_rest_server
from tests.deployment.stand_in.server import the_server
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
    "MAIL_WITHOUT_UNSUBSCRIBE": "true",
    # Nor does it call SendGrid, but in the tests of just that.
    "MAIL_EVENTS": "off",
}

BARE: dict[str, Any] = {
    "project": PROJECT,
    "version": "578.0.0",
    "logged_in": True,
    # A member, who then has only its own roles.
    "caller": "",
    # The project's own roles, each with its permissions and spaces between them.
    "own_roles": {},
    "billing": True,
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
    "deployed_files": {},
    # Of each service, the oldest first.
    "revisions": {},
    # What Cloud Monitoring knows of them, with each look.
    "series": [{}],
    "forced_runs": 0,
    # Of Firestore, with the writes to it in their order, and what becomes of a delivery as it is looked at.
    "documents": {},
    "written": [],
    "delivery_states": ["sent"],
}

_READS = (
    "describe",
    "list",
    "list-subscriptions",
    "access",
    "print-access-token",
    "version",
    "get",
    "--help",
    "GET",
    # Of methods: what comes after the last dot.
    "getBillingInfo",
    "getIamPolicy",
)


def is_read(words: list[str]) -> bool:
    """Whether a command line, or a call of an interface's method, changes nothing."""
    return any(word.rpartition(".")[2] in _READS for word in words)


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
    """A project, and deploy.sh with a gcloud in front of it that knows nothing else.

    Args:
        directory: where the state is kept.
        repository: where deploy.sh is.
        state: the project's, to begin with.
        commits: whether each deployment is of a commit of all that the repository has by then.
        python: the text of its python3.
    """

    def __init__(
        self,
        directory: Path,
        *,
        repository: Path,
        state: Mapping[str, Any] = BARE,
        commits: bool = False,
        python: str | None = None,
    ) -> None:
        self.directory = directory
        self.repository = repository
        self._commits = commits
        self._project = Project(state)
        self.settings = dict(SETTINGS)
        self.secrets = dict(SECRETS)
        bin_directory = directory / "bin"
        bin_directory.mkdir(parents=True)
        _write_program(bin_directory / "gcloud", the_server().program_for(self._project))
        # Waiting is not what is tested.
        _write_program(bin_directory / "sleep", "#!/bin/sh\n")
        _write_program(bin_directory / "python3", python or forking_python())
        self._endpoints = the_rest_server().endpoints_for(self._project)
        self.path = f"{bin_directory}{os.pathsep}/usr/bin{os.pathsep}/bin"

    @property
    def state(self) -> dict[str, Any]:
        """What the project holds, in a copy."""
        return self._project.state

    def edit(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change something by hand, as a person does in the console."""
        state = self.state
        change(state)
        self._project.state = state

    def fail(self, command: str, text: str, *, times: int = 1, when: str = "before") -> None:
        """Have a command fail."""
        fault = {"command": command, "text": text, "times": times, "when": when}
        self.edit(lambda state: state["faults"].append(fault))

    @property
    def environment(self) -> dict[str, str]:
        """What deploy.sh sees: nothing of the machine that the tests run on."""
        return {
            "PATH": self.path,
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory),
            **self._endpoints,
            **self.settings,
            **self.secrets,
        }

    def interrupt(self, command: str, *options: str) -> Outcome:
        """Run deploy.sh until it carries out a command that hangs, and send it what Ctrl-C sends."""
        self._project.hanging_command = command
        process = subprocess.Popen(
            ["/bin/bash", str(self.repository / "deploy.sh"), *options],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while not self._project.hangs.wait(0.1):
            assert process.poll() is None, process.communicate()
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        self._project.hanging_command = ""
        return Outcome(process.returncode, output, errors)

    def deploy(self, *options: str, answer: str = "") -> Outcome:
        """Run deploy.sh to its end; calls of gcloud are counted from zero."""
        self._project.calls.clear()
        if self._commits:
            commit_all(self.repository)
        run = subprocess.run(
            ["/bin/bash", str(self.repository / "deploy.sh"), *options],
            env=self.environment,
            input=answer,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Outcome(run.returncode, run.stdout, run.stderr)

    @property
    def calls(self) -> list[list[str]]:
        """The command lines that gcloud got in the last run."""
        return list(self._project.calls)

    @property
    def changes(self) -> list[str]:
        """Those that change something, without their flags."""
        lines = [[word for word in call if not word.startswith("-")] for call in self.calls]
        return [" ".join(line) for line in lines if not is_read(line)]

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
    for variable in service["spec"]["template"]["spec"]["containers"][0]["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        found[variable["name"]] = f"{reference['name']}:{reference['key']}" if reference else variable["value"]
    return found


def _write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def pytest_itemcollected(item: pytest.Item) -> None:
    """What runs deploy.sh is left to `make test-all`, but for the few tests that are marked otherwise."""
    if "repository" in getattr(item, "fixturenames", ()):
        item.add_marker(THOROUGH)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What deploy.sh needs of the repository, in a folder whose name is hard on careless scripts."""
    copy = tmp_path_factory.mktemp("clone") / "O'Neil & sons $HOME"
    copy.mkdir()
    for name in ("deployment", "functions", "operations"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "deploy.sh",
        "queue.yaml",
        "scheduler.yaml",
        "pyproject.toml",
        ".gitignore",
        "requirements-deployment.lock",
    ):
        shutil.copy(REPOSITORY / name, copy / name)
    # A team's own kinds may need a secret, which the projects of these tests do not have.
    for needs in copy.glob("functions/worker/reports/*/needs.yaml"):
        needs.unlink()
    git(copy, "init", "--quiet")
    commit_all(copy)
    return copy


@pytest.fixture
def bare(tmp_path: Path, repository: Path) -> Deployment:
    """A project with nothing in it but billing."""
    return Deployment(tmp_path, repository=repository)


@pytest.fixture
def firestore() -> Iterator[GoogleServer]:
    """Firestore's REST interface, for the few documents that deploy.sh itself touches."""
    with GoogleServer(PROJECT).running() as server:
        yield server


@pytest.fixture(scope="session")
def first_deployment(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> FirstDeployment:
    """How the first deployment of a bare project goes. With pytest-xdist one process makes it for all."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    kept = shared / "first-deployment.json"
    with (shared / "first-deployment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            deployment = Deployment(tmp_path_factory.mktemp("deployed"), repository=repository, python=real_python())
            outcome = deployment.deploy()
            made = {"outcome": asdict(outcome), "state": deployment.state, "calls": deployment.calls}
            kept.write_text(json.dumps(made), encoding="utf-8")
    read = json.loads(kept.read_text(encoding="utf-8"))
    return FirstDeployment(outcome=Outcome(**read["outcome"]), state=read["state"], calls=read["calls"])


@pytest.fixture
def deployed(tmp_path: Path, repository: Path, first_deployment: FirstDeployment) -> Deployment:
    """A project after the first deployment."""
    assert first_deployment.outcome.status == 0, first_deployment.outcome.text
    return Deployment(tmp_path, repository=repository, state=first_deployment.state)
