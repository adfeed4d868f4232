"""Who calls the functions. The services themselves are deployment/functions.sh's."""

from deployment.engine.declared import Declared, Kind
from deployment.engine.policy import Grant
from deployment.settings import Settings

SERVICE = Kind(api="run", version="v2", collection="projects.locations.services")
CALLS = "roles/run.invoker"
ANYBODY = ("allUsers", "allAuthenticatedUsers")

_CALLERS = {
    # Cloud Tasks brings the rest of a long run.
    "dispatcher": ("scheduler", "tasks"),
    "worker": ("tasks",),
    "dlq-handler": ("events",),
}
"""The accounts by which a function is called. Everybody can call the others, which know by themselves whom they listen
to: recipients by their link, the mail provider by its signature."""


def callers(settings: Settings) -> list[Declared]:
    """Who calls the functions that this run deploys."""
    return [
        service(settings, name, *(Grant(role=CALLS, member=settings.member(each)) for each in _CALLERS[name]))
        if name in _CALLERS
        else service(settings, name, Grant(role=CALLS, member="allUsers"))
        for name in settings.wanted
    ]


def service(settings: Settings, name: str, *grants: Grant) -> Declared:
    """What a service grants: nobody else calls it without an account.

    Args:
        settings: the operator's.
        name: without the prefix, such as worker.
        grants: what it is to grant.
    """
    own = f"{settings.prefix}-{name}"
    return Declared(
        what=f"{'console' if name == 'console' else 'function'} {own}",
        kind=SERVICE,
        parent=settings.place,
        id=own,
        grants=grants,
        takes_back=lambda grant: grant.role == CALLS and grant.member in ANYBODY,
        in_gcloud=f"run services {own} --region={settings.region}",
        policy_alone=True,
    )
