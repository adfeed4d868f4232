"""`python -m proof.mutants`: makes deliberate mistakes in copies of the source, and says which tests notice each."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from proof.mutants.mutant import DoesNotApply, Mutant, copy_tree
from proof.mutants.mutants import ALL
from proof.mutants.trial import Outcome, Trial, play_scenarios, run_tests
from proof.mutants.trials_table import trials_table
from tests.function_process import REPOSITORY

_LAST_LINES = 15

_WELL = {Outcome.MISSED, Outcome.NOT_ASKED}
"""What a source without a mistake comes to."""


def _chosen(parts: Sequence[str]) -> list[Mutant]:
    return [mutant for mutant in ALL if not parts or any(part in mutant.name for part in parts)]


def _look_at_the_source_itself(source: Path, mutants: Sequence[Mutant], logs: Path, progress: Console) -> bool:
    """Whether everything passes without a mistake: a test that fails anyway would seem to notice every mistake."""
    tests = [path for mutant in mutants for path in mutant.tests]
    outcomes = {logs / "source-tests.txt": run_tests(source, tests, logs / "source-tests.txt").outcome}
    for provider in {mutant.provider for mutant in mutants}:
        scenarios = [name for mutant in mutants if mutant.provider is provider for name in mutant.scenarios]
        log = logs / f"source-harness-{provider}.txt"
        outcomes[log] = play_scenarios(source, provider, scenarios, log)
    for log, outcome in outcomes.items():
        if outcome not in _WELL:
            progress.print(f"The source fails without a mistake ({log}):")
            _show_end(log, progress)
    return all(outcome in _WELL for outcome in outcomes.values())


def _show_end(log: Path, progress: Console) -> None:
    for line in log.read_text(errors="replace").splitlines()[-_LAST_LINES:]:
        progress.print(f"  {line}", markup=False)


def _try_out(source: Path, mutant: Mutant, number: int, logs: Path) -> Trial:
    with tempfile.TemporaryDirectory() as copied:
        tree = shutil.copytree(source, Path(copied) / "tree")
        mutant.apply(tree)
        return Trial(
            name=mutant.name,
            harness=play_scenarios(tree, mutant.provider, mutant.scenarios, logs / f"{number}-harness.txt"),
            tests=run_tests(tree, mutant.tests, logs / f"{number}-tests.txt"),
        )


def main() -> int:
    """Try mutants. The table goes to standard output, in Markdown, and the progress to standard error.

    Returns:
        0 if harness and tests notice each of them, 1 if not, 2 if the result is not known.
    """
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("name", nargs="*", help="part of a mutant's name; all of them unless given")
    parser.add_argument("--list", action="store_true", help="name the mutants, and end")
    parser.add_argument("--tests", action="store_true", help="run the tests alone, without the harness, in minutes")
    arguments = parser.parse_args()
    progress = Console(stderr=True, soft_wrap=True, highlight=False)
    chosen = _chosen(arguments.name)
    if not chosen:
        progress.print("No mutant has that in its name: see --list.")
        return 2
    if arguments.list:
        for mutant in chosen:
            print(mutant.name)
        return 0
    if arguments.tests:
        chosen = [replace(mutant, scenarios=()) for mutant in chosen]
    logs = Path(tempfile.mkdtemp(prefix="mutants-"))
    progress.print(f"What harness and tests say goes to {logs}")
    with tempfile.TemporaryDirectory() as copied:
        # One copy for all mutants, so that changes to the source in the meantime do not matter.
        source = Path(copied)
        copy_tree(REPOSITORY, source)
        try:
            return _try_all_out(source, chosen, logs, progress)
        except DoesNotApply as error:
            progress.print(str(error), markup=False)
            return 2


def _try_all_out(source: Path, mutants: Sequence[Mutant], logs: Path, progress: Console) -> int:
    progress.print("The source as it is: ", end="")
    if not _look_at_the_source_itself(source, mutants, logs, progress):
        return 2
    progress.print("all is well")
    trials = []
    for number, mutant in enumerate(mutants, start=1):
        begun = time.monotonic()
        trial = _try_out(source, mutant, number, logs)
        trials.append(trial)
        progress.print(
            f"{number}/{len(mutants)} {trial.name}: harness {trial.harness}, tests {trial.tests.outcome} "
            f"({time.monotonic() - begun:.0f} s)",
            style=None if trial.is_noticed else "red",
        )
    print(trials_table(trials).to_markdown(), end="")
    return 0 if all(trial.is_noticed for trial in trials) else 1


if __name__ == "__main__":
    sys.exit(main())
