"""How requests are sent: as whom, on whose quota, and how often."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.impersonated_credentials import Credentials as ImpersonatedCredentials
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials as UserCredentials
from requests.adapters import HTTPAdapter

from deployment.engine.credentials import GcloudCredentials, credentials, session
from deployment.engine.discovery import Request, method
from deployment.engine.google_client import GoogleClient, endpoint_of
from deployment.engine.google_error import GoogleError
from deployment.resources.firestore import DATABASE
from tests.deployment.conftest import BARE
from tests.deployment.engine.proxy import the_answers
from tests.deployment.stand_in.project import Project
from tests.deployment.stand_in.session import StandInSession
from tests.deployment.virtual_clock import VirtualClock

METRIC = method("logging", "v2", "projects.metrics.get").request("projects/p/metrics/m")
BUDGETS = method("billingbudgets", "v1", "billingAccounts.budgets.list").request("billingAccounts/1")
DASHBOARD = method("monitoring", "v1", "projects.dashboards.patch").request("projects/p/dashboards/1", {"etag": "1"})
POLICY = method("pubsub", "v1", "projects.topics.setIamPolicy").request("projects/p/topics/t", {"policy": {}})


WAITS = [2, 4, 8, 16, 32, *[60] * 8, 58]
"""Ten minutes."""


class Sent:
    """A session that answers each request the same.

    Attributes:
        waits: the seconds between the attempts.
        headers: those of each request.
        said: what the client has said.
    """

    def __init__(self, status: int, body: str) -> None:
        self._status, self._body = status, body
        self.waits: list[float] = []
        self.headers: list[Any] = []
        self.said: list[str] = []

    def request(self, _method: str, _url: str, **rest: Any) -> requests.Response:
        """As AuthorizedSession's."""
        self.headers.append(rest["headers"])
        answer = requests.Response()
        answer.status_code, answer._content = self._status, self._body.encode()
        return answer

    @property
    def client(self) -> GoogleClient:
        """A client that sends by it."""
        return GoogleClient(
            self,  # type: ignore[arg-type]
            "my-project",
            wait=self.waits.append,
            now=VirtualClock().now,
            say=self.said.append,
        )

    def send(self, request: Request) -> Any:
        """Send a request by a client."""
        return self.client.send(request)


def error(code: str) -> str:
    return f'{{"error": {{"status": "{code}", "message": "No."}}}}'


@pytest.mark.parametrize(
    ("request_", "status", "body", "attempts"),
    [
        (METRIC, 503, "<html>", len(WAITS) + 1),
        (METRIC, 429, error("RESOURCE_EXHAUSTED"), len(WAITS) + 1),
        (METRIC, 403, error("PERMISSION_DENIED"), 1),
        (METRIC, 404, error("NOT_FOUND"), 1),
        # Somebody has changed it since it was read.
        (DASHBOARD, 409, error("ABORTED"), 1),
        # It names nothing that is new.
        (POLICY, 400, error("INVALID_ARGUMENT"), 1),
        # An answer that was cut, or that of a proxy.
        (METRIC, 200, '{"name": ', len(WAITS) + 1),
        (METRIC, 200, "{}", len(WAITS) + 1),
    ],
)
def test_attempts_come_to_an_end(request_: Request, status: int, body: str, attempts: int) -> None:
    sent = Sent(status, body)
    with pytest.raises(GoogleError):
        sent.send(request_)
    assert len(sent.headers) == attempts
    assert sent.waits == WAITS[: attempts - 1]


def test_what_belongs_to_no_project_counts_for_that_which_is_deployed_to() -> None:
    sent = Sent(200, '{"name": "m"}')
    assert sent.send(METRIC) == sent.send(BUDGETS) == {"name": "m"}
    assert sent.headers == [None, {"X-Goog-User-Project": "my-project"}]


def test_an_interface_can_be_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint_of("logging") == "https://logging.googleapis.com"
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING", "http://127.0.0.1:1/logging/")
    assert endpoint_of("logging") == "http://127.0.0.1:1/logging"


def test_the_token_of_gclouds_own_variable_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ya29.made-up\n", encoding="utf-8")
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", str(tmp_path / "token"))
    assert credentials("my-project").token == "ya29.made-up"


