"""The functions: compared with what runs, and deployed side by side where something differs."""

from deployment import webhooks
from deployment.cloud_run.builds import Source
from deployment.cloud_run.comparison import Wanted
from deployment.cloud_run.other_environment import image_of
from deployment.cloud_run.running import is_there, remove_service, running_variable
from deployment.cloud_run.service import deploy_services
from deployment.cloud_run.sources import Files, function_source
from deployment.engine.discovery import Resource
from deployment.resources.environment import environment, secret_variables
from deployment.resources.project import superfluous_roles
from deployment.resources.secrets import former_readers
from deployment.resources.services import callers, configuration
from deployment.run import Run
from deployment.secret_values import version


def set_up_functions(run: Run) -> None:
    run.report.step("functions", "Functions")
    if run.settings.mail_provider == "smtp":
        run.report.say("  a mail server reports nothing about emails: the function mail-events is not deployed")
    if run.settings.mail_events == "off" and run.options.only in {"", "functions", "mail-events"}:
        _remove_mail_events(run)
    if "api" not in run.settings.deployed and run.options.only in {"", "functions", "api"}:
        remove_service(run, "api")
    running = running_variable(run, "worker", "MAIL_PROVIDER") if "worker" in run.settings.wanted else ""
    if "mail-events" in run.settings.wanted:
        webhooks.set_up_webhook(run)
    wanted = [_function(run, name) for name in run.settings.wanted]
    changed = deploy_services(run, wanted)
    run.bring(callers(run.settings))
    if "mail-events" in run.settings.wanted:
        webhooks.start_webhook(run, differs="mail-events" in changed)
    if not run.options.canary:
        _take_back(run, running)


def wanted_service(run: Run, name: str, files: Files, *, function: str = "", canary: int = 0) -> Wanted:
    """A function, or the console, as it is to be, with its entry point if it has one."""
    settings = run.settings
    secrets = [variable for variable in secret_variables(settings, name) if version(run, variable)]

    def configure() -> Resource:
        return configuration(
            settings,
            name,
            variables=environment(settings, name, webhook_keys=run.webhook_keys),
            secrets={variable: version(run, variable) for variable in secrets},
        )

    source = Source(service=settings.function(name), files=files, function=function)
    image = image_of(run, name, source)
    return Wanted(name=name, source=source, image=image, configure=configure, canary=canary)


def _function(run: Run, name: str) -> Wanted:
    # The Python names have underscores, Google's have hyphens.
    function = name.replace("-", "_")
    files = function_source(run.settings.root, function, run.settings.project)
    return wanted_service(run, name, files, function=function, canary=run.options.canary)


def _remove_mail_events(run: Run) -> None:
    if is_there(run, "mail-events"):
        webhooks.remove_webhook(run, run.settings.mail_provider)
        remove_service(run, "mail-events")


def _take_back(run: Run, running: str) -> None:
    """What only the revisions before needed, whose email provider is `running`."""
    # Alone, the step may not have granted the database that the functions now need.
    users = () if run.options.only else run.settings.deployed
    run.bring([*superfluous_roles(run.settings, users), *former_readers(run.settings, run.client)])
    if running and running != run.settings.mail_provider:
        webhooks.warn_of_change(run, running)
        webhooks.remove_webhook(run, running)
