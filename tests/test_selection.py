"""Each test runs with `make test` or with `make test-all`, and fast tests start no process."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.selection import EVERYDAY, THOROUGH, THOROUGH_FOLDERS, Selection, is_fast, is_selected

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("file", "fast"),
    [
        ("tests/test_documents.py", True),
        ("tests/contracts/test_documents.py", True),
        ("tests/report_kit/unit/test_rendering.py", True),
        ("tests/functions/worker/integration/test_start.py", False),
        ("tests/functions/worker/destinations/email/test_answers.py", False),
        ("tests/deployment/test_deploy.py", False),
    ],
)
def test_the_folder_says_whether_a_test_is_fast(file: str, fast: bool) -> None:
    assert (ROOT / file).is_file()
    assert is_fast(Path(file)) is fast


TREE = {
    "tests/test_marked.py": "@pytest.mark.thorough\ndef test_a(): pass\ndef test_b(): pass\n",
    "tests/unit/test_usual.py": "def test_c(): pass\n@pytest.mark.starts_process\ndef test_d(): pass\n",
    "tests/integration/test_values.py": "thorough = pytest.param(1, marks=pytest.mark.thorough)\n"
    "@pytest.mark.parametrize('e', [thorough, 2])\ndef test_e(e): pass\n",
    "tests/integration/test_all.py": "pytestmark = pytest.mark.thorough\n"
    "def test_f(): pass\n@pytest.mark.everyday\ndef test_j(): pass\n",
    "tests/integration/test_none.py": "def test_g(): pass\n",
    **{f"{folder}/integration/test_h.py": "def test_h(): pass\n" for folder in THOROUGH_FOLDERS},
    **{f"{folder}/unit/test_i.py": "def test_i(): pass\n" for folder in THOROUGH_FOLDERS},
}


@pytest.mark.starts_process
def test_each_test_is_in_one_of_two_selections_and_the_fast_ones_are_everyday(tmp_path: Path) -> None:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"import pytest\n{text}", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n  starts_process\n  thorough\n  everyday\n", encoding="utf-8"
    )

    def collected(*options: str) -> list[str]:
        command = [sys.executable, "-m", "pytest", "-p", "tests.selection", "--collect-only", "-q", "--rootdir=."]
        said = subprocess.run(
            [*command, "--import-mode=importlib", "-p", "no:cacheprovider", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [line for line in said.splitlines() if "::" in line]

    everything = collected()
    fast, everyday, thorough, slow = (collected(f"--selection={selection}") for selection in Selection)
    assert sorted(everyday + thorough) == sorted(fast + slow) == sorted(everything)
    first = set(map(_file, thorough))
    for found in (everything, slow):
        assert {_file(line) for line in found if _file(line) in first} == first
        assert set(list(dict.fromkeys(map(_file, found)))[: len(first)]) == first
    assert set(fast) < set(everyday)
    assert [line for line in thorough if "integration" not in line] == ["tests/test_marked.py::test_a"]
    assert sorted(line for line in everyday if "integration" in line) == [
        "tests/integration/test_all.py::test_j",
        "tests/integration/test_none.py::test_g",
        "tests/integration/test_values.py::test_e[2]",
    ]


def _file(line: str) -> str:
    return line.partition("::")[0]


@pytest.mark.parametrize(
    "file", ["proof/tests/faults/test_mail.py", "tests/unit/test_a.py", "tests/b/test_b.py", "tests/fuzz/c.py"]
)
@pytest.mark.parametrize("markers", [set(), {THOROUGH}, {EVERYDAY, THOROUGH}, {"starts_process"}])
def test_no_test_is_in_both_selections(file: str, markers: set[str]) -> None:
    chosen = {selection for selection in Selection if is_selected(Path(file), markers, selection)}
    assert len(chosen & {Selection.EVERYDAY, Selection.THOROUGH}) == 1
    assert len(chosen & {Selection.FAST, Selection.SLOW}) == 1
    assert Selection.FAST not in chosen or Selection.EVERYDAY in chosen


def test_ci_runs_all_tests_and_the_fast_ones_at_another_clock() -> None:
    assert re.findall(r"make test[^|]*", (ROOT / ".ci/run").read_text()) == [
        "make test-fast CLOCK=+400d ",
        "make test-slow ",
    ]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^tests: .*\n\t@\$\(PYTEST\) \$\(ARGS\)$", makefile, re.MULTILINE)
    assert [makefile.count(f"--selection={selection} ") for selection in Selection] == [1, 1, 1, 1]


def test_a_workflow_runs_all_tests_at_other_clocks_each_week() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/moved-clock.yaml").read_text())
    (job,) = workflow["jobs"].values()
    # YAML 1.1 reads `on` as true.
    assert "schedule" in workflow[True]
    assert job["strategy"]["matrix"]["days"] == [8, 40, 400]
    assert job["steps"][-1]["run"] == "make tests CLOCK=+${{ matrix.days }}d"


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda: os.system("true"),  # noqa: S605
        lambda: socket.socket(socket.AF_UNIX).connect("/there/is/none"),
    ],
    ids=["subprocess", "system", "fork"],
)
def test_a_fast_test_starts_no_process(start: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match=r"mark it with @pytest\.mark\.starts_process"):
        start()


@pytest.mark.starts_process
def test_one_that_is_marked_does() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)