def _gcloud(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    monkeypatch.delenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", raising=False)
    (folder / "gcloud").write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    (folder / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def test_without_others_that_of_the_account_of_gcloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _gcloud(monkeypatch, tmp_path, 'test "$*" = "auth print-access-token --quiet" && echo ya29.gcloud')
    found = credentials("my-project")
    assert isinstance(found, GcloudCredentials)
    found.refresh(None)
    assert found.token == "ya29.gcloud"


USER = '{"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}'
"""Application default credentials, as `gcloud auth application-default login` writes them."""


@pytest.mark.parametrize("theirs", [None, "theirs"])
def test_a_quota_project_of_the_credentials_is_kept_but_for_what_belongs_to_no_project(
    monkeypatch: pytest.MonkeyPatch, theirs: str | None
) -> None:
    counted: list[str | None] = []

    def answered(_adapter: Any, sent: requests.PreparedRequest, **_: Any) -> requests.Response:
        counted.append(sent.headers.get("X-Goog-User-Project"))
        answer = requests.Response()
        answer.status_code, answer._content, answer.url = 200, b'{"name": "m"}', sent.url or ""
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", answered)
    used = UserCredentials("ya29.made-up", quota_project_id=theirs)  # type: ignore[no-untyped-call]
    client = GoogleClient(AuthorizedSession(used), "my-project", now=VirtualClock().now)  # type: ignore[no-untyped-call]
    for asked in (METRIC, BUDGETS, METRIC):
        client.send(asked)
    assert counted == [theirs, "my-project", theirs]


@pytest.mark.parametrize(("consumer", "attempts"), [("54321", 1), ("my-project", len(WAITS) + 1), ("", len(WAITS) + 1)])
def test_an_interface_that_is_off_in_another_project_is_not_waited_for(consumer: str, attempts: int) -> None:
    metadata = f', "metadata": {{"consumer": "projects/{consumer}"}}' if consumer else ""
    details = f'[{{"reason": "SERVICE_DISABLED"{metadata}}}]'
    sent = Sent(403, f'{{"error": {{"status": "PERMISSION_DENIED", "message": "Off.", "details": {details}}}}}')
    client = sent.client
    client.number = "123"
    client.young.add("logging.googleapis.com", is_grant=True)
    with pytest.raises(GoogleError) as failed:
        client.send(METRIC)
    assert len(sent.headers) == attempts
    to_do = failed.value.to_do("my-project")
    assert ("gcloud services enable logging.googleapis.com --project=54321" in to_do) == (attempts == 1)
    assert ("export GOOGLE_CLOUD_QUOTA_PROJECT=my-project" in to_do) == (attempts == 1)


def _application_default(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    _gcloud(monkeypatch, folder, "exit 1")
    (folder / "adc.json").write_text(USER, encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "adc.json"))


def _token_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "token").write_text("ya29.old", encoding="utf-8")
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", str(folder / "token"))


def _impersonation(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    _application_default(monkeypatch, folder)
    monkeypatch.setenv("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT", ACCOUNT)


ACCOUNT = "deployer@p.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("logged_in", "renews"),
    [
        (
            lambda patch, folder: _gcloud(patch, folder, "echo Reauthentication failed. >&2; exit 1"),
            "gcloud auth login",
        ),
        (_application_default, "gcloud auth application-default login"),
        (_token_file, "gcloud auth print-access-token > {folder}/token"),
        (_impersonation, f"you need roles/iam.serviceAccountTokenCreator on {ACCOUNT}."),
    ],
)
def test_a_login_that_has_expired_says_which_command_renews_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logged_in: Any, renews: str
) -> None:
    """Google answers each question about a token that there is none, and each request that it knows nobody."""
    logged_in(monkeypatch, tmp_path)
    with the_answers(HTTPStatus.UNAUTHORIZED, '{"error": "invalid_grant"}', folder=tmp_path) as answers:
        monkeypatch.setenv("HTTPS_PROXY", answers.proxy)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", answers.certificates)
        with pytest.raises(GoogleError) as failed:
            GoogleClient(
                session("my-project"), "my-project", wait=lambda _: None, now=VirtualClock().now, say=lambda _: None
            ).send(METRIC)
    assert failed.value.code == "UNAUTHENTICATED"
    assert renews.format(folder=tmp_path) in failed.value.to_do("my-project")


