"""Where the command connects."""

from pathlib import Path

import pytest

from operations.connection.target import Target, find_target
from operations.errors import NotConfigured

LOCAL = """\
GOOGLE_CLOUD_PROJECT=local-project
LOCATION=us-central1
MAIL_FROM_NAME='Example Reports'
FIRESTORE_EMULATOR_HOST=127.0.0.1:8471
CLOUD_TASKS_EMULATOR_HOST=127.0.0.1:8472
"""


@pytest.fixture
def local_cloud(tmp_path: Path) -> Path:
    (tmp_path / "environment").write_text(LOCAL)
    return tmp_path


def find(environment: dict[str, str], default_directory: Path, directory: Path | None = None) -> Target:
    return find_target(environment, directory=directory, default_directory=default_directory)


def test_the_local_cloud_is_found_by_what_it_left(local_cloud: Path) -> None:
    target = find({}, local_cloud)
    assert target.project == "local-project"
    assert target.variables["MAIL_FROM_NAME"] == "Example Reports"
    assert target.description == "the local cloud (project local-project)"
    assert target.emulators == {
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8471",
        "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:8472",
    }


def test_the_environment_goes_before_a_local_cloud_and_says_so(local_cloud: Path) -> None:
    target = find({"GOOGLE_CLOUD_PROJECT": "real"}, local_cloud)
    assert target.project == "real"
    assert target.description == "Google Cloud (project real)"
    assert "GOOGLE_CLOUD_PROJECT" in target.note
    assert f"--local-cloud {local_cloud}" in target.note


def test_an_option_goes_before_the_environment(local_cloud: Path, tmp_path: Path) -> None:
    assert find({"GOOGLE_CLOUD_PROJECT": "real"}, tmp_path / "none", local_cloud).project == "local-project"


def test_with_neither_one_line_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured) as raised:
        find({}, tmp_path)
    assert "reports up" in str(raised.value)
    assert "GOOGLE_CLOUD_PROJECT and LOCATION" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_directory_without_a_local_cloud_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"no local cloud in .*nowhere"):
        find({}, tmp_path, tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["A='unclosed\n", "\ufffe"])
def test_an_unreadable_environment_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "environment").write_bytes(text.encode("utf-16" if text == "\ufffe" else "utf-8"))
    with pytest.raises(NotConfigured, match="environment cannot be read"):
        find({}, tmp_path)


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="WORKER_URL is not set"):
        find({"GOOGLE_CLOUD_PROJECT": "p"}, tmp_path).require("WORKER_URL")


def test_a_missing_variable_is_asked_for_elsewhere() -> None:
    target = Target(variables={"LOCATION": "here"}, ask={"LOCATION": "there", "WORKER_URL": "https://w"}.get)
    assert target.require("LOCATION") == "here"
    assert target.require("WORKER_URL") == "https://w"
    assert target.find("MAX_ATTEMPTS") is None


def test_what_can_be_done_without_is_none_where_nobody_can_be_asked() -> None:
    def refuse(name: str) -> str | None:
        raise NotConfigured(f"{name}: 403")

    target = Target(variables={}, ask=refuse)
    assert target.find("MAX_ATTEMPTS") is None
    with pytest.raises(NotConfigured, match="403"):
        target.require("WORKER_URL")


@pytest.mark.parametrize(("value", "queues"), [("a", ["a"]), ("a, b,", ["a", "b"])])
def test_queues_are_separated_by_commas(value: str, queues: list[str]) -> None:
    assert Target(variables={"REPORT_QUEUES": value}).queues == queues


def test_which_queues_there_are_is_never_guessed() -> None:
    with pytest.raises(NotConfigured, match="REPORT_QUEUES is not set"):
        _ = Target(variables={}).queues


@pytest.mark.parametrize(
    ("here", "deployed", "database"),
    [
        ({}, {"FIRESTORE_DATABASE": "data"}, "data"),
        # Functions that were deployed before they had the variable.
        ({}, {}, "(default)"),
        ({"FIRESTORE_DATABASE": "restored"}, {"FIRESTORE_DATABASE": "data"}, "restored"),
    ],
)
def test_the_database_is_the_deployed_one_unless_it_is_set(
    here: dict[str, str], deployed: dict[str, str], database: str
) -> None:
    assert Target(variables={"GOOGLE_CLOUD_PROJECT": "p", **here}, ask=deployed.get).database == database


def test_what_is_no_database_is_refused() -> None:
    with pytest.raises(NotConfigured, match="FIRESTORE_DATABASE: a/b"):
        _ = Target(variables={"FIRESTORE_DATABASE": "a/b"}).database


@pytest.mark.parametrize(
    ("variables", "shown"),
    [({}, "(project p)"), ({"FIRESTORE_DATABASE": "data"}, "(project p, database data)")],
)
def test_the_description_names_the_database(variables: dict[str, str], shown: str) -> None:
    assert shown in Target(variables={"GOOGLE_CLOUD_PROJECT": "p", **variables}).description
