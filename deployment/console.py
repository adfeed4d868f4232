"""The console: a service of its own behind Identity-Aware Proxy, with --console only. docs/guides/console.md says who
may do what there."""

import secrets
from functools import partial

from deployment.cloud_run.service import deploy_services
from deployment.cloud_run.sources import console_source
from deployment.functions import wanted_service
from deployment.resources.console import console_callers, console_roles
from deployment.resources.project import superfluous_roles
from deployment.resources.secrets import readers
from deployment.run import Run
from deployment.secret_values import ensure, version
from deployment.settings import RUNTIME

_KEY = "CONSOLE_KEY"


def set_up_console(run: Run) -> None:
    run.report.step("console", "Console")
    run.bring(console_roles(run.settings, run.client))
    # The key of the forms: made once, so that a form holds when another instance takes it.
    if not version(run, _KEY):
        ensure(run, _KEY, partial(str, secrets.token_urlsafe(32)))
    run.bring(readers(run.settings, run.client))
    source = console_source(run.settings.root, RUNTIME, run.settings.project)
    deploy_services(run, [wanted_service(run, "console", source)])
    run.bring([*console_callers(run.settings), *superfluous_roles(run.settings, ("console",))])
