"""docs/start/first-report.md, as far as it needs no local cloud: a reader who does what it says sees what it says.

The rest of its commands are checked for their names and options in tests/test_documents.py.
"""

import csv
import os
import re
import shlex
from pathlib import Path

import pytest

from operations.new_kind import ROOT
from tests.forked_python import run_python

pytestmark = pytest.mark.starts_process

TUTORIAL = (ROOT / "docs/start/first-report.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)


def commands(beginning: str) -> list[str]:
    return [line for block in blocks("console") for line in block.splitlines() if line.startswith(beginning)]


@pytest.fixture
def terminal(tree: Path) -> "Terminal":
    return Terminal(tree)


class Terminal:
    """Carries out the commands of the tutorial in a copy of the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {**os.environ, "PYTHONPATH": str(folder)}

    def run(self, command: str, **variables: str) -> str:
        """What a command prints, on both its outputs."""
        words = shlex.split(command.removesuffix(" --open --watch"))
        program = ["-m", "operations"] if words[0] == "./reports" else []
        environment = {**self._environment, **variables}
        return run_python(*program, *words[1:], directory=self.folder, environment=environment, merged=True).stdout


def test_what_the_tutorial_says_is_what_happens(terminal: Terminal) -> None:
    [new] = commands("./reports new")
    made = terminal.run(new)
    for file in re.findall(r"^\| `(\S+)` \|", TUTORIAL, re.MULTILINE):
        assert file in made
        assert (terminal.folder / file).is_file()

    first, german, _little, nothing = commands("./reports preview --sample")
    assert re.search(r"subject +Sales: Revenue €", terminal.run(first))
    assert re.search(r"subject +Sales: Umsatz .*,\d\d €", terminal.run(german))
    [said] = re.findall(r"says `(Nothing would be sent: .*?)`", TUTORIAL)
    assert terminal.run(nothing) == f"{said}\n"

    report = terminal.folder / "functions" / "worker" / "reports" / "sales" / "report.yaml"
    column, figure = blocks("yaml")
    lines = report.read_text().splitlines(keepends=True)
    lines[next(index for index, line in enumerate(lines) if "SELECT count(*)" in line)] = column
    lines.insert(1 + next(index for index, line in enumerate(lines) if "totals.orders, compare" in line), figure)
    report.write_text("".join(lines))
    assert "subject" in terminal.run(first)
    report.write_text(report.read_text().replace("totals.largest", "totals.lagest"))
    _set_up, mistake = blocks("text")
    assert terminal.run(first) == mistake
    report.write_text(report.read_text().replace("totals.lagest", "totals.largest"))

    [tested] = commands(".venv/bin/python -m pytest")
    assert "4 passed" in terminal.run(f"{tested} -p no:cacheprovider")

    (terminal.folder / ".local_cloud").mkdir(exist_ok=True)
    [program] = blocks("python")
    # The sample user is called `sample`.
    (terminal.folder / "shop.py").write_text(program.replace('"u1"', '"sample"'))
    assert terminal.run("python shop.py") == ""
    url = f"sqlite:///{terminal.folder}/.local_cloud/shop.db"
    shown = terminal.run(german, SALES_DATABASE_URL=url)
    [file] = re.findall(r"attachments +(\S+\.csv)", shown)
    rows = list(csv.reader(Path(file).read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["Produkt", "Bestellt", "Betrag"]
    # Every fifth hour of a day.
    assert len(rows) - 1 in {4, 5, 6}
