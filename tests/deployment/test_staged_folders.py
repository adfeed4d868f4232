"""What is deployed of each function, installed with only its own requirements, runs against the local cloud."""

import base64
import html
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.tasks_v2 import CloudTasksClient, Queue
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from deployment.cloud_run.sources import Files, console_source, function_source
from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from local_cloud.clock import Clock
from local_cloud.identity import IdentityProvider
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.tasks.server import TasksEmulator
from local_pipeline.machine_variables import machine_variables
from tests.deployed_firestore import deployed_firestore
from tests.deployment.conftest import REPOSITORY
from tests.deployment.staged import lay_out
from tests.functions.mail_events.signing import Signer
from tests.operations.identity_aware_proxy import AUDIENCE, HEADER, IdentityAwareProxy
from tests.support import PATIENCE_SECONDS, Background, free_ports

PROJECT = "my-project"
TASKS, SCHEDULER, EVENTS = (
    f"report-{name}@{PROJECT}.iam.gserviceaccount.com" for name in ("tasks", "scheduler", "events")
)
WORKER_URL, DISPATCHER_URL, DLQ_HANDLER_URL, API_URL = (
    f"https://report-{name}-1.us-central1.run.app" for name in ("worker", "dispatcher", "dlq-handler", "api")
)
APP = f"app@{PROJECT}.iam.gserviceaccount.com"
UV = Path(sys.executable).with_name("uv")
CONSOLE_URL = "https://report-console-1.us-central1.run.app"
ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": PROJECT,
    "LOCATION": "us-central1",
    "REPORT_QUEUES": "reports",
    "WORKER_URL": WORKER_URL,
    "DISPATCHER_URL": DISPATCHER_URL,
    "TASKS_INVOKER": TASKS,
    "SCHEDULER_INVOKER": SCHEDULER,
    "DLQ_HANDLER_URL": DLQ_HANDLER_URL,
    "API_URL": API_URL,
    "API_CALLERS": APP,
    "EVENTS_INVOKER": EVENTS,
    "DEAD_LETTER_TOPIC": "report-dead-letters",
    "MAX_ATTEMPTS": "8",
    "SENDGRID_API_KEY": "SG.key",
    "MAIL_FROM": "reports@example.com",
    "SENDGRID_WEBHOOK_KEY": Signer().public_key,
    "PREFERENCES_URL": "https://report-preferences-1.us-central1.run.app",
    "PREFERENCES_KEY": "k" * 32,
    "THREADS": "4",
    "DEFAULT_KIND": "activity",
    "CONSOLE_URL": CONSOLE_URL,
    "CONSOLE_AUDIENCE": AUDIENCE,
    "CONSOLE_KEY": "k" * 43,
}


