"""Google's interfaces, made from their discovery documents: a request that the document does not have is refused, and
resources are kept as they are sent, by their names."""

import copy
import functools
import re
from collections.abc import Callable
from http import HTTPStatus

from deployment.engine.discovery import InvalidRequest, Method, methods
from tests.deployment.stand_in.budgets import check_budget
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.monitoring import Monitored
from tests.deployment.stand_in.permissions import BILLING_ACCOUNT, missing_permission
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error

INTERFACES = ("billingbudgets", "cloudbilling", "logging", "monitoring")
"""Those that the deployment calls itself."""

_ON_A_PAGE = 5

_CHECKS: dict[str, Callable[[Resource, Resource], None]] = {
    "billingbudgets.billingAccounts.budgets": check_budget,
    "logging.projects.metrics": lambda state, one: _monitored(state).check_log_metric(one),
    "monitoring.projects.alertPolicies": lambda state, one: _monitored(state).check_policy(one),
    "monitoring.projects.dashboards": lambda state, one: _monitored(state).check_dashboard(one),
    "monitoring.services": lambda state, one: _monitored(state).check_service(one),
    "monitoring.services.serviceLevelObjectives": lambda state, one: _monitored(state).check_objective(one),
}
"""What a service refuses, though its document allows it, by the collection."""


def method_of(interface: str, request: RestRequest) -> tuple[Method, str] | None:
    """The method that a request calls, and what it is about; None where the document has none.

    Args:
        interface: such as `logging`.
        request: the request.
    """
    for method, path in _paths(interface, request.version):
        if method.http_method == request.method and (found := path.fullmatch(f"{request.version}/{request.name}")):
            return method, found[1]
    return None


@functools.cache
def _paths(interface: str, version: str) -> list[tuple[Method, re.Pattern[str]]]:
    """The methods about one resource, each with what its path looks like."""
    found = []
    for method in methods(interface, version):
        match [name for name, each in method.described["parameters"].items() if each["location"] == "path"]:
            case [name]:
                pattern = method.described["parameters"][name]["pattern"].strip("^$")
                path = re.escape(method.described["path"]).replace(re.escape(f"{{+{name}}}"), f"({pattern})")
                found.append((method, re.compile(path)))
    return found


def answer(state: Resource, method: Method, target: str, request: RestRequest) -> RestAnswer:
    """Carry out a request.

    Args:
        state: the project's.
        method: the method that it calls.
        target: what it is about.
        request: the request.
    """
    api = f"{method.api}.googleapis.com"
    if api not in state["enabled"] or state["warming"].get(api, 0) > 0:
        if api in state["enabled"]:
            state["warming"][api] -= 1
        return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", f"{api} is off.", reason="SERVICE_DISABLED")
    if permission := missing_permission(state, method.id):
        message = f"Permission '{permission}' denied on resource '{target}' (or it may not exist)."
        return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", message)
    try:
        query = {name: value for name, [value] in request.query.items()}
        method.request(target, request.body if "request" in method.described else None, query=query)
        return _Interface(state, method).carry_out(target, request.body, query)
    except (InvalidRequest, Invalid) as error:
        return rest_error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", str(error))
    except KeyError as error:
        return rest_error(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"Resource '{error.args[0]}' was not found.")


class _Interface:
    def __init__(self, state: Resource, method: Method) -> None:
        self._state = state
        self._resources: dict[str, Resource] = state["resources"]
        self._method = method
        self._collection = method.id.rpartition(".")[0]

    def carry_out(self, target: str, body: Resource, query: dict[str, str]) -> RestAnswer:
        match self._method.verb:
            case "get":
                return HTTPStatus.OK, self._resources[target]
            case "list":
                return HTTPStatus.OK, self._page(target, int(query.get("pageToken", "0")))
            case "create":
                return self._create(target, body, query)
            case "patch" | "update":
                return self._update(target, body, query)
            case "delete":
                for name in [name for name in self._resources if name == target or name.startswith(f"{target}/")]:
                    del self._resources[name]
                return HTTPStatus.OK, {}
            case "getBillingInfo":
                return HTTPStatus.OK, {"billingEnabled": self._state["billing"], "billingAccountName": BILLING_ACCOUNT}
            case other:
                raise NotImplementedError(other)

    def _page(self, parent: str, start: int) -> Resource:
        collection = re.escape(f"{parent}/{self._collection.rpartition('.')[2]}/")
        found = [each for name, each in self._resources.items() if re.fullmatch(f"{collection}[^/]+", name)]
        page = {self._method.list_field(): found[start : start + _ON_A_PAGE]}
        more = start + _ON_A_PAGE
        return page | ({"nextPageToken": str(more)} if more < len(found) else {})

    def _create(self, target: str, body: Resource, query: dict[str, str]) -> RestAnswer:
        name = target
        if not self._method.takes(f"{target}/"):
            collection = f"{target}/{self._collection.rpartition('.')[2]}"
            [*given] = [value for key, value in query.items() if key.endswith("Id")]
            own = given[0] if given else body.get("name", "").rpartition("/")[2] or self._number()
            name = f"{collection}/{own}"
        if name in self._resources:
            return rest_error(HTTPStatus.CONFLICT, "ALREADY_EXISTS", name)
        if target.count("/") > 1 and target not in self._resources:
            raise KeyError(target)
        return self._keep(name, {**body, **({"etag": "1"} if self._method.field_schema("etag") else {})})

    def _number(self) -> str:
        self._state["count"] += 1
        return str(self._state["count"])

    def _update(self, name: str, body: Resource, query: dict[str, str]) -> RestAnswer:
        before = self._resources[name]
        if "etag" in before and body.get("etag") != before["etag"]:
            return rest_error(
                HTTPStatus.CONFLICT, "ABORTED", "The resource was changed meanwhile: its etag is another."
            )
        after = copy.deepcopy(body)
        if mask := query.get("updateMask"):
            after = copy.deepcopy(before)
            for path in mask.split(","):
                _set(after, body, path.split("."))
        if "etag" in before:
            after["etag"] = str(int(before["etag"]) + 1)
        return self._keep(name, after)

    def _keep(self, name: str, resource: Resource) -> RestAnswer:
        if self._collection in _CHECKS:
            _CHECKS[self._collection](self._state, resource)
        # Cloud Logging's metrics have their id in the field.
        self._resources[name] = {**resource, "name": name.rpartition("/")[2] if self._method.api == "logging" else name}
        return HTTPStatus.OK, self._resources[name]


def _set(resource: Resource, body: Resource, path: list[str]) -> None:
    key, *rest = path
    if rest:
        _set(resource.setdefault(key, {}), body.get(key, {}), rest)
    elif key in body:
        resource[key] = body[key]
    else:
        resource.pop(key, None)


def _monitored(state: Resource) -> Monitored:
    return Monitored.of(state["resources"])
