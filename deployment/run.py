"""A run of the deployment: what each of its steps gets.

A run has two halves. First each step reads what is there, and plans: it sends nothing that changes something. Then the
acts of that plan are carried out, in their order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from deployment.cloud_run.side_by_side import side_by_side
from deployment.engine.declared import Declared
from deployment.engine.discovery import Request, Resource
from deployment.engine.google_client import GoogleClient
from deployment.engine.plan import PolicyStep, Step, names_of, plan, printed, request_of
from deployment.engine.policy import read_request
from deployment.engine.run import carry_out, read
from deployment.options import Options
from deployment.report import Line, Report
from deployment.resources.project import PROJECT
from deployment.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Act:
    """A part of a plan, of a step of the run: what a run says of it, what it is about, and the requests that it sends
    to Google, in angle brackets what is only known once an act before it is carried out. `do` gives False if it could
    not do it. Acts with the same text in `together` that follow each other are carried out side by side."""

    step: str
    lines: Sequence[Line]
    requests: Sequence[Request]
    do: Callable[[], object]
    what: str = ""
    together: str = ""

    @property
    def for_machines(self) -> list[dict[str, Any]]:
        """Each of its requests; what it does where it sends none to Google."""
        changes = {"step": self.step, "changes": [{verb: what} for verb, what in self.lines]}
        return [changes | printed(each) for each in self.requests] or [changes]


@dataclass(kw_only=True)
class Run:
    """A run.

    Attributes:
        settings: the operator's, and what the run finds out.
        wait: waits for so many seconds.
        now: its clock.
        stamp: tells the run from others: two that begin in one second are two.
        commit: the commit that is deployed; with -dirty at the end where files differ from it.
        project_commit: likewise the project's own; empty in a clone, which is its own project.
        version: the pipeline's.
        acts: what is planned, and not yet carried out.
        plan: all that was planned, for machines.
        given_up: what acts are about that are not carried out any more.
        names: the full names of resources, by how the lines of a run name them; one that Google has yet to choose is in
            angle brackets.
        versions: the numbers of secrets' newest versions, by the names of the secrets; of one that is planned, the
            number that it should get. Empty where there is none.
        webhook_keys: by which the function mail-events takes SendGrid's calls.
        webhook_starts: whether SendGrid's webhook is to be on in the end.
        webhook_differs: whether the run changes the webhook.
        has_read_quota: whether the quota of CPUs could be read.
        lock: the generation of its lock, whose object it is in the bucket for sources; empty where it has none.
        keep: keeps what it has made, and is about to make, for the next run.
        recorded: what it has kept last.
    """

    options: Options
    settings: Settings
    client: GoogleClient
    report: Report
    wait: Callable[[float], None]
    now: Callable[[], datetime]
    stamp: str
    commit: str = ""
    project_commit: str = ""
    version: str = ""
    acts: list[Act] = field(default_factory=list)
    plan: list[dict[str, Any]] = field(default_factory=list)
    given_up: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    webhook_keys: str = ""
    webhook_starts: bool = False
    webhook_differs: bool = False
    has_read_quota: bool = False
    lock: str = ""
    keep: Callable[["Run", Sequence[Request]], None] = lambda *_: None
    recorded: Resource = field(default_factory=dict)

    def bring(self, declared: Sequence[Declared]) -> None:
        steps = plan(declared, read(declared, self.client))
        self.report.found(steps)
        if self.settings.deployer and self.options.deploys and not self.report.looks_only:
            # The project's policy is an administrator's.
            for each in steps:
                if isinstance(each, PolicyStep) and each.declared.kind == PROJECT:
                    self.report.asks(each)
            steps = [each for each in steps if each.declared.kind != PROJECT]
        self.names |= names_of(steps)
        for each in steps:
            self._bring(each)

    def _bring(self, step: Step | PolicyStep) -> None:
        for verb, what in step.lines:
            if verb == "unchanged":
                self.report.note(verb, what)
        if (request := request_of(step, self.names)) is None:
            return
        first: list[Request] = []
        if isinstance(step, PolicyStep):
            first = step.asked_first
            # What is planned of the same policy further on is planned on top of this.
            asked = read_request(step.declared.kind.method("getIamPolicy"), step.declared.name)
            self.client.promise(asked, (request.body or {})["policy"])
        changes = [line for line in step.lines if line[0] != "unchanged"]
        what = step.declared.what
        self.act(changes, [*first, request], lambda: carry_out(step, self.client, self.names), what=what)
        if isinstance(step, PolicyStep) and step.too_many and step.declared.if_taken_back:
            self.report.say(f"  {step.declared.if_taken_back}")

    def act(
        self,
        lines: Sequence[Line],
        requests: Sequence[Request],
        do: Callable[[], object],
        *,
        what: str = "",
        together: str = "",
    ) -> None:
        """Plan something, and say so. The arguments are those of Act."""
        for request in requests:
            self.report.planned(request)
        for line in lines:
            self.report.note(*line)
        step = self.report.current
        act = Act(step=step, lines=lines, requests=requests, do=do, what=what, together=together)
        if not self.report.looks_only:
            self.plan += act.for_machines
            self.acts.append(act)

    def send(self, request: Request, *lines: Line) -> None:
        self.act(lines, [request], lambda: self.client.send(request))

    def carry_out(self) -> None:
        """Carry out what is planned, and plan nothing more on what was read for it."""
        self.client.forget()
        acts, self.acts = self.acts, []
        for _, numbered in groupby(enumerate(acts), lambda each: each[1].together or each[0]):
            group = [act for _, act in numbered if act.what not in self.given_up]
            self.report.current = group[0].step if group else self.report.current
            self.keep(self, [request for act in group for request in act.requests])
            for lines in side_by_side(_done, group):
                self.report.did(lines)


def _done(act: Act) -> Sequence[Line]:
    """What a run says of an act that it has carried out."""
    return () if act.do() is False else act.lines
