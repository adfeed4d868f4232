"""What DEPLOYER may do, who deploys all that an administrator does not: docs/guides/permissions.md has both's roles."""

from collections.abc import Collection

from deployment.engine.declared import Declared
from deployment.engine.google_client import GoogleClient
from deployment.engine.policy import Grant, grants_in, read_request
from deployment.resources.accounts import ACTS_AS, account
from deployment.resources.project import ALWAYS, PROJECT, on_database, project
from deployment.settings import Settings

_SOURCES = "roles/storage.objectUser"
"""For the object that is the lock of a deployment (deployment/lock.py)."""


def deployer(settings: Settings, client: GoogleClient) -> list[Declared]:
    """The roles of DEPLOYER, and that all who were the deployer before have theirs no more."""
    title = f"{settings.prefix}-deployer"
    read = read_request(PROJECT.method("getIamPolicy"), f"projects/{settings.project_id}")
    granted = grants_in(client.read(read) or {})
    former = {each.member for each in granted if each.title == title} - {settings.deployer}
    # Whom the deployer names to Cloud Run, Cloud Scheduler, Pub/Sub and Cloud Build, which ask whether it may act so.
    # https://cloud.google.com/iam/docs/service-accounts-actas
    names = [*settings.deployed, *(["console"] if settings.options.console else []), "scheduler", "events", "build"]
    acts = [
        account(
            settings,
            name,
            Grant(role=ACTS_AS, member=settings.deployer),
            takes_back=lambda grant: grant.role == ACTS_AS and grant.member in former,
            policy_alone=True,
        )
        for name in names
    ]
    # A condition has a title, which tells the roles of a deployer from others that the same member has.
    roles = [
        Grant(role=role, member=settings.deployer, title=title, expression=_expression(settings, role))
        for role in _roles(settings)
    ]
    # The project's last: by them a former deployer is found.
    return [*acts, project(settings, *roles, takes_back=lambda grant: _is_former(grant, roles, former))]


def _is_former(grant: Grant, roles: Collection[Grant], former: Collection[str]) -> bool:
    """Whether it is of a former deployer, or of this one by another condition."""
    return any(
        grant.title == each.title and (grant.member in former or (grant.role, grant.member) == (each.role, each.member))
        for each in roles
    )


def _expression(settings: Settings, role: str) -> str:
    if role == _SOURCES:
        return f'resource.name.startsWith("projects/_/buckets/{settings.sources}/objects/")'
    if role == "roles/datastore.user":
        return on_database(settings, "", role).expression
    if role == "roles/secretmanager.admin":
        # The pipeline's own alone. To make one, or to list them, is a right on the project.
        # https://cloud.google.com/iam/docs/conditions-resource-attributes
        of = [f'resource.type != "secretmanager.googleapis.com/{each}"' for each in ("Secret", "SecretVersion")]
        own = f"projects/{settings.project_number}/secrets/{settings.prefix}-"
        return f'({" && ".join(of)}) || resource.name.startsWith("{own}")'
    return ALWAYS


def _roles(settings: Settings) -> list[str]:
    return [
        # To read policies, those of the project and of accounts, too.
        "roles/iam.securityReviewer",
        "roles/cloudquotas.viewer",
        "roles/datastore.indexAdmin",
        # Those that end in admin, because the deployment says there who may use a resource.
        "roles/secretmanager.admin",
        "roles/pubsub.admin",
        "roles/cloudtasks.admin",
        "roles/run.admin",
        # To upload sources and have them built. https://cloud.google.com/run/docs/deploying-source-code
        "roles/run.sourceDeveloper",
        _SOURCES,
        "roles/cloudscheduler.admin",
        "roles/logging.configWriter",
        "roles/monitoring.editor",
        *(["roles/iap.admin"] if settings.options.console else []),
        *(["roles/firebaserules.admin"] if settings.options.firestore_rules else []),
        # For the test user and the delivery of a smoke test.
        *(["roles/datastore.user"] if settings.options.smoke else []),
    ]
