"""`python -m proof.mutants`: makes deliberate mistakes in copies of the source, and checks whether the tests notice
them."""

import argparse
import enum
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from functions.shared.settings import MailProviderName
from proof.faults.runner import SEED
from proof.faults.scenario_run import FEW_REPORTS
from proof.mutants.mutant import DoesNotApply, Mutant, copy_tree
from proof.mutants.mutants import ALL
from tests.function_process import REPOSITORY

_PLAIN_WIDTH = 120
_LAST_LINES = 15
_TIME_LIMIT_SECONDS = 900


class _Outcome(enum.StrEnum):
    CAUGHT = "caught"
    MISSED = "missed"
    BROKEN = "did not run"
    NOT_ASKED = "not asked"


_WELL = {_Outcome.MISSED, _Outcome.NOT_ASKED}
"""What a source without a mistake comes to."""
_NOTICED = {_Outcome.CAUGHT, _Outcome.NOT_ASKED}


def _harness(tree: Path, provider: MailProviderName, scenarios: Iterable[str], log: Path) -> _Outcome:
    """Play scenarios in a copy; the same ones with the same subscriptions, every time."""
    names = sorted(set(scenarios))
    if not names:
        return _Outcome.NOT_ASKED
    options = ["--provider", provider.value, *(option for name in names for option in ("--scenario", name))]
    reports = FEW_REPORTS * len(names)
    command = ["-m", "proof.faults", "--seed", str(SEED), "--reports", str(reports), *options]
    # The copy has no history, from which the harness takes the released version.
    return _run(tree, command, log, noticed={1}, GIT_DIR=str(_git_directory()))


def _tests(tree: Path, paths: Iterable[str], log: Path) -> _Outcome:
    """Run tests in a copy, up to the first that fails."""
    options = ("--exitfirst", "-q", "-p", "no:xdist", "-p", "no:cacheprovider")
    return _run(tree, ["-m", "pytest", *options, *sorted(set(paths))], log, noticed={1})


def _git_directory() -> Path:
    asked = ["git", "rev-parse", "--absolute-git-dir"]
    said = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return Path(said.strip())


def _run(tree: Path, command: Sequence[str], log: Path, *, noticed: set[int], **variables: str) -> _Outcome:
    with log.open("w") as output:
        try:
            code = subprocess.run(
                [sys.executable, *command],
                cwd=tree,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_TIME_LIMIT_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return _Outcome.BROKEN
    if code == 0:
        return _Outcome.MISSED
    return _Outcome.CAUGHT if code in noticed else _Outcome.BROKEN


def _chosen(parts: Sequence[str]) -> list[Mutant]:
    return [mutant for mutant in ALL if not parts or any(part in mutant.name for part in parts)]


def _look_at_the_source_itself(source: Path, mutants: Sequence[Mutant], logs: Path, console: Console) -> bool:
    """Whether everything passes without a mistake: a test that fails anyway would seem to notice every mistake."""
    tests = [path for mutant in mutants for path in mutant.tests]
    outcomes = {logs / "source-tests.txt": _tests(source, tests, logs / "source-tests.txt")}
    for provider in {mutant.provider for mutant in mutants}:
        scenarios = [name for mutant in mutants if mutant.provider is provider for name in mutant.scenarios]
        log = logs / f"source-harness-{provider}.txt"
        outcomes[log] = _harness(source, provider, scenarios, log)
    for log, outcome in outcomes.items():
        if outcome not in _WELL:
            console.print(f"The source fails without a mistake ({log}):")
            _show_end(log, console)
    return all(outcome in _WELL for outcome in outcomes.values())


def _show_end(log: Path, console: Console) -> None:
    for line in log.read_text(errors="replace").splitlines()[-_LAST_LINES:]:
        console.print(f"  {line}", markup=False, highlight=False)


def _try_out(source: Path, mutant: Mutant, number: int, logs: Path) -> tuple[_Outcome, _Outcome]:
    with tempfile.TemporaryDirectory() as copied:
        tree = shutil.copytree(source, Path(copied) / "tree")
        mutant.apply(tree)
        return (
            _harness(tree, mutant.provider, mutant.scenarios, logs / f"{number}-harness.txt"),
            _tests(tree, mutant.tests, logs / f"{number}-tests.txt"),
        )


def main() -> int:
    """Try mutants; returns 0 if harness and tests notice each of them, 1 if not, 2 if the result is not known."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("name", nargs="*", help="part of a mutant's name; all of them unless given")
    parser.add_argument("--list", action="store_true", help="name the mutants, and end")
    arguments = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    chosen = _chosen(arguments.name)
    if not chosen:
        console.print("No mutant has that in its name: see --list.")
        return 2
    if arguments.list:
        for mutant in chosen:
            console.print(mutant.name, highlight=False)
        return 0
    logs = Path(tempfile.mkdtemp(prefix="mutants-"))
    console.print(f"What harness and tests say goes to {logs}", highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as copied:
        # One copy for all mutants, so that changes to the source in the meantime do not matter.
        source = Path(copied)
        copy_tree(REPOSITORY, source)
        try:
            return _try_all_out(source, chosen, logs, console)
        except DoesNotApply as error:
            console.print(str(error), markup=False, highlight=False)
            return 2


def _try_all_out(source: Path, mutants: Sequence[Mutant], logs: Path, console: Console) -> int:
    console.print("The source as it is: ", end="")
    if not _look_at_the_source_itself(source, mutants, logs, console):
        return 2
    console.print("all is well")
    table = Table("mutant", "harness", "tests")
    results = []
    for number, mutant in enumerate(mutants, start=1):
        begun = time.monotonic()
        harness, tests = _try_out(source, mutant, number, logs)
        results.append((harness, tests))
        console.print(
            f"{number}/{len(mutants)} {mutant.name}: harness {harness}, tests {tests} "
            f"({time.monotonic() - begun:.0f} s)",
            highlight=False,
        )
        style = None if {harness, tests} <= _NOTICED else "red"
        table.add_row(mutant.name, harness, tests, style=style)
    console.print(table)
    return 0 if all(outcome in _NOTICED for pair in results for outcome in pair) else 1


if __name__ == "__main__":
    sys.exit(main())
