"""Checks everything that a deployment needs before it changes anything. Names all missing things at once."""

import re
import shlex
from collections.abc import Iterator

from deployment.apis import enabled_apis, read_project
from deployment.checkout import wrong_checkout
from deployment.engine.declared import Kind
from deployment.engine.google_error import GoogleError
from deployment.enrollment import require_enrollment
from deployment.kinds import wrong_needs
from deployment.quota import complete_sizes, wrong_quota
from deployment.release import require_undivided_traffic
from deployment.resources.accounts import ACCOUNT, ACCOUNTS
from deployment.resources.budget import billing_of
from deployment.resources.firestore import DATABASE
from deployment.resources.queues import QUEUE, queue_names
from deployment.resources.secrets import OWN
from deployment.resources.topics import SUBSCRIPTION
from deployment.run import Run
from deployment.secret_values import missing_secrets
from deployment.settings import SECRETS, Settings
from deployment.stopped import Stopped

_REGIONAL = {
    "Cloud Run": Kind(api="run", version="v1", collection="projects.locations"),
    "Cloud Tasks": Kind(api="cloudtasks", version="v2", collection="projects.locations"),
    "Cloud Scheduler": Kind(api="cloudscheduler", version="v1", collection="projects.locations"),
}
"""The places of a service. Not all have the same: https://cloud.google.com/about/locations#region"""


def check_everything(run: Run, wrong_settings: list[str]) -> None:
    """Raise Stopped with a line for each thing that is missing or wrong. The settings get what the checks find out."""
    run.report.step("checks", "Checks")
    options = run.options
    missing = list(wrong_settings)
    if options.deploys:
        missing += [*wrong_needs(run.settings), *wrong_checkout(run)]
    if run.settings.project_id:
        missing += wrong_project(run)
        if run.settings.project_number and not options.teardown:
            run.client.on = enabled_apis(run)
        if run.settings.project_number:
            missing += wrong_region(run)
            # Who prepares a project for a deployer may not see what is there.
            missing += [] if options.bootstrap else wrong_place(run)
            if options.deploys:
                missing += [*wrong_prefix(run), *missing_secrets(run)]
    # These need settings that are right.
    if not missing and options.deploys:
        count_queues(run)
    if not missing and options.deploys and options.does("functions"):
        complete_sizes(run)
        missing += wrong_quota(run, warns=False)
    if missing:
        raise Stopped("some things are missing. Nothing was changed.", *(f"- {line}" for line in missing))
    if options.deploys and "dispatcher" in run.settings.wanted:
        require_enrollment(run)
    if options.deploys and options.does("functions"):
        require_undivided_traffic(run)


def wrong_project(run: Run) -> Iterator[str]:
    """A line if the project is not there, or not usable. Sets what the settings have of it."""
    project = run.settings.project_id
    try:
        state = read_project(run)
    except GoogleError as error:
        yield _unreadable(project, error)
        return
    if state not in {"ACTIVE", ""}:
        yield f"Project {project} is being deleted: gcloud projects undelete {project}"
        return
    try:
        billing = billing_of(run.client, project)
    except GoogleError as error:
        run.report.warn(f"whether billing is on could not be read. {_says(error)}")
        return
    if billing is not None and not billing.get("billingEnabled"):
        yield (
            f"Billing is off: gcloud billing projects link {project} --billing-account=ACCOUNT "
            "(gcloud billing accounts list)"
        )


def _unreadable(project: str, error: GoogleError) -> str:
    if error.code == "UNAUTHENTICATED":
        return f"you are not logged in. What to do: {error.to_do(project)} {_says(error)}"
    if error.is_anothers or error.service_usage_is_off:
        return f"Project {project} cannot be read. {error.to_do(project)}. {_says(error)}"
    if error.api_is_off:
        enable = shlex.join(
            ["gcloud", "services", "enable", "cloudresourcemanager.googleapis.com", f"--project={project}"]
        )
        return f"Project {project} cannot be read, since the Resource Manager API is off: {enable}. {_says(error)}"
    return (
        f"Project {project} cannot be read. Either it does not exist (gcloud projects create {project}), or your "
        f"account may not see it (gcloud projects list). {_says(error)}"
    )


def _says(error: GoogleError) -> str:
    return f"Google says: {' '.join(error.message.split())}"


