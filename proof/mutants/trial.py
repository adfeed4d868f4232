"""Trials: what harness and tests say of a copy of the source."""

import enum
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from functions.shared.settings import MailProviderName
from proof.faults.runner import SEED
from proof.faults.scenario_run import FEW_REPORTS
from tests.function_process import REPOSITORY
from tests.selection import Selection

COMMANDS = {Selection.EVERYDAY: "make test", Selection.THOROUGH: "make test-all"}
"""The commands that together run all tests, by what they select."""

_TIME_LIMIT_SECONDS = 900
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+\.py)", re.MULTILINE)
"""A line of pytest's summary."""


class Outcome(enum.StrEnum):
    """What a run of the harness or of the tests comes to."""

    CAUGHT = "caught"
    MISSED = "missed"
    BROKEN = "did not run"
    NOT_ASKED = "not asked"


_OUTCOMES = {0: Outcome.MISSED, 1: Outcome.CAUGHT, 5: Outcome.MISSED}
"""By exit status. 5 is pytest's where the command runs none of the tests."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the tests come to.

    Attributes:
        outcome: whether one failed.
        command: the command that runs the test that failed; empty if none did.
        file: that test's file, from the repository's root; empty if none did.
    """

    outcome: Outcome
    command: str = ""
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a copy with one mistake comes to.

    Attributes:
        name: the mutant's.
        harness: what the harness says.
        tests: what the tests say.
    """

    name: str
    harness: Outcome
    tests: Verdict

    @property
    def is_noticed(self) -> bool:
        """Whether both noticed the mistake, where both were asked."""
        return {self.harness, self.tests.outcome} <= {Outcome.CAUGHT, Outcome.NOT_ASKED}


def play_scenarios(tree: Path, provider: MailProviderName, scenarios: Iterable[str], log: Path) -> Outcome:
    """Play scenarios in a copy; the same ones with the same subscriptions, every time.

    Args:
        tree: the copy.
        provider: the email provider.
        scenarios: parts of their names.
        log: the file for what the harness says.
    """
    names = sorted(set(scenarios))
    if not names:
        return Outcome.NOT_ASKED
    options = ["--provider", provider.value, *(option for name in names for option in ("--scenario", name))]
    reports = FEW_REPORTS * len(names)
    command = ["-m", "proof.faults", "--seed", str(SEED), "--reports", str(reports), *options]
    # The copy has no history, from which the harness takes the released version.
    return _run(tree, command, log, GIT_DIR=str(_git_directory()))


def run_tests(tree: Path, paths: Iterable[str], log: Path) -> Verdict:
    """Run tests in a copy, up to the first that fails: those of `make test`, and then those of `make test-all`.

    Args:
        tree: the copy.
        paths: of the tests, from the copy's root, with `::` and a name for a single one.
        log: the file for what pytest says.
    """
    for selection, command in COMMANDS.items():
        options = (f"--selection={selection}", "--exitfirst", "-q", "-p", "no:xdist", "-p", "no:cacheprovider")
        outcome = _run(tree, ["-m", "pytest", *options, *sorted(set(paths))], log)
        if outcome is Outcome.CAUGHT:
            *_, file = _FAILED.findall(log.read_text(errors="replace"))
            return Verdict(outcome=outcome, command=command, file=file)
        if outcome is Outcome.BROKEN:
            break
    return Verdict(outcome=outcome)


def _git_directory() -> Path:
    asked = ["git", "rev-parse", "--absolute-git-dir"]
    said = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return Path(said.strip())


def _run(tree: Path, command: Sequence[str], log: Path, **variables: str) -> Outcome:
    with log.open("a") as output:
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
            return Outcome.BROKEN
    return _OUTCOMES.get(code, Outcome.BROKEN)
