"""The environment in which a project's command runs."""

import os
import subprocess
from pathlib import Path

import pytest

from operations.projects.launch import NotAProject, environment_of, ready_python
from tests.support import REPOSITORY
from virtual_environment import pinned

PINS = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "acme" / "kinds").mkdir(parents=True)
    (tmp_path / "acme" / "kinds" / "__init__.py").touch()
    return tmp_path / "acme"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    (tmp_path / "pipeline").mkdir()
    lock = tmp_path / "pipeline" / "requirements-run.lock"
    lock.write_text(pinned("uv", PINS) + pinned("sortedcontainers", PINS), encoding="utf-8")
    return tmp_path / "pipeline"


def imports(python: Path, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


@pytest.mark.thorough
def test_the_environment_is_made_once_and_again_when_a_lock_has_changed(
    project: Path, pipeline: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    python = ready_python(project, pipeline, os.environ)
    assert python == project / ".venv" / "bin" / "python"
    assert imports(python, "sortedcontainers")
    assert not imports(python, "mdurl")
    capfd.readouterr()
    ready_python(project, pipeline, os.environ)
    assert capfd.readouterr() == ("", "")

    (project / "kinds.lock").write_text(pinned("mdurl", PINS), encoding="utf-8")
    ready_python(project, pipeline, os.environ)
    said = capfd.readouterr()
    # Standard output is the command's.
    assert (said.out, "Installing what requirements-run.lock and kinds.lock list" in said.err) == ("", True)
    assert imports(python, "mdurl")

    (pipeline / "requirements-run.lock").write_text(pinned("uv", PINS), encoding="utf-8")
    ready_python(project, pipeline, os.environ)
    assert not imports(python, "sortedcontainers")
    assert imports(python, "mdurl")


def test_one_that_has_all_packages_is_taken_as_it_is(project: Path, pipeline: Path) -> None:
    assert ready_python(project, pipeline, {"REPORTS_VENV": "/opt/venv"}) == Path("/opt/venv/bin/python")
    assert not (project / ".venv").exists()


def test_without_the_package_of_kinds_those_of_the_pipeline_would_be_found(project: Path, pipeline: Path) -> None:
    (project / "kinds" / "__init__.py").unlink()
    with pytest.raises(NotAProject, match=r"kinds/__init__\.py is missing"):
        ready_python(project, pipeline, os.environ)


def test_the_projects_kinds_come_first_and_nothing_is_compiled_into_the_pipeline(project: Path, pipeline: Path) -> None:
    environment = environment_of({"PYTHONPATH": "/somewhere", "LANG": "C"}, project=project, pipeline=pipeline)
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(project), str(pipeline), str(pipeline / "emulators/src")]
    assert environment["PYTHONPYCACHEPREFIX"].startswith(f"{project}/.venv/")
    assert (environment["REPORTS_PROJECT"], environment["LANG"]) == (str(project), "C")
