"""The services of Cloud Run, which the functions and the console are: how they run, and who calls them.

https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services
"""

from collections.abc import Mapping

from deployment.engine.declared import Declared, Kind
from deployment.engine.discovery import Resource
from deployment.engine.policy import Grant
from deployment.settings import Settings

SERVICE = Kind(
    api="run",
    version="v2",
    collection="projects.locations.services",
    id_in="serviceId",
    masks_whole_fields=True,
    operations="projects.locations.operations",
)
REVISION = Kind(api="run", version="v2", collection="projects.locations.services.revisions")
CALLS = "roles/run.invoker"
ANYBODY = ("allUsers", "allAuthenticatedUsers")

_CALLERS = {
    # Cloud Tasks brings the rest of a long run.
    "dispatcher": ("scheduler", "tasks"),
    "worker": ("tasks",),
    "dlq-handler": ("events",),
}
"""The accounts by which a function is called. The services of the team call the API (API_CALLERS). Everybody can call
the others, which know by themselves whom they listen to: recipients by their link, the email provider by its
signature."""

_SECONDS = {"dispatcher": 1800, "console": 300}
"""The timeout of a service. A dispatcher's run may take as long as Cloud Scheduler and Cloud Tasks wait; a report's
task is given up after two minutes (functions/shared/queues/retry_policy.py)."""
_OTHER_SECONDS = 120
_DATABASES = "cloudsql"


def what_of(settings: Settings, name: str) -> str:
    """How the lines of a run name the service of a function such as worker, or of the console."""
    return f"{'console' if name == 'console' else 'function'} {settings.function(name)}"


def configuration(
    settings: Settings, name: str, *, variables: Mapping[str, str], secrets: Mapping[str, str]
) -> Resource:
    """How a service runs, but for its image, with its variables and the numbers of the versions of its secrets."""
    size, is_console = settings.sizes[name], name == "console"
    has_databases = name == "worker" and bool(settings.kind_instances)
    env: list[Resource] = [{"name": variable, "value": value} for variable, value in variables.items()]
    for variable, version in secrets.items():
        reference = {"secret": settings.secret(variable), "version": version}
        env.append({"name": variable, "valueSource": {"secretKeyRef": reference}})
    return {
        "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY" if name in _CALLERS else "INGRESS_TRAFFIC_ALL",
        "invokerIamDisabled": False,
        "iapEnabled": is_console,
        # Tokens for these would be taken, too.
        "customAudiences": [],
        # The service's own limits hold for all revisions that share its traffic, those of a revision would add up. But
        # a revision has 100 instances at most unless it is told.
        # https://cloud.google.com/run/docs/configuring/max-instances
        "scaling": {"minInstanceCount": size.min_instances, "maxInstanceCount": size.max_instances},
        "template": {
            "serviceAccount": settings.account(name),
            "timeout": f"{_SECONDS.get(name, _OTHER_SECONDS)}s",
            "maxInstanceRequestConcurrency": size.concurrency,
            "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
            **({"encryptionKey": settings.kms_key} if settings.kms_key else {}),
            "vpcAccess": _network(settings),
            "volumes": [_databases(settings)] if has_databases else [],
            "scaling": {"minInstanceCount": 0, "maxInstanceCount": size.max_instances},
            "containers": [
                {
                    "command": [],
                    "args": [],
                    "env": sorted(env, key=lambda each: str(each["name"])),
                    "volumeMounts": [{"name": _DATABASES, "mountPath": "/cloudsql"}] if has_databases else [],
                    "resources": {
                        "limits": {"cpu": str(size.cpu), "memory": size.memory},
                        # Work that goes on between requests, such as replaying, needs a CPU then.
                        "cpuIdle": not is_console,
                        "startupCpuBoost": True,
                    },
                }
            ],
        },
    }


def _network(settings: Settings) -> Resource | None:
    """The network that calls go through; None if the settings name none.
    https://cloud.google.com/run/docs/configuring/vpc-direct-vpc"""
    named = {"network": settings.vpc_network, "subnetwork": settings.vpc_subnet}
    interface = {key: name for key, name in named.items() if name}
    egress = settings.vpc_egress.upper().replace("-", "_")
    return {"egress": egress, "networkInterfaces": [interface], "connector": None} if interface else None


def _databases(settings: Settings) -> Resource:
    """The sockets of Cloud SQL. https://cloud.google.com/sql/docs/postgres/connect-run"""
    names = [f"{settings.project_id}:{settings.region}:{name}" for name in settings.kind_instances]
    return {"name": _DATABASES, "cloudSqlInstance": {"instances": names}}


def callers(settings: Settings) -> list[Declared]:
    return [
        service(settings, name, *(Grant(role=CALLS, member=each) for each in _members(settings, name)))
        for name in settings.wanted
    ]


def _members(settings: Settings, name: str) -> list[str]:
    if name == "api":
        return [f"serviceAccount:{each}" for each in settings.api_callers]
    return [settings.member(each) for each in _CALLERS[name]] if name in _CALLERS else ["allUsers"]


def service(settings: Settings, name: str, *grants: Grant) -> Declared:
    """Who may call a service, and who may see which image it runs: those who deploy it in another environment."""
    own = settings.function(name)
    sees = [Grant(role="roles/run.viewer", member=each) for each in settings.image_readers]
    return Declared(
        what=what_of(settings, name),
        kind=SERVICE,
        parent=settings.place,
        id=own,
        grants=(*grants, *sees),
        # Whom API_CALLERS names no more calls no more.
        takes_back=lambda grant: grant.role == CALLS and (grant.member in ANYBODY or name == "api"),
        in_gcloud=f"run services {own} --region={settings.region}",
        policy_alone=True,
    )
