"""What runs on Cloud Run: a service as it is there."""

from deployment.engine.discovery import Resource
from deployment.resources.services import SERVICE, what_of
from deployment.run import Run


def read_service(run: Run, name: str) -> Resource | None:
    """The service of a function such as worker, or of the console; None where it is not there."""
    service = f"{run.settings.place}/services/{run.settings.function(name)}"
    return run.client.read_if_there(SERVICE.method("get").request(service))


def settled_service(run: Run, name: str) -> Resource | None:
    """A service, once nothing is being done to it."""
    service = None
    for _ in run.client.looks(what_of(run.settings, name)):
        service = read_service(run, name)
        if service is None or not service.get("reconciling"):
            break
    return service


def is_there(run: Run, name: str) -> bool:
    return read_service(run, name) is not None


def running_variable(run: Run, name: str, variable: str) -> str:
    """The value that a service has for a variable; empty where there is none."""
    service = read_service(run, name) or {}
    env = [each for one in service.get("template", {}).get("containers", []) for each in one.get("env", [])]
    return next((str(each.get("value", "")) for each in env if each["name"] == variable), "")


def remove_service(run: Run, name: str) -> None:
    service = read_service(run, name)
    if service is not None:
        what, request = what_of(run.settings, name), SERVICE.method("delete").request(service["name"])
        run.act(
            [("removed", what)], [request], lambda: run.client.await_end(SERVICE, run.client.send(request)), what=what
        )
