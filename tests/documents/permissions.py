"""Who may do what, for docs/guides/permissions.md: what the declared resources grant, each with why it does so."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from types import SimpleNamespace

import requests

from deployment.engine.declared import Declared
from deployment.engine.google_client import GoogleClient
from deployment.engine.policy import Grant
from deployment.options import Options
from deployment.resources.accounts import accounts, repository
from deployment.resources.console import console_account, console_callers, console_roles
from deployment.resources.deployer import deployer
from deployment.resources.queues import queues
from deployment.resources.secrets import OF_PROVIDERS, OWN, readers
from deployment.resources.services import callers
from deployment.resources.topics import topics
from deployment.settings import SECRETS, Settings, settings_of
from tests.documents.generated_parts import table
from tests.support import REPOSITORY

_NOW = datetime(2026, 11, 24, tzinfo=UTC)
"""What is granted is the same on each day."""

_DEPLOYER = "user:deployer"
_SETTINGS = {
    "PROJECT_ID": "PROJECT",
    "REGION": "REGION",
    "MAIL_FROM": "a@b.c",
    "CONSOLE_OPERATORS": "a@b.c",
    "API_CALLERS": "app@b.gserviceaccount.com",
    "IMAGE_READERS": "group:images@b.c",
}
_VARIANTS = (
    {"MAIL_PROVIDER": "sendgrid", "RAMP_START": "2126-01-01", "ARCHIVE": "on", "OUTCOMES": "on"},
    {"MAIL_PROVIDER": "resend", "ON_UNKNOWN_OUTCOME": "resend-if-absent"},
    {"MAIL_PROVIDER": "smtp"},
)
"""Settings with which somebody gets a role that they do not have with the others."""

_OWNERS = {
    "allUsers": "everybody (`allUsers`)",
    "serviceAccount:app": "who is in [`API_CALLERS`](api.md#who-may-call)",
    "cloudbuild": "Cloud Build's own",
    "cloudscheduler": "Cloud Scheduler's own",
    "cloudtasks": "Cloud Tasks' own",
    "group:images": "who is in [`IMAGE_READERS`](environments.md#several-environments)",
    "iap": "Identity-Aware Proxy's own",
    "pubsub": "Pub/Sub's own",
    "serverless-robot-prod": "Cloud Run's own",
}
_WHY = {
    "dispatcher": {
        "datastore.user": "reads which subscriptions are due, enrolls users, moves subscriptions on, writes runs and "
        "overdue deliveries",
        "cloudtasks.enqueuer": "makes tasks",
        "cloudtasks.viewer": "reads the retry settings, whether the queue is paused, and whether it still holds a task",
        "cloudtasks.queueAdmin": "only while `RAMP_START` is set and the ramp is not over: sets the queue's rate each "
        "day. With this role the account may also pause, purge and delete the queue: Google has none with "
        "`cloudtasks.queues.update` alone",
        "iam.serviceAccountUser": "a task's token is for that account",
        "pubsub.publisher": "dead letters for reports that were lost, and [outcomes](outcomes.md)",
        "secretmanager.secretAccessor": "with SendGrid, its statistics for the "
        "[breaker](deliverability.md#when-recipients-complain-the-breaker)",
    },
    "worker": {
        "datastore.user": "reads users, their subscriptions and their data, moves and pauses subscriptions; delivery "
        "records; reads mail events",
        "pubsub.publisher": "dead letters and [outcomes](outcomes.md)",
        "cloudtasks.enqueuer": "with [`ON_UNKNOWN_OUTCOME=resend-if-absent`]"
        "(mail-events.md#sending-again-what-is-absent): makes the task that decides later",
        "iam.serviceAccountUser": "likewise: a task's token is for that account",
        "storage.objectUser": "with [`ARCHIVE`](archive.md): keeps the copies of the emails",
        "secretmanager.secretAccessor": "that of the email provider, the keys of links, and the secrets that kinds of "
        "report need",
    },
    "dlq-handler": {
        "datastore.user": "keeps dead letters and alerts, reads deliveries and mail events",
        "secretmanager.secretAccessor": "the channels, and the secrets that are owners of kinds",
    },
    "mail-events": {
        "datastore.user": "keeps what the email provider says about emails, settles deliveries and dead letters, and "
        "pauses subscriptions",
        "pubsub.publisher": "tells people through the DLQ handler, and [outcomes](outcomes.md)",
        "secretmanager.secretAccessor": "with Resend, which signs with it",
    },
    "preferences": {
        "datastore.user": "the recipient's page reads and changes subscriptions",
        "storage.objectViewer": "with [`ARCHIVE`](archive.md): shows the copy of an email",
        "secretmanager.secretAccessor": "checks the links",
    },
    "api": {
        "datastore.user": "reads and changes subscriptions, reads deliveries and mail events, notes a report that "
        "it is asked to send",
        "cloudtasks.enqueuer": "makes the task of a report that it is asked to send",
        "storage.objectViewer": "with [`ARCHIVE`](archive.md): returns the copy of a report",
        "iam.serviceAccountUser": "a task's token is for that account",
        "secretmanager.secretAccessor": "makes links to the recipient's page",
    },
    "serviceAccount:app": {"run.invoker": "the team's services call the API"},
    "scheduler": {"run.invoker": "Cloud Scheduler calls with its token"},
    "tasks": {"run.invoker": "Cloud Tasks calls with its token: reports, and the rest of a long run"},
    "events": {"run.invoker": "Pub/Sub calls with its token"},
    "build": {
        "artifactregistry.writer": "the images",
        "logging.logWriter": "the builds' logs",
        "storage.objectViewer": "what is built is uploaded there",
    },
    "console": {
        "datastore.viewer": "all pages",
        "datastore.user": "with operators: what they change, and the action log",
        "cloudtasks.viewer": "what waits, and why",
        "cloudtasks.enqueuer": "with operators: replay and send",
        "cloudtasks.taskRunner": "with operators: run a task",
        "cloudtasks.taskDeleter": "with operators: erase what waits for a user",
        "cloudtasks.queueAdmin": "with operators: pause and set the queue",
        "iam.serviceAccountUser": "with operators: the token of the tasks that they make",
        "storage.objectUser": "with operators and [`ARCHIVE`](archive.md): shows what was sent, and erases it",
        "run.viewer": "the settings that they run with, such as the sender",
        "secretmanager.secretAccessor": "the tokens of the forms; with operators, a test email",
    },
    "allUsers": {"run.invoker": "the email provider calls the one, recipients and mailbox providers the other"},
    "group:images": {
        "artifactregistry.reader": "deploys the images to another environment",
        "run.viewer": "sees which ones",
    },
    "cloudbuild": {"cloudbuild.serviceAgent": "Google grants it some time after the API is on"},
    "cloudscheduler": {"cloudscheduler.serviceAgent": "as above"},
    "cloudtasks": {"cloudtasks.serviceAgent": "as above"},
    "iap": {"run.invoker": "lets in whom the settings name"},
    "pubsub": {
        "pubsub.serviceAgent": "as above",
        "iam.serviceAccountTokenCreator": "in a project that is [older than April 9, "
        "2021](https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions): signs what the subscription "
        "pushes; in newer projects its service agent role allows that",
        "pubsub.publisher": "[forwards](https://cloud.google.com/pubsub/docs/dead-letter-topics) what cannot be "
        "delivered",
        "pubsub.subscriber": "takes it out of there",
    },
    "serverless-robot-prod": {"run.serviceAgent": "as above: pulls the images"},
}
_WHY_OF_DEPLOYER = {
    "iam.serviceAccountUser": "[acts as](https://cloud.google.com/iam/docs/service-accounts-actas) the account that it "
    "names to Cloud Run, Cloud Scheduler, Pub/Sub and Cloud Build",
    "iam.securityReviewer": "reads all policies, to see whether something differs",
    "cloudquotas.viewer": "reads [the quota](deployment.md#cpus)",
    "datastore.indexAdmin": "indexes and TTL policies. It reads no documents",
    "secretmanager.admin": "makes secrets and versions, reads the latest one to see whether a value is new, and says "
    "which function reads it",
    "pubsub.admin": "topics and Pub/Sub subscriptions, and who publishes",
    "cloudtasks.admin": "queues, and who makes tasks",
    "run.admin": "services and their traffic, and who calls them",
    "run.sourceDeveloper": "[deploys from source](https://cloud.google.com/run/docs/deploying-source-code)",
    "storage.objectUser": "uploads and replaces sources, and takes the [lock](deployment.md#two-at-once) of a "
    "deployment",
    "cloudscheduler.admin": "the job",
    "logging.configWriter": "log-based metrics",
    "monitoring.editor": "alert policies, notification channels, the dashboard, and what a canary's requests end in",
    "iap.admin": "who opens the console",
    "firebaserules.admin": "Firestore's rules",
    "datastore.user": "the test user, and whether its report was sent",
}
_OPTIONS = {
    "": Options(),
    "--console": Options(console=True),
    "--firestore-rules": Options(firestore_rules=True),
    "--smoke": Options(smoke=True),
}


def accounts_part(_part: str) -> str:
    """The table of the pipeline's own accounts, and of Google's."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for declared, grant in (each for variant in _VARIANTS for each in _granted(_settings(variant))):
        if not grant.title.startswith("report-kinds"):
            role = grant.role.removeprefix("roles/")
            found.setdefault((_name(grant.member), role), {})[_on(declared, grant)] = None
    rows: list[tuple[str, str, str, str]] = []
    for name, whys in _WHY.items():
        for role in whys:
            on = _together(found.pop((name, role)))
            label = _OWNERS.get(name, f"`report-{name}`{', with `--console`' if name == 'console' else ''}")
            rows.append(("" if rows and label in (row[0] for row in rows) else label, f"`{role}`", on, whys[role]))
        if name == "worker":
            by = "by a [condition](https://cloud.google.com/bigquery/docs/conditions)"
            on = f"the project, or {by} a dataset, a bucket or an instance of Cloud SQL"
            needs = "[`needs.yaml`](python-reports.md#what-a-kind-needs)"
            rows.append(("", "what kinds of report need", on, needs))
    if found:
        raise ValueError(f"say in _WHY why these are granted: {[*found]}")
    return table(("account", "role", "on", "why"), rows)


