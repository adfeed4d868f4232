"""deploy.sh with the real gcloud, against a local server that plays Google's services.

Off by default: it takes some minutes. Set REAL_GCLOUD=1, with gcloud and its beta component on the PATH. Nothing leaves
this machine: every service is sent to the local server, with a made-up access token and a configuration of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment.conftest import PROJECT, SECRETS, SETTINGS, Outcome, environment_of
from tests.deployment.google_server import GoogleServer

pytestmark = [
    pytest.mark.skipif(os.environ.get("REAL_GCLOUD") != "1", reason="set REAL_GCLOUD=1 to run it with the real gcloud"),
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="no gcloud on the PATH"),
    pytest.mark.timeout(1800),
]

SERVICES = f"run/namespaces/{PROJECT}/services"
ADMITTED = {"role": "roles/iap.httpsResourceAccessor", "members": ["user:ada@example.com", "group:support@example.com"]}


def deploy(
    server: GoogleServer, repository: Path, directory: Path, *options: str, answer: str = "", memory: str = "1Gi"
) -> Outcome:
    token = directory / "token"
    token.write_text("ya29.made-up", encoding="utf-8")
    environment = {
        # The script's python3 is the one that has the packages.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "CLOUDSDK_CONFIG": str(directory / "gcloud"),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        **server.environment,
        # To Cloud Run, gcloud puts the region before the host: us-central1-127.0.0.1 is found by the proxy only.
        "http_proxy": server.url,
        "no_proxy": "",
        **SETTINGS,
        "CONSOLE_OPERATORS": "ada@example.com",
        "CONSOLE_VIEWERS": "group:support@example.com",
        **SECRETS,
        "ALERT_EMAIL": "ops@example.com",
        "WORKER_MEMORY": memory,
        "MAIL_FROM_NAME": 'O\'Neil, "Größe" & Co',
    }
    run = subprocess.run(
        ["/bin/bash", str(repository / "deploy.sh"), *options],
        env=environment,
        input=answer,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return Outcome(run.returncode, run.stdout, run.stderr)


def _releases(server: GoogleServer, repository: Path, directory: Path) -> None:
    def traffic() -> dict[str, int]:
        worker = server.resources[f"{SERVICES}/report-worker"]
        return {
            target["revisionName"]: target["percent"] for target in worker["status"]["traffic"] if "tag" not in target
        }

    [old] = traffic()
    canary = deploy(server, repository, directory, "--canary=10", "--only=worker", memory="2Gi")
    # The server knows of no requests.
    assert canary.status == 4, canary.text
    assert "0 requests to the new revision, 0 to the old one: too few to compare" in canary.output
    [new] = set(traffic()) - {old}
    assert traffic() == {old: 90, new: 10}
    for option, expected in (("--promote", new), ("--rollback", old)):
        outcome = deploy(server, repository, directory, option)
        assert outcome.status == 0, outcome.text
        assert traffic() == {expected: 100}


def test_deploys_finds_nothing_to_do_and_tears_down(repository: Path, tmp_path: Path) -> None:
    with GoogleServer(PROJECT).running() as server:
        dry = deploy(server, repository, tmp_path, "--console", "--dry-run")
        assert dry.status == 0, dry.text
        assert not server.resources

        first = deploy(server, repository, tmp_path, "--console")
        assert first.status == 0, first.text
        assert set(server.secret_values()) >= set(SECRETS.values())
        for secret in SECRETS.values():
            assert secret not in first.text
        worker = server.resources[f"{SERVICES}/report-worker"]
        assert environment_of(worker)["MAIL_FROM_NAME"] == 'O\'Neil, "Größe" & Co'

        console = server.resources[f"{SERVICES}/report-console"]
        assert console["metadata"]["annotations"]["run.googleapis.com/iap-enabled"] == "true"
        assert environment_of(console)["CONSOLE_OPERATORS"] == "ada@example.com"
        (policy,) = [policy for name, policy in server.policies.items() if name.startswith("iap/")]
        assert policy["bindings"] == [ADMITTED]

        second = deploy(server, repository, tmp_path, "--console")
        assert second.status == 0, second.text
        assert "Created: 0, changed: 0, removed: 0" in second.output, second.text

        _releases(server, repository, tmp_path)

        third = deploy(server, repository, tmp_path, "--teardown", answer=f"{PROJECT}\n")
        assert third.status == 0, third.text
        database = f"firestore/projects/{PROJECT}/databases/(default)"
        assert database in server.resources
        left = {name for name in server.resources if not name.startswith((database, "storage/"))}
        assert {name for name in left if "/operations/" not in name} == set()