def test_calls_of_a_user_count_for_the_project_and_those_of_an_account_for_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _application_default(monkeypatch, tmp_path)
    found = credentials("my-project")
    assert isinstance(found, UserCredentials)
    assert found.quota_project_id == "my-project"
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "another")
    assert getattr(credentials("my-project"), "quota_project_id", "") == "another"
    monkeypatch.setenv("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT", ACCOUNT)
    impersonated = credentials("my-project")
    assert isinstance(impersonated, ImpersonatedCredentials)
    assert (impersonated.service_account_email, impersonated.quota_project_id) == (ACCOUNT, None)


def test_requests_go_through_a_proxy_that_has_a_certificate_of_the_company(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _token_file(monkeypatch, tmp_path)
    with the_answers(HTTPStatus.OK, '{"name": "m"}', folder=tmp_path) as answers:
        monkeypatch.setenv("HTTPS_PROXY", answers.proxy)
        client = GoogleClient(
            session("my-project"), "my-project", wait=lambda _: None, now=VirtualClock().now, say=lambda _: None
        )
        with pytest.raises(GoogleError, match="certificate") as failed:
            client.send(METRIC)
        assert "set HTTPS_PROXY and REQUESTS_CA_BUNDLE" in failed.value.to_do("my-project")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", answers.certificates)
        assert client.send(METRIC) == {"name": "m"}
    assert set(answers.asked) == {"logging.googleapis.com:443"}


BEGUN = {"name": "projects/p/databases/d/operations/1"}


def test_a_run_waits_for_what_a_request_has_begun() -> None:
    sent = Sent(200, f'{{"name": "{BEGUN["name"]}", "done": true}}')
    sent.client.await_end(DATABASE, BEGUN)
    assert len(sent.waits) == 1
    # What is there, though the answer to its creation was lost.
    sent.client.await_end(DATABASE, {"name": "projects/p/databases/d"})
    assert len(sent.waits) == 1


@pytest.mark.parametrize(
    ("ends", "code"),
    [(', "done": true, "error": {"code": 7, "message": "No."}', "PERMISSION_DENIED"), ("", "UNFINISHED")],
)
def test_what_ends_in_an_error_or_not_in_half_an_hour_ends_the_run(ends: str, code: str) -> None:
    sent = Sent(200, f'{{"name": "{BEGUN["name"]}"{ends}}}')
    with pytest.raises(GoogleError) as failed:
        sent.client.send(DATABASE.method("create").request("projects/p", {}, query={"databaseId": "d"}), kind=DATABASE)
    assert failed.value.code == code
    assert sum(sent.waits) == (1800 if code == "UNFINISHED" else 0)
    assert sent.said == [
        f"    waiting for {BEGUN['name']}, for {n} min now" for n in range(1, int(sum(sent.waits)) // 60 + 1)
    ]


def test_an_upload_whose_connection_breaks_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    project = Project({**BARE, "enabled": ["storage.googleapis.com"], "buckets": {"b": {}}})
    parts: list[str] = []

    class Breaking(StandInSession):
        def request(self, method: str, url: str, **rest: Any) -> requests.Response:
            if method == "PUT":
                parts.append(rest["headers"]["content-range"])
                if len(parts) == 2:
                    raise requests.exceptions.ConnectionError("Connection aborted.")
            return super().request(method, url, **rest)

    content = bytes(range(256)) * 3000
    client = GoogleClient(Breaking(project), "my-project", wait=lambda _: None, now=VirtualClock().now)  # type: ignore[arg-type]
    upload = method("storage", "v1", "objects.insert").upload(
        "b", content, query={"name": "o", "ifGenerationMatch": "0"}, resumable=True
    )
    client.send(upload)
    last = "bytes 524288-767999/768000"
    assert parts == ["bytes 0-262143/768000", "bytes 262144-524287/768000", "bytes 262144-524287/768000", last]
    assert project.state["objects"] == {"b/o": content}
    with pytest.raises(GoogleError) as again:
        client.send(upload)
    assert again.value.code == "FAILED_PRECONDITION"
