"""The console as it is deployed, over HTTP: behind Identity-Aware Proxy, and not to be reached in another way."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import uvicorn

from functions.shared.settings import load_settings
from operations.console.deployed import ConsoleSettings, make_deployed
from operations.console.iap import HEADER
from tests.operations.identity_aware_proxy import AUDIENCE, IdentityAwareProxy
from tests.operations.integration.conftest import Project
from tests.support import free_ports

URL = "https://report-console-123456789012.us-central1.run.app"
OPERATOR, VIEWER = "ada@operators.example", "grace@operators.example"
ADDRESS = "bob@customer.example"
REPOSITORY = Path(__file__).parents[3]
_SECONDS = 30


@dataclass
class Caller:
    """Calls the console as Identity-Aware Proxy does for a person, or as somebody else does."""

    port: int
    iap: IdentityAwareProxy

    def get(self, path: str, person: str = "", **headers: str) -> requests.Response:
        url = f"http://127.0.0.1:{self.port}{path}"
        return requests.get(url, headers=self._headers(person) | headers, timeout=_SECONDS, allow_redirects=False)

    def post(self, path: str, person: str, fields: dict[str, str], **headers: str) -> requests.Response:
        url = f"http://127.0.0.1:{self.port}{path}"
        sent = {**self._headers(person), "Origin": URL, "Sec-Fetch-Site": "same-origin", **headers}
        return requests.post(url, data=fields, headers=sent, timeout=_SECONDS, allow_redirects=False)

    def token(self, person: str) -> str:
        found = re.search(r'name="token" value="([0-9a-f-]+)"', self.get("/queues", person).text)
        assert found is not None
        return found[1]

    def _headers(self, person: str) -> dict[str, str]:
        host = {"Host": urlsplit(URL).netloc}
        return {**host, HEADER: self.iap.assertion(person)} if person else host


@pytest.fixture
def iap() -> Iterator[IdentityAwareProxy]:
    with IdentityAwareProxy().running() as proxy:
        yield proxy


@pytest.fixture
def settings(project: Project, iap: IdentityAwareProxy, monkeypatch: pytest.MonkeyPatch) -> ConsoleSettings:
    """What deploy.sh sets, but for where the keys are."""
    environment = {
        "CONSOLE_URL": URL,
        "CONSOLE_AUDIENCE": AUDIENCE,
        "CONSOLE_OPERATORS": f"{OPERATOR}, grete@operators.example",
        "CONSOLE_KEY": "k" * 43,
        "IAP_KEYS_URL": iap.keys_url,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(ConsoleSettings)


@contextmanager
def instance(settings: ConsoleSettings, iap: IdentityAwareProxy) -> Iterator[Caller]:
    port = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(make_deployed(settings), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield Caller(port, iap)
    server.should_exit = True
    thread.join()


@pytest.fixture
def console(settings: ConsoleSettings, iap: IdentityAwareProxy) -> Iterator[Caller]:
    with instance(settings, iap) as caller:
        yield caller


@pytest.mark.parametrize("path", ["/", "/people", "/static/console.css", "/no-such-page", "/queues"])
def test_nothing_is_served_without_an_assertion(console: Caller, project: Project, path: str) -> None:
    for headers in (
        {},
        {HEADER: "x"},
        {HEADER: console.iap.assertion(OPERATOR, aud="/projects/1/locations/us-central1/services/other")},
        {"X-Goog-Authenticated-User-Email": f"accounts.google.com:{OPERATOR}"},
    ):
        answer = console.get(path, **headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "text/plain; charset=utf-8")
        assert "Identity-Aware Proxy" in answer.text
        assert answer.headers["Content-Security-Policy"]
        assert OPERATOR not in answer.text
    assert console.get(path, OPERATOR).status_code != HTTPStatus.FORBIDDEN


def test_without_the_proxys_keys_it_is_unavailable(console: Caller, iap: IdentityAwareProxy) -> None:
    iap.status = 500
    answer = console.get("/", OPERATOR)
    assert (answer.status_code, answer.text.startswith("The assertion")) == (HTTPStatus.SERVICE_UNAVAILABLE, True)


def test_only_its_own_name_and_origin(console: Caller, project: Project) -> None:
    assert console.get("/", OPERATOR, Host="attacker.example").status_code == HTTPStatus.FORBIDDEN
    fields = {"token": console.token(OPERATOR)}
    for origin in ("https://attacker.example", URL.replace("https", "http")):
        answer = console.post("/queues/reports/pause", OPERATOR, fields, Origin=origin)
        assert answer.status_code == HTTPStatus.FORBIDDEN


def test_an_operator_acts_under_their_name(console: Caller, project: Project) -> None:
    answer = console.post("/queues/reports/resume", OPERATOR, {"token": console.token(OPERATOR)})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    (action,) = [each.to_dict() for each in project.database.collection("operator_actions").stream()]
    assert (action["who"], action["subject"]) == (OPERATOR, "reports")


def test_all_others_look_and_do_nothing(console: Caller, project: Project) -> None:
    project.database.collection("users").document("u1").set({"active": True, "email": ADDRESS})
    token = console.token(OPERATOR)
    assert 'name="token"' not in console.get("/queues", VIEWER).text
    assert console.post("/queues/reports/resume", VIEWER, {"token": token}).status_code == HTTPStatus.FORBIDDEN
    assert not list(project.database.collection("operator_actions").stream())
    assert ADDRESS in console.get("/people/u1", OPERATOR).text
    assert ADDRESS not in console.get("/people/u1", VIEWER).text


def test_a_form_holds_when_another_instance_takes_it(
    project: Project, settings: ConsoleSettings, iap: IdentityAwareProxy
) -> None:
    with instance(settings, iap) as first:
        token = first.token(OPERATOR)
    with instance(settings, iap) as second:
        answer = second.post("/queues/reports/resume", OPERATOR, {"token": token})
    assert answer.status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONSOLE_URL", "http://console.example"),
        ("CONSOLE_URL", "https://console.example/path"),
        ("CONSOLE_AUDIENCE", "*"),
        ("CONSOLE_AUDIENCE", ""),
        ("CONSOLE_KEY", "short"),
        ("PORT", "none"),
    ],
)
def test_it_does_not_start_with_wrong_settings(
    settings: ConsoleSettings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    del settings
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=name):
        load_settings(ConsoleSettings)


@pytest.mark.starts_process
def test_without_a_project_it_says_what_to_set(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY), "CONSOLE_URL": URL}
    environment |= {"CONSOLE_AUDIENCE": AUDIENCE, "CONSOLE_KEY": "k" * 43}
    command = [sys.executable, "-m", "operations.console.deployed"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=_SECONDS)
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, "set GOOGLE_CLOUD_PROJECT and LOCATION" in line) == (1, True)
