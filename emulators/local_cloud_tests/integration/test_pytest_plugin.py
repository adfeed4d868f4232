"""The fixtures that other projects have in pytest."""

import os
import re
import subprocess
import sys
from pathlib import Path

from local_cloud_tests.integration.test_serve import SOURCE

_LOADED = ("-p", "no:local_cloud", "-p", "local_cloud.pytest_plugin")
"""By its module, wherever the package is, and not by the entry point of one that is installed."""


def outcomes(folder: Path, tests: str, *options: str) -> dict[str, int]:
    """How many tests of another project passed, failed or had an error."""
    (folder / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", *_LOADED, "-p", "no:cacheprovider", "--rootdir", str(folder), *options]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    counts = re.findall(r"(\d+) (passed|failed|errors?)", done.stdout.splitlines()[-1])
    assert counts, done.stdout + done.stderr
    return {what: int(count) for count, what in counts}


def test_each_test_has_an_empty_project_and_the_machines_variables_are_back_after_it(tmp_path: Path) -> None:
    tests = """
import os
import pytest
from google.cloud import firestore

@pytest.mark.parametrize("time", ["first", "second"])
def test_it_is_empty(firestore_emulator, time):
    document = firestore.Client().document("users/u1")
    assert not document.get().exists
    document.set({})

def test_it_is_gone():
    assert not {"FIRESTORE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT"} & set(os.environ)

@pytest.mark.anyio
async def test_asynchronously(firestore_emulator):
    assert [each async for each in firestore.AsyncClient().collection("users").stream()] == []
"""
    assert outcomes(tmp_path, tests, "-k", "not trio") == {"passed": 4}


def test_queries_need_the_indexes_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "indexes.json").write_text('{"indexes": []}')
    tests = """
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

def test_it(firestore_emulator):
    query = firestore.Client().collection("cities").where(filter=FieldFilter("country", "==", "USA"))
    query.order_by("population").get()
"""
    assert outcomes(tmp_path, tests) == {"passed": 1}
    assert outcomes(tmp_path, tests, "--require-indexes=indexes.json") == {"failed": 1}


def test_a_tasks_token_verifies_with_the_variables(tmp_path: Path) -> None:
    tests = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
import jwt

def test_it(tasks_client, emulator_project):
    tokens = []

    class Worker(BaseHTTPRequestHandler):
        def do_POST(self):
            tokens.append(self.headers["Authorization"].removeprefix("Bearer "))
            self.send_response(200)
            self.end_headers()

    location = f"projects/{emulator_project}/locations/us-central1"
    queue = tasks_client.create_queue(parent=location, queue={"name": f"{location}/queues/q"})
    with HTTPServer(("127.0.0.1", 0), Worker) as worker:
        url = f"http://127.0.0.1:{worker.server_port}/"
        request = {"url": url, "oidc_token": {"service_account_email": "a@p.iam", "audience": "it"}}
        tasks_client.create_task(parent=queue.name, task={"http_request": request})
        worker.handle_request()
    key = jwt.PyJWKClient(os.environ["OIDC_CERTS_URL"]).get_signing_key_from_jwt(tokens[0])
    claims = jwt.decode(tokens[0], key, algorithms=["RS256"], audience="it", issuer=os.environ["OIDC_ISSUER"])
    assert claims["email"] == "a@p.iam"
"""
    assert outcomes(tmp_path, tests) == {"passed": 1}
