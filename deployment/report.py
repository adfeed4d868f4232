"""Tells the operator what a run does, and keeps what deploy.sh sums up at its end."""

import sys
from dataclasses import dataclass
from pathlib import Path

from deployment.engine.discovery import Request
from deployment.engine.plan import PolicyStep, Step, summary
from deployment.engine.policy import grants_in
from deployment.resource_diff import differences


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

    def differs(self, step: Step | PolicyStep) -> None:
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
        if not self.check:
            print(f"    {summary(request)}")

    def done(self, step: Step | PolicyStep) -> None:
        """Name what was done, or is to be done."""
        for verb, what in step.lines:
            self._keep(verb, what)
            if verb != "unchanged":
                print(f"  {'to be ' if self.dry_run else ''}{verb}: {what}", flush=True)
            elif self.verbose:
                print(f"    as it should be: {what}", file=sys.stderr)

    def _name_what_is_left_alone(self, step: Step) -> None:
        rule = step.declared.left_alone
        if rule is not None and step.actual is not None and any(differences(step.actual, rule.usual)):
            first, *rest = rule.lines
            self._keep("by-hand", first)
            self._keep("warnings", f"Warning: {first}", *(f"  {line}" for line in rest))

    def _keep_policy(self, step: PolicyStep) -> None:
        """For deployment/members.sh, which names the members that no run has granted their roles."""
        where = step.declared.in_gcloud
        ours = [*step.declared.grants, *step.declared.takes_back]
        for file, grants in (("bindings", grants_in(step.policy)), ("known", iter(ours))):
            self._keep(file, *("\t".join([where, each.role, each.member, each.title]) for each in grants))

    def _keep(self, file: str, *lines: str) -> None:
        with (self.notes / file).open("a", encoding="utf-8") as kept:
            kept.writelines(f"{line}\n" for line in lines)
