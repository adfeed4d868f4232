"""Tells the operator what a run does, and keeps what deploy.sh sums up at its end."""

import sys
from dataclasses import dataclass
from pathlib import Path

from deployment.engine.discovery import Request
from deployment.engine.plan import Step, summary


@dataclass(frozen=True, kw_only=True)
class Report:
    """The lines of a run.

    Attributes:
        notes: the folder where each line of the sum is kept, in a file for each verb.
        dry_run: whether nothing is changed.
        check: whether only differences are named.
        verbose: whether what is left alone is named, too.
    """

    notes: Path
    dry_run: bool
    check: bool
    verbose: bool

    def differs(self, step: Step) -> None:
        """Name the fields that differ."""
        if not step.fields:
            return
        line = f"    differs in {step.what}: {' '.join(step.fields)}"
        if self.check:
            print(line)
        elif self.verbose:
            print(line, file=sys.stderr)

    def planned(self, request: Request) -> None:
        """Name a request that a dry run leaves out."""
        if not self.check:
            print(f"    {summary(request)}")

    def done(self, step: Step) -> None:
        """Name what was done, or is to be done."""
        with (self.notes / step.verb).open("a", encoding="utf-8") as file:
            file.write(f"{step.what}\n")
        if step.verb != "unchanged":
            print(f"  {'to be ' if self.dry_run else ''}{step.verb}: {step.what}", flush=True)
        elif self.verbose:
            print(f"    as it should be: {step.what}", file=sys.stderr)
