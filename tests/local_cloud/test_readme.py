"""The README of the local cloud is true to someone who has only its folder."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.local_cloud.up.integration.test_serve import serve
from tests.support import REPOSITORY

FOLDER = REPOSITORY / "local_cloud"
README = (FOLDER / "README.md").read_text()

_LOADED = """
import json, sys
import local_cloud.__main__, local_cloud.serve
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def blocks(language: str, section: str) -> list[str]:
    """The blocks of code in a section."""
    text = README.split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def _closure(names: list[str]) -> set[str]:
    found: set[str] = set()
    while names:
        name = _normal(names.pop())
        if name not in found:
            found.add(name)
            try:
                needed = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue  # for another platform
            names += [match[0] for each in needed if (match := re.match(r"[\w.-]+", each))]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_tests_of_the_readme_pass_with_the_folder_alone(tmp_path: Path) -> None:
    conftest, test = blocks("python", "In pytest")
    shutil.copytree(FOLDER, tmp_path / "local_cloud", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_users.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--rootdir", str(tmp_path), "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_its_requirements_are_what_serve_loads(tmp_path: Path) -> None:
    listed = [line for line in (FOLDER / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    lock = (REPOSITORY / "requirements-run.lock").read_text()
    for line in listed:
        assert re.sub(r"\[.*\]", "", line).lower() in re.sub(r"\[.*?\]", "", lock).lower()
    shutil.copytree(FOLDER, tmp_path / "local_cloud", ignore=shutil.ignore_patterns("__pycache__"))
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", _LOADED], cwd=tmp_path))
    provided = importlib.metadata.packages_distributions()
    # Several distributions share the package `google`.
    packages = {name for name in loaded if name in provided and len(provided[name]) == 1}
    assert {_normal(provided[name][0]) for name in packages} <= _closure(
        [re.split(r"[=\[]", line)[0] for line in listed]
    )
    assert not {"functions", "kinds", "operations", "report_kit"} & set(loaded)


def test_its_variables_are_those_that_serve_prints() -> None:
    with serve(
        "--firestore", "0", "--firestore-rest", "0", "--tasks", "0", "--tasks-rest", "0", "--pubsub", "0"
    ) as made:
        shown = re.findall(r"^export (\w+)=", blocks("text", "Start them")[0], re.MULTILINE)
        assert list(made) == shown


def test_its_options_exist() -> None:
    helped = subprocess.check_output(
        [sys.executable, "-m", "local_cloud", "serve", "--help"], cwd=REPOSITORY, text=True, env={"COLUMNS": "200"}
    )
    for option in set(re.findall(r"--[a-z][a-z-]+", README.split("| option of `serve` |")[1].split("\n\n")[0])):
        assert option in helped