class Cloud:
    """The parts of the local cloud that the functions need."""

    def __init__(self) -> None:
        clock = Clock()
        place = {"host": "127.0.0.1", "port": 0}
        self.identity = IdentityProvider(**place, clock=clock)  # type: ignore[arg-type]  # both are what they should be
        self.firestore = deployed_firestore(**place, clock=clock)
        self.tasks = TasksEmulator(**place, clock=clock, mint_token=self.identity.mint)  # type: ignore[arg-type]
        self.pubsub = PubSubEmulator(**place, clock=clock)  # type: ignore[arg-type]
        self.parts: list[Any] = [self.identity, self.firestore, self.tasks, self.pubsub]

    @property
    def variables(self) -> dict[str, str]:
        return {
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{self.firestore.port}",
            "FIRESTORE_REST_EMULATOR_HOST": f"127.0.0.1:{self.firestore.rest_port}",
            "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{self.tasks.port}",
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.pubsub.port}",
            "OIDC_CERTS_URL": self.identity.certs_url,
            "OIDC_ISSUER": self.identity.issuer,
        }

    def make_queue(self, name: str = "reports") -> None:
        channel = grpc.insecure_channel(self.variables["CLOUD_TASKS_EMULATOR_HOST"])
        client = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
        parent = f"projects/{PROJECT}/locations/us-central1"
        client.create_queue(parent=parent, queue=Queue(name=f"{parent}/queues/{name}"))

    def client(self, monkeypatch: pytest.MonkeyPatch) -> firestore.Client:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", self.variables["FIRESTORE_EMULATOR_HOST"])
        return firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]

    def bearer(self, account: str, audience: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.identity.mint(account, audience)}"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    background = Background()
    started = Cloud()
    for part in started.parts:
        background.run(part.start())
    yield started
    for part in started.parts:
        background.run(part.stop())
    background.close()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment, which one function's packages after another's are installed into.

    Most packages stay, and with them their compiled modules: to compile them takes longer than all else.
    """
    environment = tmp_path_factory.mktemp("venv")
    subprocess.run([UV, "venv", "--quiet", "--allow-existing", "--python", sys.executable, environment], check=True)
    return environment / "bin" / "python"


@contextmanager
def deployed(function: str, cloud: Cloud, directory: Path, python: Path) -> Iterator[str]:
    """Stage a function, install what it requires, and start it as Google does. Yields its address."""
    _install(directory, python, function_source(REPOSITORY, function))
    port = free_ports(1)
    # The command itself, as Google's buildpack does: with `python -m` what is staged would be found before packages.
    command: list[str | Path] = [python.with_name("functions-framework"), "--source", "main.py", "--target", function]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with _running(command, cloud, directory, port, "/health") as url:
        yield url


def _install(directory: Path, python: Path, files: Files) -> None:
    """Lay a source out, and install what it requires, and nothing else."""
    lay_out(files, directory / "staged")
    requirements = directory / "staged" / "requirements.txt"
    subprocess.run([UV, "pip", "sync", "--quiet", "--require-hashes", "--python", python, requirements], check=True)


@contextmanager
def _running(command: list[str | Path], cloud: Cloud, directory: Path, port: int, path: str) -> Iterator[str]:
    """Start what is staged, and wait until it answers at the path. Yields its address."""
    # Only what is staged is there to be imported.
    environment = {**machine_variables(), "HOME": str(directory), **ENVIRONMENT, **cloud.variables}
    environment["PORT"] = str(port)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=directory / "staged", env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}{path}", process, directory / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            requests.get(url, timeout=PATIENCE_SECONDS)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"not up in time: {log.read_text(encoding='utf-8')}")


pytestmark = pytest.mark.skipif(not UV.exists(), reason="uv is not in this environment")


def test_dispatcher(cloud: Cloud, tmp_path: Path, python: Path) -> None:
    cloud.make_queue()
    with deployed("dispatcher", cloud, tmp_path, python) as url:
        assert requests.post(url, timeout=PATIENCE_SECONDS).status_code == 401
        headers = cloud.bearer(SCHEDULER, DISPATCHER_URL)
        answer = requests.post(url, headers=headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, (tmp_path / "log").read_text()
        assert answer.json()["dispatched"] == 0


def test_worker(cloud: Cloud, tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = {
        "user_id": "nobody",
        "subscription_id": "default",
        "delivery_id": "nobody:default:20261124T1300Z",
        "due_at": "2026-11-24T13:00:00Z",
        "run_id": "20261124T1300Z",
        "kind": "activity",
    }
    with deployed("worker", cloud, tmp_path, python) as url:
        assert requests.get(f"{url}/health", timeout=PATIENCE_SECONDS).status_code == 200
        address = f"{url}/tasks/send-report"
        assert requests.post(address, json=task, timeout=PATIENCE_SECONDS).status_code == 401
        headers = cloud.bearer(TASKS, WORKER_URL)
        answer = requests.post(address, json=task, headers=headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, (tmp_path / "log").read_text()
    delivery = cloud.client(monkeypatch).document("deliveries/nobody:default:20261124T1300Z").get()
    assert delivery.get("state") == "skipped"


def test_preferences(cloud: Cloud, tmp_path: Path, python: Path) -> None:
    with deployed("preferences", cloud, tmp_path, python) as url:
        assert requests.get(f"{url}/health", timeout=PATIENCE_SECONDS).status_code == 200
        token = TokenKeys([ENVIRONMENT["PREFERENCES_KEY"]]).make(RecipientToken("nobody", "default"))
        answer = requests.get(f"{url}/{token}", timeout=PATIENCE_SECONDS)
        assert (answer.status_code, "You get no reports." in answer.text) == (200, True), (tmp_path / "log").read_text()


def test_api(cloud: Cloud, tmp_path: Path, python: Path) -> None:
    with deployed("api", cloud, tmp_path, python) as url:
        address, headers = f"{url}/users/nobody/subscriptions", cloud.bearer(APP, API_URL)
        assert requests.get(address, timeout=PATIENCE_SECONDS).status_code == 401
        answer = requests.get(address, headers=headers, timeout=PATIENCE_SECONDS)
        assert answer.json()["detail"] == "There is no user nobody.", (tmp_path / "log").read_text()


def test_mail_events(cloud: Cloud, tmp_path: Path, python: Path) -> None:
    with deployed("mail_events", cloud, tmp_path, python) as url:
        assert requests.get(f"{url}/health", timeout=PATIENCE_SECONDS).status_code == 200
        assert requests.post(f"{url}/sendgrid", json=[], timeout=PATIENCE_SECONDS).status_code == 403


def test_dlq_handler(cloud: Cloud, tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = {
        "user_id": "u1",
        "subscription_id": "default",
        "delivery_id": "u1:default:20261124T1300Z",
        "due_at": "2026-11-24T13:00:00Z",
        "run_id": "20261124T1300Z",
        "kind": "activity",
        "reason": "permanent-error",
        "error": "no such address",
        "attempts": 1,
        "failed_at": datetime.now(UTC).isoformat(),
    }
    push: dict[str, Any] = {
        "message": {"data": base64.b64encode(json.dumps(letter).encode()).decode(), "messageId": "1", "attributes": {}},
        "subscription": f"projects/{PROJECT}/subscriptions/report-dead-letters",
    }
    with deployed("dlq_handler", cloud, tmp_path, python) as url:
        url += f"/projects/{PROJECT}/topics/report-dead-letters"
        assert requests.post(url, json=push, timeout=PATIENCE_SECONDS).status_code == 401
        token = cloud.bearer(EVENTS, DLQ_HANDLER_URL)
        answer = requests.post(url, json=push, headers=token, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, (tmp_path / "log").read_text()
    record = cloud.client(monkeypatch).document("dead_letters/u1:default:20261124T1300Z").get()
    assert record.get("reason") == "permanent-error"


def test_console(cloud: Cloud, tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.make_queue("console-reports")
    _install(tmp_path, python, console_source(REPOSITORY, "python314"))
    (process,) = (tmp_path / "staged" / "Procfile").read_text(encoding="utf-8").splitlines()
    _, *arguments = process.removeprefix("web: ").split()
    with IdentityAwareProxy().running() as proxy:
        monkeypatch.setitem(ENVIRONMENT, "IAP_KEYS_URL", proxy.keys_url)
        monkeypatch.setitem(ENVIRONMENT, "REPORT_QUEUES", "console-reports")
        with _running([python, *arguments], cloud, tmp_path, free_ports(1), "/") as url:
            headers = {"Host": CONSOLE_URL.removeprefix("https://")}
            assert requests.get(url, headers=headers, timeout=PATIENCE_SECONDS).status_code == 403
            headers[HEADER] = proxy.assertion("ada@example.com")
            for path in ("/", "/runs", "/deliveries", "/dead-letters", "/queues", "/people", "/operator-actions"):
                answer = requests.get(url + path, headers=headers, timeout=PATIENCE_SECONDS)
                assert (path, answer.status_code) == (path, 200), (tmp_path / "log").read_text()
            gallery = requests.get(f"{url}/kinds", headers=headers, timeout=PATIENCE_SECONDS).text
            samples = re.findall(r'src="(/kinds/[^"]+)"', gallery)
            assert samples
            for path in samples:
                answer = requests.get(url + html.unescape(path), headers=headers, timeout=PATIENCE_SECONDS)
                assert (path, answer.status_code) == (path, 200), (tmp_path / "log").read_text()
