"""The README is true to someone who has installed the package."""

import re
import subprocess
import sys
from pathlib import Path

from local_cloud_tests.integration.test_pytest_plugin import outcomes
from local_cloud_tests.integration.test_serve import SOURCE, serve

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str, section: str) -> list[str]:
    """The blocks of code in a section."""
    text = README.split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_tests_of_the_readme_pass(tmp_path: Path) -> None:
    (tests,) = blocks("python", "In pytest")
    assert outcomes(tmp_path, tests) == {"passed": 3}


def test_its_variables_are_those_that_serve_prints() -> None:
    with serve(
        "--firestore",
        "0",
        "--firestore-rest",
        "0",
        "--tasks",
        "0",
        "--tasks-rest",
        "0",
        "--pubsub",
        "0",
        "--storage",
        "0",
    ) as made:
        shown = re.findall(r"^export (\w+)=", blocks("text", "Start them")[0], re.MULTILINE)
        assert list(made) == shown


def test_its_options_exist() -> None:
    helped = subprocess.check_output(
        [sys.executable, "-m", "local_cloud", "serve", "--help"], cwd=SOURCE, text=True, env={"COLUMNS": "200"}
    )
    for option in set(re.findall(r"--[a-z][a-z-]+", README.split("| option of `serve` |")[1].split("\n\n")[0])):
        assert option in helped
