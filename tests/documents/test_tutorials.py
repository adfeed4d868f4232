"""The pages in docs/start/ as they are written: a reader who does what they say sees what they show."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.fresh_clone import fresh_clone
from tests.documents.tutorial import Reader
from tests.support import REPOSITORY, free_ports

_START = REPOSITORY / "docs" / "start"
_FIRST_PORT = 8470
_PORTS = 15


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_clone(tmp_path_factory.mktemp("reader") / "clone")


@pytest.fixture
def reader(clone: Path) -> Iterator[Reader]:
    port = free_ports(_PORTS)
    environment = {
        "PATH": os.defpath,
        "HOME": str(clone.parent),
        "LANG": "C.UTF-8",
        "BROWSER": "true",
        "ARGS": f"--port-base {port}",
    }
    reader = Reader(clone, environment, ports=(port, _FIRST_PORT))
    yield reader
    reader.close()


@pytest.mark.parametrize("page", ["run-it.md"])
def test_a_reader_sees_what_the_page_shows(reader: Reader, page: str) -> None:
    reader.follow(_START / page)
    reader.stop()