def deployer_part(_part: str) -> str:
    """The table of the deployer's roles."""
    found: dict[str, list[str]] = {}
    for only, options in _OPTIONS.items():
        settings = _settings({"DEPLOYER": _DEPLOYER, "MAIL_PROVIDER": "sendgrid"}, options)
        for declared in deployer(settings, _client()):
            for grant in declared.grants:
                role = grant.role.removeprefix("roles/")
                if only and role in found and role != "iam.serviceAccountUser":
                    continue
                on = _on(declared, grant)
                found.setdefault(role, []).append(f"{on}, only with `{only}`" if only else on)
    found["iam.serviceAccountUser"] = ["all of the pipeline's accounts but `report-tasks`"]
    rows = [(f"`{role}`", _together(dict.fromkeys(on)), _WHY_OF_DEPLOYER[role]) for role, on in found.items()]
    return table(("role", "on", "why"), rows)


PARTS = {"accounts": accounts_part, "deployer": deployer_part}


def _settings(variant: dict[str, str], options: Options | None = None) -> Settings:
    given = {**_SETTINGS, **variant}
    settings, _ = settings_of(given, root=REPOSITORY, options=options or Options(console=True), kinds={}, now=_NOW)
    names = tuple(settings.secret(name) for name in dict.fromkeys((*SECRETS, *OF_PROVIDERS, *OWN)))
    # Of a time when Pub/Sub's account needed one role more.
    found = {"project_number": "NUMBER", "project_created": "2020-01-01", "secrets_to_be": names}
    return settings.model_copy(update=found)


