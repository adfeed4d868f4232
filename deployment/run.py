"""A run of the deployment: what each of its steps gets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deployment.engine.declared import Declared
from deployment.engine.discovery import Request, Resource
from deployment.engine.google_client import GoogleClient
from deployment.engine.plan import PolicyStep, names_of, plan, printable, printed, request_of
from deployment.engine.run import apply, read
from deployment.options import Options
from deployment.report import Report
from deployment.resources.project import PROJECT
from deployment.settings import Settings


@dataclass(kw_only=True)
class Run:
    """A run.

    Attributes:
        options: of the command line.
        settings: the operator's, and what the run finds out.
        client: calls Google.
        report: tells the operator.
        wait: waits for so many seconds.
        stamp: tells the run from others: two that begin in one second are two.
        commit: the commit that is deployed; with -dirty at the end where files differ from it.
        project_commit: likewise the project's own; empty in a clone, which is its own project.
        version: the pipeline's.
        webhook_keys: by which the function mail-events takes SendGrid's calls.
        webhook_starts: whether SendGrid's webhook is to be on in the end.
        webhook_differs: whether the run has changed the webhook.
        has_read_quota: whether the quota of CPUs could be read.
        has_paused: whether the run has paused the job.
        promised_versions: the secrets of which a dry run promises a new version, by their names.
    """

    options: Options
    settings: Settings
    client: GoogleClient
    report: Report
    wait: Callable[[float], None]
    stamp: str
    commit: str = ""
    project_commit: str = ""
    version: str = ""
    webhook_keys: str = ""
    webhook_starts: bool = False
    webhook_differs: bool = False
    has_read_quota: bool = False
    has_paused: bool = False
    promised_versions: set[str] = field(default_factory=set)

    def bring(self, declared: Sequence[Declared]) -> None:
        """Bring resources to what is declared; in a dry run, say what would change."""
        steps = plan(declared, read(declared, self.client))
        self.report.found(steps)
        is_deployer = bool(self.settings.deployer) and self.options.deploys and not self.report.only_says
        if is_deployer:
            # The project's policy is an administrator's.
            for each in steps:
                if isinstance(each, PolicyStep) and each.declared.kind == PROJECT:
                    self.report.asks(each)
            steps = [each for each in steps if each.declared.kind != PROJECT]
        self.report.plan += printable(steps)
        names = names_of(steps)
        for each in steps:
            if (request := request_of(each, names)) is not None:
                self.report.planned(request)
            if self.report.only_says:
                self.report.done(each)
        if not self.report.only_says:
            apply(steps, self.client, self.report.done)

    def send(self, request: Request) -> Resource:
        """Send a request that changes something; a dry run says it instead, and gives an empty answer."""
        self.plans(request)
        return {} if self.report.only_says else self.client.send(request)

    def plans(self, request: Request) -> None:
        """Name a request that changes something; the run itself sends it, unless it only says what it would do."""
        self.report.plan.append(printed(request))
        self.report.planned(request)
