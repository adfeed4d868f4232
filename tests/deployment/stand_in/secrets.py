"""Secret Manager's versions. One that is disabled is still the latest, and gives no value. https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets"""

from http import HTTPStatus

from tests.deployment.stand_in.rest_request import Resource, RestAnswer, rest_error


def add_version(state: Resource, target: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    """A new value of a secret that is there."""
    state["resources"][target]
    name = f"{target}/versions/{len(_versions(state, target)) + 1}"
    state["resources"][name] = {"name": name, "state": "ENABLED", **body}
    return HTTPStatus.OK, {"name": name, "state": "ENABLED"}


def access(state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """The newest value."""
    secret = target.removesuffix("/versions/latest")
    latest = max(_versions(state, secret), key=lambda name: int(name.rpartition("/")[2]), default=target)
    found = state["resources"][latest]
    if found["state"] != "ENABLED":
        return rest_error(
            HTTPStatus.BAD_REQUEST, "FAILED_PRECONDITION", f"Secret Version [{latest}] is in {found['state']} state."
        )
    return HTTPStatus.OK, {"name": latest, "payload": found["payload"]}


def list_versions(state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """All versions, without their values."""
    state["resources"][target]
    found = [{**state["resources"][name], "payload": None} for name in _versions(state, target)]
    return HTTPStatus.OK, {"versions": found}


def _versions(state: Resource, secret: str) -> list[str]:
    return [name for name in state["resources"] if name.startswith(f"{secret}/versions/")]


ACTS = {
    "secretmanager.projects.secrets.addVersion": add_version,
    "secretmanager.projects.secrets.versions.access": access,
    "secretmanager.projects.secrets.versions.list": list_versions,
}
