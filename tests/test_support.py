"""Tests that run at the same time share nothing outside their own temporary folders."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.postgresql_server import running_postgresql
from tests.support import REPOSITORY

_TAKE = "import random; random.seed(1); from tests.support import free_ports; print(free_ports(1), flush=True); input()"


@pytest.mark.starts_process
def test_two_suites_with_temporary_folders_of_their_own_get_other_ports(tmp_path: Path) -> None:
    suites = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        suites.append(
            subprocess.Popen(
                [sys.executable, "-c", _TAKE],
                cwd=REPOSITORY,
                env={**os.environ, "TMPDIR": str(tmp_path / name)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    ports = [suite.stdout.readline() for suite in suites if suite.stdout]
    for suite in suites:
        suite.communicate("\n")
    assert len(set(ports)) == 2
    assert [list((tmp_path / name).iterdir()) for name in ("one", "another")] == [[], []]


@pytest.mark.starts_process
def test_postgresql_starts_with_a_temporary_folder_that_only_its_owner_enters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "closed"))
    with running_postgresql() as server:
        server.execute("SELECT 1")
