"""Service accounts: one for each function, one each for the tokens of Cloud Scheduler, Cloud Tasks and Pub/Sub, and one
for builds, which has a repository for its images.

Here are the roles that the project, an account or the repository grants; others are declared with what they are on.
docs/guides/permissions.md says who may do what, and why.
"""

from collections.abc import Callable
from dataclasses import replace

from deployment.engine.declared import Declared, Kind
from deployment.engine.policy import Grant
from deployment.resources.encryption import other_key
from deployment.resources.project import google_account, kind_roles, on_copies, on_database, project, within
from deployment.settings import Settings

ACCOUNT = Kind(api="iam", version="v1", collection="projects.serviceAccounts", id_in="accountId")
REPOSITORY = Kind(
    api="artifactregistry",
    version="v1",
    collection="projects.locations.repositories",
    id_in="repositoryId",
    operations="projects.locations.operations",
)
ACTS_AS = "roles/iam.serviceAccountUser"

ACCOUNTS = {
    "dispatcher": "dispatcher",
    "worker": "worker",
    "dlq-handler": "DLQ handler",
    "mail-events": "mail events",
    "preferences": "the recipient's page",
    "api": "the API",
    "scheduler": "Cloud Scheduler calls the dispatcher",
    "tasks": "Cloud Tasks calls the worker",
    "events": "Pub/Sub calls the DLQ handler",
    "build": "builds the functions",
    "console": "the console",
}
"""What each account is for."""
_SIGNS_BY_ITSELF = "2021-04-09"
"""In projects from this day on, Pub/Sub's own account may sign tokens by its service agent role."""


def accounts(settings: Settings) -> list[Declared]:
    # Each of them works in the project by this role alone. Google makes them when an interface is enabled, or first
    # used, and grants the role a while after that: until then no image is pulled, and no token signed.
    # https://cloud.google.com/iam/docs/create-service-agents
    apis = ("cloudbuild", "run", "cloudtasks", "cloudscheduler", "pubsub")
    agents = {api: google_account(settings, api) for api in apis}
    builds = settings.member("build")
    # Up to version 0.2.0 sources were in a bucket that all of a project shared.
    shared_sources = f"{settings.prefix}-run-sources"
    # Who makes a task with a token must be allowed to act as the token's account.
    # https://cloud.google.com/tasks/docs/creating-http-target-tasks#token
    makes_tasks = [Grant(role=ACTS_AS, member=settings.member(name)) for name in settings.task_makers]
    of_worker = Grant(role=ACTS_AS, member=settings.member("worker"))
    # Pub/Sub signs the token with which it pushes dead letters. Its account may do so by its own role, unless it is
    # older than that. https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
    signs = Grant(role="roles/iam.serviceAccountTokenCreator", member=agents["pubsub"][0])
    is_old = "" < settings.project_created <= _SIGNS_BY_ITSELF
    return [
        *(account(settings, name) for name in (*settings.deployed, "scheduler", "build")),
        account(settings, "tasks", *makes_tasks, takes_back=lambda grant: grant == of_worker),
        replace(
            account(settings, "events", *([signs] if is_old else []), takes_back=lambda grant: grant == signs),
            # By then there is the account that signs.
            after=("the project",),
        ),
        project(
            settings,
            *(on_database(settings, name, "roles/datastore.user") for name in settings.deployed),
            *kind_roles(settings),
            *_archive_roles(settings),
            # https://cloud.google.com/run/docs/configuring/services/build-service-account
            Grant(role="roles/logging.logWriter", member=builds),
            Grant(
                role="roles/storage.objectViewer",
                member=builds,
                title=f"{settings.prefix}-sources",
                expression=within(f"projects/_/buckets/{settings.sources}"),
            ),
            *(Grant(role=f"roles/{api}.serviceAgent", member=member) for api, (member, _) in agents.items()),
            takes_back=lambda grant: grant.title == shared_sources,
            asked_first=dict(agents.values()),
        ),
    ]


def account(
    settings: Settings,
    name: str,
    *grants: Grant,
    takes_back: Callable[[Grant], bool] | None = None,
    policy_alone: bool = False,
) -> Declared:
    address = settings.account(name)
    return Declared(
        what=f"service account {settings.prefix}-{name}",
        kind=ACCOUNT,
        parent=f"projects/{settings.project_id}",
        id=address,
        listed_in=f"projects/{settings.project_id}",
        at_first={"displayName": f"Report pipeline: {ACCOUNTS[name]}"},
        fields={"disabled": None},
        grants=grants,
        takes_back=takes_back,
        policy_alone=policy_alone,
        in_gcloud=f"iam service-accounts {address}",
    )


def repository(settings: Settings) -> list[Declared]:
    name = f"{settings.prefix}-functions"
    return [
        Declared(
            what=f"image repository {name}",
            kind=REPOSITORY,
            parent=settings.place,
            id=name,
            at_first={
                "format": "DOCKER",
                "description": "Images of the report pipeline's functions",
                **({"kmsKeyName": settings.kms_key} if settings.kms_key else {}),
            },
            left_alone=lambda actual: other_key(
                settings,
                f"the image repository {name}",
                actual.get("kmsKeyName"),
                "Delete it, and run this again: the images are built again.",
            ),
            grants=(
                Grant(role="roles/artifactregistry.writer", member=settings.member("build")),
                *(Grant(role="roles/artifactregistry.reader", member=member) for member in settings.image_readers),
            ),
            in_gcloud=f"artifacts repositories {name} --location={settings.region}",
        )
    ]


def no_roles(settings: Settings) -> list[Declared]:
    """That the project grants the accounts nothing, nor a deployer: a deleted account would stay in its policy as
    deleted:serviceAccount:…."""
    ours = {settings.member(name) for name in ACCOUNTS}
    deployer = f"{settings.prefix}-deployer"
    return [project(settings, takes_back=lambda grant: grant.member in ours or grant.title == deployer)]


def no_accounts(settings: Settings) -> list[Declared]:
    return [account(settings, name).gone() for name in ACCOUNTS]


def _archive_roles(settings: Settings) -> list[Grant]:
    if settings.archive != "on":
        return []
    roles = {"worker": "objectUser", "preferences": "objectViewer", "api": "objectViewer"}
    return [
        on_copies(settings, name, f"roles/storage.{role}") for name, role in roles.items() if name in settings.deployed
    ]
