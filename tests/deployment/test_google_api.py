"""The programs' way to Google's REST interfaces, against a server that plays them."""

import socket

import pytest

from deployment.google_api import GoogleApi
from tests.deployment.conftest import PROJECT
from tests.deployment.google_server import GoogleServer

NAME = f"v1/projects/{PROJECT}/rulesets/one"


@pytest.fixture
def api(firestore: GoogleServer, monkeypatch: pytest.MonkeyPatch) -> GoogleApi:
    for name, value in firestore.environment.items():
        monkeypatch.setenv(name, value)
    return GoogleApi("firebaserules", "Firebase Rules", "ya29.made-up\n")


def test_reads_what_is_there(api: GoogleApi, firestore: GoogleServer) -> None:
    assert api.read_if_there(NAME) is None
    firestore.resources[f"firebaserules/{NAME.removeprefix('v1/')}"] = {"name": "one"}
    assert api.read_if_there(NAME) == {"name": "one"}


def test_an_error_ends_the_program_with_googles_answer(api: GoogleApi) -> None:
    with pytest.raises(SystemExit, match=r"ERROR: Firebase Rules answered 404: .*NOT_FOUND"), api.exit_on_failure():
        api.call("GET", NAME)


def test_an_interface_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING", f"http://127.0.0.1:{port}/")
    api = GoogleApi("monitoring", "Cloud Monitoring", "ya29.made-up")
    with pytest.raises(SystemExit, match="ERROR: Cloud Monitoring cannot be reached: "), api.exit_on_failure():
        api.call("GET", "v3/projects/p/services")
