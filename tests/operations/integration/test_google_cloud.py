"""On Google Cloud: what is not set is asked of the deployed functions, and the scheduler's account is impersonated.

Google's own client libraries, with credentials of a key that is made here, against a server that stands for Google.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import iam
from typer.testing import CliRunner, Result

from local_cloud.clock import Clock
from local_cloud.http import HttpServer
from local_pipeline.inbox.event_webhook import WebhookKey
from local_pipeline.inbox.server import Inbox
from operations import session
from operations.commands.app import app
from operations.connection.deployed_env import DeployedEnv
from operations.errors import NotConfigured
from operations.incidents.events import of_revisions
from tests.operations.integration.conftest import FIGURES, Emulators

SCHEDULER = "report-scheduler@p.iam.gserviceaccount.com"


@dataclass
class Google:
    """Tokens, Cloud Run and IAM, and the dispatcher that runs there."""

    url: str = ""
    functions: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)
    traffic: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    may_impersonate: bool = True
    may_read_secrets: bool = True
    asked: list[str] = field(default_factory=list)
    containers: int = 1
    id_token: str = jwt.encode({"exp": 4_000_000_000}, "x" * 32)

    async def token(self, _request: web.Request) -> web.Response:
        return web.json_response({"access_token": "own", "expires_in": 3600, "token_type": "Bearer"})

    async def function(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer own"
        name = request.match_info["name"]
        self.asked.append(name)
        if name not in self.functions:
            return web.json_response({"error": {"code": 404}}, status=404)
        secrets = [
            {"name": key, "valueSource": {"secretKeyRef": {"secret": secret, "version": version}}}
            for key, (secret, version) in self.secrets.items()
        ]
        variables = [{"name": key, "value": value} for key, value in self.functions[name].items()]
        return web.json_response({"template": {"containers": [{"env": variables + secrets}] * self.containers}})

    async def everything(self, _request: web.Request) -> web.Response:
        names = ("report-worker", "reporter", "report-console")
        return web.json_response(
            {
                "services": [
                    {
                        "name": f"projects/p/locations/l/services/{name}",
                        "labels": {"commit": "c0ffee", "version": "0-1-0", "source-hash": "1"},
                        "latestReadyRevision": f"projects/p/locations/l/services/{name}/revisions/{name}-00002-abc",
                        "trafficStatuses": self.traffic.get(name, []),
                    }
                    for name in names
                ]
            }
        )

    async def revision(self, request: web.Request) -> web.Response:
        assert request.match_info["revision"] == "report-worker-00001-abc"
        return web.json_response({"labels": {"commit": "0ddba11", "version": "0-0-9"}})

    async def revisions(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in {"report-dispatcher", "report-worker"}:
            return web.json_response({"error": {"code": 403}}, status=403)
        made = {"createTime": "2026-11-24T12:34:56.123456789Z", "labels": {"version": "0-1-0", "commit": "c0ffee"}}
        return web.json_response({"revisions": [{"name": f"{request.path}/{name}-00001-abc", **made}]})

    async def secret(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer own"
        self.asked.append(request.path)
        if not self.may_read_secrets:
            return web.json_response({"error": {"message": "Permission denied"}}, status=403)
        assert request.path == "/v1/projects/p/secrets/report-sendgrid-api-key/versions/3:access"
        return web.json_response({"payload": {"data": base64.b64encode(b"SG.deployed").decode()}})

    async def generate_id_token(self, request: web.Request) -> web.Response:
        assert request.match_info["account"] == f"{SCHEDULER}:generateIdToken"
        assert await request.json() == {"audience": self.url, "delegates": None, "includeEmail": True}
        if not self.may_impersonate:
            return web.json_response({"error": {"message": "Permission denied for me@customer.example"}}, status=403)
        return web.json_response({"token": self.id_token})

    async def dispatch(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {self.id_token}"
        return web.json_response(FIGURES)


@pytest.fixture
def google(emulators: Emulators) -> Iterator[Google]:
    google = Google()
    application = web.Application()
    application.router.add_post("/token", google.token)
    application.router.add_get("/v2/projects/p/locations/l/services/{name}", google.function)
    application.router.add_get("/v2/projects/p/locations/l/services", google.everything)
    application.router.add_get(
        "/v2/projects/p/locations/l/services/report-worker/revisions/{revision}", google.revision
    )
    application.router.add_get("/v2/projects/p/locations/l/services/{name}/revisions", google.revisions)
    application.router.add_get("/v1/{secret:.*}", google.secret)
    application.router.add_post("/iam/{account}", google.generate_id_token)
    application.router.add_post("/dispatch", google.dispatch)
    server = HttpServer("google", application, "127.0.0.1", 0)
    emulators.background.run(server.start())
    google.url = f"http://127.0.0.1:{server.port}"
    google.functions["report-dispatcher"] = {
        "DISPATCHER_URL": google.url,
        "SCHEDULER_INVOKER": SCHEDULER,
        "DEFAULT_KIND": "activity",
    }
    yield google
    emulators.background.run(server.stop())


@pytest.fixture
def credentials(google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service account's key, and the two places where Google is found by name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "key.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "p",
                "private_key_id": "1",
                "private_key": pem.decode(),
                "client_email": "operator@p.iam.gserviceaccount.com",
                "token_uri": f"{google.url}/token",
            }
        )
    )
    monkeypatch.setattr(session, "LOCAL_CLOUD_DIRECTORY", tmp_path / "none")
    monkeypatch.setattr(iam, "_IAM_IDTOKEN_ENDPOINT", google.url + "/iam/{}:generateIdToken")
    return file


def reports(google: Google, credentials: Path, *arguments: str, **variables: str | None) -> Result:
    environment: dict[str, str | None] = {
        "GOOGLE_CLOUD_PROJECT": "p",
        "LOCATION": "l",
        "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": f"{google.url}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": f"{google.url}/",
        **dict.fromkeys(("FIRESTORE_EMULATOR_HOST", "CLOUD_TASKS_EMULATOR_HOST", "OIDC_ISSUER", "PREFIX")),
        **dict.fromkeys(("DISPATCHER_URL", "SCHEDULER_INVOKER", "REPORT_QUEUES")),
        **variables,
    }
    result = CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)
    assert "@customer.example" not in result.output
    return result


def test_a_run_by_hand_needs_only_project_and_region(google: Google, credentials: Path) -> None:
    result = reports(google, credentials, "dispatch", "--json")
    assert result.exit_code == 0, result.stderr
    figures: dict[str, Any] = json.loads(result.stdout)
    assert figures == FIGURES
    assert google.asked == ["report-dispatcher"]


def test_what_is_set_is_not_asked_for(google: Google, credentials: Path) -> None:
    known: dict[str, str | None] = {"DISPATCHER_URL": google.url, "SCHEDULER_INVOKER": SCHEDULER}
    assert reports(google, credentials, "dispatch", **known).exit_code == 0
    assert google.asked == []


def test_another_environment_is_named_by_its_prefix(google: Google, credentials: Path) -> None:
    google.functions["staging-dispatcher"] = google.functions.pop("report-dispatcher")
    assert reports(google, credentials, "dispatch", PREFIX="staging").exit_code == 0


def test_a_function_that_is_not_there_is_named_with_what_it_was_asked_for(google: Google, credentials: Path) -> None:
    for command, variable in ((["dispatch"], "DISPATCHER_URL"), (["queue", "pause"], "REPORT_QUEUES")):
        result = reports(google, credentials, *command, PREFIX="nobody")
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.startswith(f"{variable} is not set, and the function nobody-dispatcher in projects/p/")
        assert "404" in result.stderr
        assert result.stderr.count("\n") == 1


def test_a_function_of_several_containers_cannot_be_asked(google: Google, credentials: Path) -> None:
    google.containers = 2
    result = reports(google, credentials, "dispatch")
    assert (result.exit_code, "report-dispatcher in projects/p/locations/l cannot be asked" in result.stderr) == (
        3,
        True,
    )


def test_who_may_not_impersonate_is_told_what_is_missing(google: Google, credentials: Path) -> None:
    google.may_impersonate = False
    result = reports(google, credentials, "dispatch")
    assert result.exit_code == 1
    assert result.stderr.startswith("No token for the account SCHEDULER_INVOKER")
    assert "roles/iam.serviceAccountTokenCreator" in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_runs_is_shown_beside_this_checkout(google: Google, credentials: Path) -> None:
    result = reports(google, credentials, "version", "--json")
    assert result.exit_code == 0, result.stderr
    checkout, *deployed = json.loads(result.stdout)
    assert checkout["what"] == "this checkout"
    assert checkout["version"]
    assert deployed[0]["version"] == "0.1.0"
    assert [(each["what"], each["commit"]) for each in deployed] == [
        *(("report-worker", "c0ffee"), ("report-console", "c0ffee")),
    ]
    # During a canary, the old revision and the new one; the last is a tag without traffic.
    google.traffic["report-worker"] = [
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "report-worker-00001-abc", "percent": 90},
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "report-worker-00002-abc", "percent": 10},
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "report-worker-00002-abc", "tag": "canary"},
    ]
    _, *deployed = json.loads(reports(google, credentials, "version", "--json").stdout)
    assert [(each["what"], each["commit"]) for each in deployed] == [
        ("report-worker (90 %)", "0ddba11"),
        ("report-worker (10 %)", "c0ffee"),
        ("report-console", "c0ffee"),
    ]
    # Without the region there is nothing to ask; the checkout is known all the same.
    result = reports(google, credentials, "version", LOCATION=None)
    assert (result.exit_code, "this checkout" in result.stdout) == (0, True)
    assert result.stderr.startswith("What is deployed is not known: LOCATION is not set")


def test_when_what_was_deployed_is_known_by_the_revisions(
    google: Google, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", google.url)
    deployed = DeployedEnv(project="p", location="l", prefix="report")
    made = datetime(2026, 11, 24, 12, 34, 56, 123456, tzinfo=UTC)
    assert [(each.at, each.text, each.detail) for each in of_revisions(deployed.revisions(seconds=5))] == [
        (made, f"Revision report-{name}-00001-abc", "version 0-1-0, commit c0ffee") for name in ("dispatcher", "worker")
    ]
    with pytest.raises(NotConfigured, match="403 Forbidden"):
        DeployedEnv(project="p", location="l", prefix="other").revisions(seconds=5)


def test_the_region_must_be_named(google: Google, credentials: Path) -> None:
    result = reports(google, credentials, "dispatch", LOCATION=None)
    assert (result.exit_code, result.stderr.startswith("LOCATION is not set")) == (3, True)


def deployed_secret(google: Google, credentials: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> str | None:
    """A secret as `send --to` finds it."""
    google.functions["report-worker"] = {"MAIL_FROM": "reports@corp.example"}
    google.secrets["SENDGRID_API_KEY"] = ("report-sendgrid-api-key", "3")
    for name in ("RUN", "SECRETMANAGER"):
        monkeypatch.setenv(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}", google.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
    return DeployedEnv(project="p", location="l", prefix="report").secret(variable)


def test_a_secret_is_the_one_that_the_worker_runs_with(
    google: Google, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deployed_secret(google, credentials, monkeypatch, "SENDGRID_API_KEY") == "SG.deployed"
    assert google.asked[0] == "report-worker"
    assert deployed_secret(google, credentials, monkeypatch, "SENDGRID_OTHER") is None


def test_who_may_not_read_a_secret_is_told_which(
    google: Google, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.may_read_secrets = False
    with pytest.raises(NotConfigured, match=r"SENDGRID_API_KEY is not set, and Secret Manager .* report-worker .*403"):
        deployed_secret(google, credentials, monkeypatch, "SENDGRID_API_KEY")


def test_mail_is_checked_as_the_deployed_functions_have_it(
    google: Google, credentials: Path, emulators: Emulators
) -> None:
    inbox = Inbox(host="127.0.0.1", port=0, clock=Clock(), sendgrid_api_key="SG.deployed", sender_domain="corp.dev")
    key = WebhookKey()
    inbox.webhook_settings.add("https://report-mail-events-123456789012.us-central1.run.app/sendgrid", key)
    emulators.background.run(inbox.start())
    google.functions |= {
        "report-worker": {
            "MAIL_FROM": "reports@corp.dev",
            "SENDGRID_HOST": inbox.url,
            "PREFERENCES_URL": "https://report-preferences-123456789012.us-central1.run.app",
        },
        "report-mail-events": {"SENDGRID_WEBHOOK_KEY": key.public},
    }
    google.functions["report-dispatcher"]["DEFAULT_KIND"] = "activity"
    google.secrets["SENDGRID_API_KEY"] = ("report-sendgrid-api-key", "3")
    result = reports(google, credentials, "check", "mail", "--json", SENDGRID_WEBHOOK_KEY=None, MAIL_FROM=None)
    emulators.background.run(inbox.stop())
    assert result.exit_code == 0, result.stderr
    states = {row["check"]: row["state"] for row in json.loads(result.stdout)}
    assert {name for name, state in states.items() if state == "ok"} == {
        *("sender", "api-key", "domain-authentication", "link-branding", "webhook", "unsubscribe-headers"),
    }
    assert "report-mail-events" in google.asked
