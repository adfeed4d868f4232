"""The pages in docs/start/ as they are written: a reader who does what they say sees what they show."""

import csv
import email
import email.policy
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_pipeline.machine_variables import machine_variables
from tests.documents.fresh_clone import fresh_clone, set_up
from tests.documents.tutorial import Reader
from tests.git import git
from tests.support import REPOSITORY, free_ports

pytestmark = pytest.mark.thorough

_START = REPOSITORY / "docs" / "start"
_FIRST_PORT = 8470
_PORTS = 17


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = fresh_clone(tmp_path_factory.mktemp("reader") / "clone")
    # The server that it is a clone of has its commit, too.
    server = folder.parent / "server.git"
    git(folder, "clone", "--quiet", "--bare", str(folder), str(server))
    git(folder, "remote", "set-url", "origin", str(server))
    set_up(folder)
    return folder


@pytest.fixture
def reader(clone: Path) -> Iterator[Reader]:
    port = free_ports(_PORTS)
    environment = {
        **machine_variables(),
        "PATH": os.defpath,
        "HOME": str(clone.parent),
        "LANG": "C.UTF-8",
        "BROWSER": "true",
        # That of the clone has all packages: a project need not install them again.
        "REPORTS_VENV": str(clone / ".venv"),
        "ARGS": f"--port-base {port}",
    }
    reader = Reader(clone, environment, ports=(port, _FIRST_PORT))
    yield reader
    reader.close()


def test_run_it(reader: Reader) -> None:
    reader.follow(_START / "run-it.md")
    reader.stop()


def test_first_report(reader: Reader) -> None:
    reader.follow(_START / "first-report.md")
    reader.stop()
    mails = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in (reader.place / ".local_cloud" / "mails").glob("*.eml")
    ]
    [mail] = [each for each in mails if str(each["Subject"]).startswith("Sales:")]
    [file] = mail.iter_attachments()
    rows = list(csv.reader(bytes(file.get_payload(decode=True)).decode("utf-8-sig").splitlines()))
    assert rows[0] == ["Produkt", "Bestellt", "Betrag"]
    # Every fifth hour of a day.
    assert len(rows) - 1 in {4, 5, 6}
