"""Tells the operator what a run does, and keeps what deploy.sh sums up at its end."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployment.engine.discovery import Request
from deployment.engine.google_client import GoogleClient
from deployment.engine.plan import PolicyStep, Step, names_of, request_of, summary
from deployment.engine.policy import grants_in
from deployment.engine.run import apply
from deployment.members import keep, removal


@dataclass(frozen=True, kw_only=True)
class Report:
    """The lines of a run.

    Attributes:
        notes: the folder where each line of the sum is kept, in a file for each verb.
        dry_run: whether nothing is changed.
        check: whether only differences are named.
        verbose: whether what is left alone is named, too.
        looks_only: whether what differs is an administrator's to change (deployment/bootstrap.sh).
    """

    notes: Path
    dry_run: bool
    check: bool
    verbose: bool
    looks_only: bool

    @classmethod
    def of(cls, variables: Mapping[str, str], notes: str) -> "Report":
        """The report of a run whose state is in the environment that deploy.sh makes."""
        said = {name: variables[name.upper()] == "yes" for name in ("dry_run", "check", "verbose", "looks_only")}
        return cls(notes=Path(notes), **said)

    def carry_out(self, steps: Sequence[Step | PolicyStep], client: GoogleClient) -> None:
        """Carry a plan out, or say what that would do where nothing is to be changed.

        Raises:
            GoogleError: a request failed.
            InvalidRequest: a declared resource is none that Google's interface takes.
        """
        for each in steps:
            self._differs(each)
            if self.only_says:
                if (request := request_of(each, names_of(steps))) is not None:
                    self.planned(request)
                self.done(each)
        if not self.only_says:
            apply(steps, client, self.done)

    @property
    def only_says(self) -> bool:
        """Whether the run changes nothing of this."""
        return self.dry_run or self.looks_only

    def _differs(self, step: Step | PolicyStep) -> None:
        """Name the fields that differ, and what was changed by hand and stays; keep who may do what."""
        if isinstance(step, PolicyStep):
            self._keep_policy(step)
            return
        self._name_what_is_left_alone(step)
        if not step.fields:
            return
        line = f"    differs in {step.what}: {' '.join(step.fields)}"
        if self.check:
            print(line)
        elif self.verbose:
            print(line, file=sys.stderr)

    def planned(self, request: Request) -> None:
        """Name a request that a dry run leaves out."""
        if self.dry_run and not self.check:
            print(f"    {summary(request)}")

    def done(self, step: Step | PolicyStep) -> None:
        """Name what was done, or is to be done."""
        for verb, what in step.lines:
            self.note(verb, what)
        if step.declared.if_taken_back and isinstance(step, PolicyStep) and step.too_many:
            print(f"  {step.declared.if_taken_back}")

    def note(self, verb: str, what: str) -> None:
        """Keep a line of the sum, and print it."""
        if self.looks_only and verb != "unchanged":
            self._keep("superfluous" if verb == "removed" else "missing-bootstrap", what)
            if not self.dry_run:
                return
        self._keep(verb, what)
        if verb != "unchanged":
            print(f"  {'to be ' if self.dry_run else ''}{verb}: {what}", flush=True)
        elif self.verbose:
            print(f"    as it should be: {what}", file=sys.stderr)

    def asks(self, step: PolicyStep) -> None:
        """Say for the end of the run what only an administrator takes back."""
        self._keep_policy(step)
        where = step.declared.where or (lambda _: step.declared.what)
        for each in step.too_many:
            self._warn(
                f"{each.who} no longer needs {each.role} on {where(each)}. An administrator takes it back:",
                removal(step.declared.in_gcloud, each),
            )

    def shared(self) -> None:
        """Say that another pipeline uses the database, for deployment/teardown.sh, too."""
        (self.notes / "shared").touch()
        print(
            "Warning: another pipeline of this project uses the database; its indexes and documents stay.",
            file=sys.stderr,
        )

    def by_hand(self, lines: tuple[str, ...]) -> None:
        """Name what differs and stays as it is."""
        self._keep("by-hand", lines[0])
        self._warn(*lines)

    def _name_what_is_left_alone(self, step: Step) -> None:
        if step.actual is not None and (lines := step.declared.left_alone(step.actual)):
            self.by_hand(lines)

    def _keep_policy(self, step: PolicyStep) -> None:
        """For deployment/members.py, which names the members that no run has granted their roles."""
        keep(self.notes, "bindings", step.declared.in_gcloud, grants_in(step.policy))
        keep(self.notes, "known", step.declared.in_gcloud, iter([*step.declared.grants, *step.too_many]))

    def _warn(self, first: str, *rest: str) -> None:
        """Keep a warning for the end of the run."""
        self._keep("warnings", f"Warning: {first}", *(f"  {line}" for line in rest))

    def _keep(self, file: str, *lines: str) -> None:
        with (self.notes / file).open("a", encoding="utf-8") as kept:
            kept.writelines(f"{line}\n" for line in lines)
