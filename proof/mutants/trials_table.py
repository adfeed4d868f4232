"""Which tests notice which mistake, as a table."""

from collections import Counter
from collections.abc import Sequence

from proof.benchmarks.table import Table
from proof.mutants.trial import COMMANDS, Trial


def trials_table(trials: Sequence[Trial]) -> Table:
    """A row for each trial, with the command and the file whose test noticed the mistake first."""
    by_command = Counter(trial.tests.command for trial in trials)
    counts = ", ".join(f"`{command}` notices {by_command[command]}" for command in COMMANDS.values())
    return Table(
        title="Which tests notice each mistake",
        columns=("mutant", "harness", "tests", "command", "file"),
        rows=[
            (trial.name, trial.harness, trial.tests.outcome, trial.tests.command, trial.tests.file) for trial in trials
        ],
        note=f"Of {len(trials)} mistakes, {counts}.",
    )
