"""The emulators alone, by the command that starts them for other projects."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import FailedPrecondition
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

import local_cloud

DATA = """{
  "projects/p/databases/(default)": {
    "cities/LA": {
      "population": {
        "integerValue": "4"
      }
    }
  }
}
"""
LOCATION = "projects/p/locations/l"
SOURCE = Path(local_cloud.__file__).parents[1]


@contextmanager
def serve(*arguments: str) -> Iterator[dict[str, str]]:
    """Within it the emulators run; gives the variables that they say to set. Ctrl-C ends them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local_cloud", "serve", *arguments],
        cwd=SOURCE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        variables: dict[str, str] = {}
        while "OIDC_ISSUER" not in variables:
            name, value = re.fullmatch(r"export (\w+)=(\S+)\n", process.stdout.readline()).groups()  # type: ignore[union-attr]  # it fails then
            variables[name] = value
        yield variables
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(100) == 0
        process.stdout.close()


def test_cloud_tasks_over_grpc_alone() -> None:
    with serve("--tasks", "0") as variables:
        assert set(variables) == {"CLOUD_TASKS_EMULATOR_HOST", "OIDC_CERTS_URL", "OIDC_ISSUER"}


def test_cloud_tasks_over_rest_is_told_of() -> None:
    with serve("--tasks-rest", "0") as variables:
        assert {"CLOUD_TASKS_EMULATOR_HOST", "CLOUDTASKS_EMULATOR_HOST"} <= set(variables)
        url = f"http://{variables['CLOUDTASKS_EMULATOR_HOST']}/v2/{LOCATION}/queues"
        made = requests.post(url, json={"name": f"{LOCATION}/queues/q"}, timeout=100)
        assert requests.get(url, timeout=100).json() == {"queues": [made.json()]}


def test_firestore_begins_with_a_file_requires_indexes_and_ends_with_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, indexes = tmp_path / "data.json", tmp_path / "firestore.indexes.json"
    data.write_text(DATA)
    indexes.write_text('{"indexes": []}')
    options = ("--firestore", "0", "--pubsub", "0", "--require-indexes", str(indexes))
    with serve(*options, "--seed", str(data), "--export", str(data)) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        cities = firestore.Client(project="p").collection("cities")
        cities.document("SF").set({})
        assert cities.document("LA").get().to_dict() == {"population": 4}
        with pytest.raises(FailedPrecondition, match="The query requires an index"):
            cities.where(filter=FieldFilter("country", "==", "USA")).order_by("population").get()
        for variable in ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"):
            assert requests.get(f"http://{variables[variable]}/", timeout=100).text == "Ok\n"
            refused = requests.get(f"http://{variables[variable]}/v1/projects/p/topics", timeout=100)
            assert "gRPC" in refused.json()["error"]["message"]
    assert data.read_text() == DATA.replace("    }\n  }\n}", '    },\n    "cities/SF": {}\n  }\n}')


def test_firestore_holds_clients_to_rules(tmp_path: Path) -> None:
    rules = tmp_path / "firestore.rules"
    rules.write_text("rules_version = '2'; service cloud.firestore { match /{all=**} { allow read: if false; } }")
    with serve("--firestore-rest", "0", "--pubsub", "0", "--rules", str(rules)) as variables:
        url = f"http://{variables['FIRESTORE_REST_EMULATOR_HOST']}/v1/projects/p/databases/(default)/documents:runQuery"
        query = {"structuredQuery": {"from": [{"collectionId": "a"}]}}
        assert requests.post(url, json=query, timeout=100).status_code == 403
        owner = {"Authorization": "Bearer owner"}
        assert requests.post(url, json=query, headers=owner, timeout=100).status_code == 200


def not_started(*options: str) -> tuple[int, str]:
    """The exit status and the error output of a `serve` that does not start."""
    ended = subprocess.run(
        [sys.executable, "-m", "local_cloud", "serve", *options],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def test_an_export_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "data.json"
    status, said = not_started("--firestore", "0", "--export", str(file))
    assert status == 1
    assert f"{file} cannot be written" in said


def test_a_file_that_has_no_rules_is_one_line(tmp_path: Path) -> None:
    rules = tmp_path / "firestore.rules"
    rules.write_text("service cloud.firestore {\n  match")
    status, said = not_started("--firestore", "0", "--rules", str(rules))
    assert (status, said) == (1, f"{rules}: line 2: a path was expected, and not: the end of the file\n")


def test_a_port_that_is_taken_is_refused_with_the_options_that_choose_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = not_started("--pubsub", str(port))
    assert status == 1
    assert re.fullmatch(rf"Port {port} \(Pub/Sub\) is in use: .* --pubsub .*\n", said)


@pytest.mark.parametrize("option", ["--require-indexes", "--rules", "--seed", "--export"])
def test_a_file_of_firestore_without_firestore_is_refused(option: str) -> None:
    status, said = not_started("--tasks", "0", option, "some.json")
    assert status == 2
    assert f"{option} is Firestore's: add --firestore=PORT" in said
