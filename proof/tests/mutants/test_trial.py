"""Which test of which command notices a mistake, in a repository of a few tests."""

import shutil
from pathlib import Path

import pytest

import tests.selection
from proof.mutants.trial import Outcome, Verdict, run_tests

TREE = {
    "pytest.ini": "[pytest]\naddopts = -p tests.selection\nmarkers =\n  thorough\n  everyday\n  starts_process\n",
    "tests/__init__.py": "",
    "tests/test_passes.py": "def test_a(): pass\n",
    "tests/test_fails.py": "import logging\n"
    "def test_b():\n    logging.error('a.py')\n    print('FAILED of.py')\n    assert False\n",
    "tests/test_no_set_up.py": "import pytest\n@pytest.fixture\ndef c(): raise ValueError\ndef test_c(c): pass\n",
    "tests/test_marked.py": "import pytest\ndef test_d(): pass\n@pytest.mark.thorough\ndef test_e(): assert False\n",
    "tests/test_broken.py": "import nothing_of_this_name\n",
}


@pytest.mark.parametrize(
    ("paths", "verdict"),
    [
        (["tests/test_passes.py"], Verdict(outcome=Outcome.MISSED)),
        (
            ["tests/test_passes.py", "tests/test_fails.py"],
            Verdict(outcome=Outcome.CAUGHT, command="make test", file="tests/test_fails.py"),
        ),
        (
            ["tests/test_no_set_up.py"],
            Verdict(outcome=Outcome.CAUGHT, command="make test", file="tests/test_no_set_up.py"),
        ),
        (
            ["tests/test_marked.py"],
            Verdict(outcome=Outcome.CAUGHT, command="make test-all", file="tests/test_marked.py"),
        ),
        (
            ["tests/test_marked.py", "tests/test_fails.py::test_b"],
            Verdict(outcome=Outcome.CAUGHT, command="make test", file="tests/test_fails.py"),
        ),
        (["tests/test_marked.py::test_d"], Verdict(outcome=Outcome.MISSED)),
        (["tests/test_broken.py"], Verdict(outcome=Outcome.BROKEN)),
        (["tests/test_passes.py::test_x"], Verdict(outcome=Outcome.BROKEN)),
    ],
)
def test_the_command_and_the_file_of_the_first_test_that_fails(
    tmp_path: Path, paths: list[str], verdict: Verdict
) -> None:
    tree = tmp_path / "tree"
    for name, text in TREE.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")
    shutil.copy(tests.selection.__file__, tree / "tests")
    assert run_tests(tree, paths, tmp_path / "log.txt") == verdict