def _client() -> GoogleClient:
    """Of a project that has nothing yet."""
    answer = requests.Response()
    answer.status_code, answer._content = HTTPStatus.OK, b'{"name": "N", "etag": "E", "projectNumber": "1"}'
    session = SimpleNamespace(request=lambda *_, **__: answer)
    return GoogleClient(session, "PROJECT", now=lambda: _NOW)  # type: ignore[arg-type]


def _granted(settings: Settings) -> Iterator[tuple[Declared, Grant]]:
    client = _client()
    for declared in (
        *accounts(settings),
        *repository(settings),
        *readers(settings, client),
        *topics(settings),
        *queues(settings, _NOW.date()),
        *callers(settings),
        *console_account(settings),
        *console_roles(settings, client),
        *console_callers(settings),
    ):
        # Who opens the console is a person.
        yield from ((declared, grant) for grant in declared.grants if not grant.member.startswith("user:"))


def _name(member: str) -> str:
    if agent := re.search(r"service-\w+@(?:gcp-sa-)?([\w-]+)\.", member):
        return agent[1]
    return member.partition("@")[0].removeprefix("serviceAccount:report-")


def _on(declared: Declared, grant: Grant) -> str:
    """What a grant is on: the sort and the name."""
    if "/databases/" in grant.expression:
        href = "https://cloud.google.com/firestore/native/docs/manage-databases#per-database-access"
        return f"the database, by a [condition]({href})"
    if "/secrets/" in grant.expression:
        href = "https://cloud.google.com/iam/docs/conditions-resource-attributes"
        return f"the secrets `report-…`, by a [condition]({href})"
    if bucket := re.search(r'/buckets/([^/"]+)', grant.expression):
        return f"the bucket `{bucket[1]}`, by a condition"
    sort, _, name = declared.what.rpartition(" ")
    if declared.what == "the project":
        return "the project"
    return f"{sort.replace('subscription', 'Pub/Sub subscription')} `{name}`"


def _together(on: dict[str, None]) -> str:
    """One after the other, the sort only where it is another than that of the one before."""
    words: list[str] = []
    before = ""
    for each in on:
        sort, has_name, name = each.partition(" `")
        words.append(f"`{name}" if has_name and sort == before else each)
        before = sort
    return ", ".join(words)
