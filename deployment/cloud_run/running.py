"""What runs on Cloud Run: a service as it is there."""

from deployment.engine.declared import Kind
from deployment.engine.discovery import Request, Resource
from deployment.resources.services import SERVICE, what_of
from deployment.run import Run

FUNCTION = Kind(
    api="cloudfunctions",
    version="v2",
    collection="projects.locations.functions",
    operations="projects.locations.operations",
)
"""A function of Cloud Functions, where older versions deployed: it has a service of the same name."""

_SECONDS_BETWEEN = 2.0
_LOOKS_AT_SERVICE = 300


def read_service(run: Run, name: str) -> Resource | None:
    """The service of a function such as worker, or of the console; None where it is not there."""
    service = f"{run.settings.place}/services/{run.settings.function(name)}"
    return run.client.read_if_there(SERVICE.method("get").request(service))


def settled_service(run: Run, name: str) -> Resource | None:
    """A service, once nothing is being done to it."""
    service = read_service(run, name)
    for _ in range(_LOOKS_AT_SERVICE):
        if service is None or not service.get("reconciling"):
            break
        run.wait(_SECONDS_BETWEEN)
        service = read_service(run, name)
    return service


def is_there(run: Run, name: str) -> bool:
    """Whether a service is there."""
    return read_service(run, name) is not None


def running_variable(run: Run, name: str, variable: str) -> str:
    """The value that a service has for a variable; empty where there is none."""
    service = read_service(run, name) or {}
    env = [each for one in service.get("template", {}).get("containers", []) for each in one.get("env", [])]
    return next((str(each.get("value", "")) for each in env if each["name"] == variable), "")


def remove_service(run: Run, name: str) -> None:
    """Plan to remove a service, if it is there."""
    service = read_service(run, name)
    if service is not None:
        kind, target = SERVICE, service["name"]
        if is_of_cloud_functions(run, service):
            kind, target = FUNCTION, _function_of(service)
        what, request = what_of(run.settings, name), kind.method("delete").request(target)
        run.act([("removed", what)], [request], lambda: run.client.await_end(kind, run.client.send(request)), what=what)


def is_of_cloud_functions(run: Run, service: Resource) -> bool:
    """Whether `gcloud functions deploy` has made the service, and Cloud Functions still has it. The label alone does
    not tell: it may outlive the function, and the API may be off by then."""
    if "goog-managed-by" not in service.get("labels", {}):
        return False
    return run.client.where_off().read_if_there(FUNCTION.method("get").request(_function_of(service))) is not None


def detachment(service: Resource) -> Request:
    """The request that makes a service of Cloud Functions one of Cloud Run alone."""
    return FUNCTION.method("detachFunction").request(_function_of(service), {})


def _function_of(service: Resource) -> str:
    return str(service["name"]).replace("/services/", "/functions/")
