"""Tells the operator what a run does, and keeps what it sums up at its end."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from deployment.engine.discovery import Request
from deployment.engine.plan import PolicyStep, Step, summary
from deployment.engine.policy import Grant, grants_in
from deployment.members import removal
from deployment.options import Options

Line = tuple[str, str]
"""What becomes of something: a verb such as created, and how people call the thing."""


@dataclass(kw_only=True)
class Report:
    """The lines of a run. `looks_only` if what differs is an administrator's to change (deployment/bootstrap.py), who
    has yet to make what is `missing` and to take back what is `superfluous`. `granted` is all that the policies grant
    that were read, each with the resource as gcloud's commands name it; `known`, what of it the run grants or takes
    back."""

    options: Options
    looks_only: bool = False
    current: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    granted: list[tuple[str, Grant]] = field(default_factory=list)
    known: set[tuple[str, Grant]] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    superfluous: list[str] = field(default_factory=list)
    _last: list[str] = field(default_factory=list)

    def step(self, name: str, title: str) -> None:
        self.current = name
        self.say(title)

    def say(self, line: str) -> None:
        print(line, flush=True)

    def warn(self, line: str) -> None:
        print(f"Warning: {line}", file=sys.stderr, flush=True)

    def warn_last(self, first: str, *rest: str) -> None:
        """Keep a warning for the end, where it is not missed."""
        self._last += [f"Warning: {first}", *(f"  {line}" for line in rest)]

    def say_last(self) -> None:
        print(*self._last, sep="\n", end="\n" if self._last else "", file=sys.stderr, flush=True)

    def detail(self, line: str) -> None:
        if self.options.verbose:
            print(f"    {line}", file=sys.stderr)

    def planned(self, request: Request | str) -> None:
        """Name a request that a dry run leaves out."""
        if self.options.dry_run and not self.options.check:
            self.say(f"    {summary(request) if isinstance(request, Request) else request}")

    def note(self, verb: str, what: str) -> None:
        if self.looks_only and verb != "unchanged":
            (self.superfluous if verb == "removed" else self.missing).append(what)
            if not self.options.dry_run:
                return
        if verb == "unchanged":
            self.detail(f"as it should be: {what}")
        else:
            self.say(f"  to be {verb}: {what}")
        if self.options.dry_run or verb == "unchanged":
            self.counts[verb] += 1

    def did(self, lines: Iterable[Line]) -> None:
        for verb, what in lines:
            self.counts[verb] += 1
            self.say(f"  {verb}: {what}")

    def differs(self, what: str, differing: Iterable[str]) -> None:
        line = f"differs in {what}: {' '.join(differing)}"
        if self.options.check:
            self.say(f"    {line}")
        else:
            self.detail(line)

    def by_hand(self, first: str, *rest: str) -> None:
        self.counts["by-hand"] += 1
        self.warn_last(first, *rest)

    def found(self, steps: Sequence[Step | PolicyStep]) -> None:
        for each in steps:
            if isinstance(each, PolicyStep):
                # Without a name for gcloud it is another's, who grants others what they like.
                if where := each.declared.in_gcloud:
                    self.granted += [(where, grant) for grant in grants_in(each.policy)]
                    self.known |= {(where, grant) for grant in (*each.declared.grants, *each.too_many)}
                continue
            if each.actual is not None and (lines := each.declared.left_alone(each.actual)):
                self.by_hand(*lines)
            if each.fields:
                self.differs(each.what, each.fields)

    def asks(self, step: PolicyStep) -> None:
        """Say for the end of the run what only an administrator takes back."""
        where = step.declared.where or (lambda _: step.declared.what)
        for each in step.too_many:
            self.warn_last(
                f"{each.who} no longer needs {each.role} on {where(each)}. An administrator takes it back:",
                removal(step.declared.in_gcloud, each),
            )
