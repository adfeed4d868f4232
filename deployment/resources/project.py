"""Who may do what on the project itself: its policy."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from deployment.engine.declared import Declared, Kind
from deployment.engine.discovery import Request, method
from deployment.engine.policy import Grant
from deployment.settings import Settings

PROJECT = Kind(api="cloudresourcemanager", version="v3", collection="projects")

ALWAYS = 'request.time >= timestamp("2000-01-01T00:00:00Z")'
"""The expression of a condition that is there for its title."""


def project(
    settings: Settings,
    *grants: Grant,
    takes_back: Callable[[Grant], bool] | None = None,
    asked_first: Mapping[str, Request] = MappingProxyType({}),
) -> Declared:
    return Declared(
        what="the project",
        kind=PROJECT,
        parent="",
        id=settings.project_id,
        grants=grants,
        takes_back=takes_back,
        where=lambda grant: _where(settings, grant.title),
        asked_first=asked_first,
        in_gcloud=f"projects {settings.project_id}",
        policy_alone=True,
    )


def database_title(prefix: str, database: str) -> str:
    """The title of the condition by which a pipeline's accounts have a database."""
    return f"{prefix}-database" if database == "(default)" else f"{prefix}-database-{database}"


def on_database(settings: Settings, account: str, role: str) -> Grant:
    """A role on the database alone: a project can have several.
    https://cloud.google.com/firestore/native/docs/manage-databases#per-database-access"""
    return Grant(
        role=role,
        member=settings.member(account),
        title=database_title(settings.prefix, settings.firestore_database),
        expression=f'resource.name=="{settings.database_name}"',
    )


def google_account(settings: Settings, api: str) -> tuple[str, Request]:
    """A service's own account in the project, and the request that has Google make it, which otherwise does so when the
    service is first used, or a while after that."""
    asked = method("serviceusage", "v1beta1", "services.generateServiceIdentity").request(
        f"projects/{settings.project_id}/services/{api}.googleapis.com"
    )
    return of_google(settings, "serverless-robot-prod" if api == "run" else f"gcp-sa-{api}"), asked


def of_google(settings: Settings, domain: str) -> str:
    """A service's own account in the project, as the member of a policy. https://cloud.google.com/iam/docs/service-agents"""
    return f"serviceAccount:service-{settings.project_number}@{domain}.iam.gserviceaccount.com"


def kind_roles(settings: Settings) -> list[Grant]:
    """The roles of the worker that kinds of report declare in their files needs.yaml (docs/guides/python-reports.md).

    A role on a dataset, a bucket or an instance is granted on the project, with a condition that names the resource: so
    all of them are in one policy, also those that no kind declares any more.
    https://cloud.google.com/bigquery/docs/conditions"""
    roles = dict.fromkeys(role for needs in settings.kinds.values() for role in needs.roles)
    return [_kind_role(settings, each.role, each.on, each.name) for each in roles]


def _kind_role(settings: Settings, role: str, on: str, name: str) -> Grant:
    resource = {
        "dataset": f"projects/{settings.project_id}/datasets/{name}",
        "bucket": f"projects/_/buckets/{name}",
        # https://cloud.google.com/sql/docs/postgres/iam-conditions
        "instance": f"projects/{settings.project_id}/instances/{name}",
    }.get(on)
    return Grant(
        role=role,
        member=settings.member("worker"),
        title=f"{settings.prefix}-kinds{f'-{on}-{name}' if resource else ''}",
        expression=within(resource) if resource else ALWAYS,
    )


def on_copies(settings: Settings, account: str, role: str) -> Grant:
    """A role on the archive's bucket alone (deployment/buckets.py)."""
    where = within(f"projects/_/buckets/{settings.copies}")
    return Grant(role=role, member=settings.member(account), title=f"{settings.prefix}-archive", expression=where)


def within(resource: str) -> str:
    """A condition: a resource, and what is in it."""
    return f'resource.name == "{resource}" || resource.name.startsWith("{resource}/")'


def superfluous_roles(settings: Settings, users: Collection[str]) -> list[Declared]:
    """That the project grants no more what only the revisions before needed: the databases that the settings named
    before, and what no kind declares any more."""
    own = database_title(settings.prefix, settings.firestore_database)
    members = {settings.member(name) for name in users}
    declared = set(kind_roles(settings))

    def is_superfluous(grant: Grant) -> bool:
        if _is_named(grant.title, f"{settings.prefix}-database"):
            return grant.title != own and grant.member in members
        if grant.title == f"{settings.prefix}-archive" and settings.archive != "on":
            return grant.member in members
        is_of_kind = _is_named(grant.title, f"{settings.prefix}-kinds") and grant.member == settings.member("worker")
        return is_of_kind and grant not in declared and "worker" in settings.wanted

    return [project(settings, takes_back=is_superfluous)]


def _is_named(title: str, name: str) -> bool:
    return title == name or title.startswith(f"{name}-")


def _where(settings: Settings, title: str) -> str:
    """What a grant is on, as people say it."""
    if title.startswith(kinds := f"{settings.prefix}-kinds-"):
        return title.removeprefix(kinds).replace("-", " ", 1)
    if _is_named(title, databases := f"{settings.prefix}-database"):
        return f"the database {title.removeprefix(databases).removeprefix('-') or '(default)'}"
    return "the project"