def wrong_region(run: Run) -> Iterator[str]:
    """A line for each service that is not in the region. Asks the services; if that of Cloud Run is not on yet, uses
    the list that is here."""
    settings = run.settings
    known = (settings.folder / "regions.txt").read_text(encoding="utf-8").splitlines()
    for service, kind in _REGIONAL.items() if settings.region else ():
        # Who deploys nothing there may not see them.
        if kind.api != "run" and (run.options.bootstrap or run.options.check or not run.options.deploys):
            continue
        regions = []
        try:
            regions = [each["locationId"] for each in run.client.all_of(kind, f"projects/{settings.project_id}")]
        except GoogleError as error:
            run.report.warn(f"the regions of {service} could not be read. {_says(error)}")
        if not regions and kind.api == "run":
            regions = [line for line in known if not line.startswith("#")]
        if regions and settings.region not in regions:
            yield f"Region {settings.region} is not one of those of {service}; choose one: {' '.join(regions)}"


def wrong_place(run: Run) -> Iterator[str]:
    """A line for each place in which the pipeline is already, and which the settings say is another: two pipelines
    would share accounts, topics and the database. Dead letters, which are in no region, are pushed to one."""
    settings = run.settings
    name = f"projects/{settings.project_id}/subscriptions/{settings.topic}"
    pushed = (run.client.read_if_there(SUBSCRIPTION.method("get").request(name)) or {}).get("pushConfig", {})
    own = re.fullmatch(
        rf"https://{settings.function('dlq-handler')}-\d+\.([^.]+)\.run\.app/.*", pushed.get("pushEndpoint", "")
    )
    if own and settings.region and own[1] != settings.region:
        yield (
            f"REGION: the pipeline {settings.prefix} is in {own[1]}, and not in {settings.region}. "
            f"Set REGION={own[1]}, or another PREFIX and FIRESTORE_DATABASE for a second pipeline; to move this one, "
            f"run --teardown with REGION={own[1]} first, which leaves the database."
        )
    there = run.client.read_if_there(DATABASE.method("get").request(settings.database_name)) or {}
    location = there.get("locationId", settings.firestore_location)
    if "FIRESTORE_LOCATION" in settings.given and location != settings.firestore_location:
        yield (
            f"FIRESTORE_LOCATION: the database {settings.firestore_database} is in {location}, and cannot be moved. "
            f"Set FIRESTORE_LOCATION={location}, or FIRESTORE_DATABASE to a new name."
        )


def wrong_prefix(run: Run) -> Iterator[str]:
    """A line for each other pipeline of the project that would share something, if only by its prefix: the account
    `events` of report-mail is the account `mail-events` of report."""
    settings = run.settings
    for each in run.client.all_of(ACCOUNT, f"projects/{settings.project_id}"):
        other, is_pipeline, _ = each["email"].partition("-dispatcher@")
        update = {"prefix": other, "queue_name": f"{other}s"}
        shared = _names(settings) & _names(settings.model_copy(update=update))
        if is_pipeline and other != settings.prefix and shared:
            first = f"PREFIX: {settings.prefix} would share {min(shared)} with the pipeline {other} of this project"
            yield f"{first}; choose another."


def _names(settings: Settings) -> set[str]:
    """What a pipeline has, by names that could be another's, each once with the sort before it."""
    secrets = map(settings.secret, (*SECRETS, *OWN, *settings.kind_secrets))
    queues = (settings.queue_name, settings.continuations)
    return {
        *(f"the account {settings.function(name)}" for name in ACCOUNTS),
        *(f"the secret {name}" for name in secrets),
        *(f"the queue {name}" for name in queues),
    }


def count_queues(run: Run) -> None:
    """Set the number of queues, where no setting says it: that of the existing queues."""
    settings = run.settings
    names = [each["name"].rpartition("/")[2] for each in run.client.all_of(QUEUE, settings.place)]
    own = settings.queue_name
    existing = [name for name in names if name == own or name.removeprefix(f"{own}-").isdigit()]
    if "QUEUES" not in settings.given:
        run.settings = settings.model_copy(update={"queues": max(len(existing), 1)})
    for name in existing:
        if name not in queue_names(run.settings):
            run.report.warn(
                f"queue {name} gets no more reports. When it is empty: gcloud tasks queues delete {name} "
                f"--location={settings.region}"
            )
