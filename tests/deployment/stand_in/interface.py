"""Google's interfaces, made from their discovery documents: a request that the document does not have is refused, and
resources are kept as they are sent, by their names."""

import base64
import copy
import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus

from deployment.engine.discovery import InvalidRequest, Method, methods
from deployment.quota import QUOTA
from tests.deployment.stand_in import builds, cloud_run, rules, secrets, storage, the_project
from tests.deployment.stand_in.budgets import check_budget
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.monitoring import Monitored
from tests.deployment.stand_in.permissions import granted_by, roles_on
from tests.deployment.stand_in.pubsub import check_subscription
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error
from tests.deployment.stand_in.the_project import NUMBER, api_is_off, is_visible

INTERFACES = (
    *("artifactregistry", "billingbudgets", "cloudbilling", "cloudbuild", "cloudfunctions", "cloudkms", "cloudquotas"),
    "containeranalysis",
    *("cloudresourcemanager", "cloudscheduler", "cloudtasks", "eventarc", "firebaserules", "firestore", "iam", "iap"),
    *("logging", "monitoring", "pubsub", "run", "secretmanager", "serviceusage", "storage"),
)
"""Those that the deployment calls itself."""

_ON_A_PAGE = 5

_Act = Callable[[Resource, str, Resource, dict[str, str]], RestAnswer]
_ACTS: dict[str, _Act] = {
    **builds.ACTS,
    **cloud_run.ACTS,
    **rules.ACTS,
    **secrets.ACTS,
    **storage.ACTS,
    **the_project.ACTS,
}
"""The methods that do more than keep a resource, or give it back."""

_CHECKS: dict[str, Callable[[Resource, Resource], None]] = {
    "billingbudgets.billingAccounts.budgets": check_budget,
    "logging.projects.metrics": lambda state, one: _monitored(state).check_log_metric(one),
    "monitoring.projects.alertPolicies": lambda state, one: _monitored(state).check_policy(one),
    "monitoring.projects.dashboards": lambda state, one: _monitored(state).check_dashboard(one),
    "monitoring.services": lambda state, one: _monitored(state).check_service(one),
    "monitoring.services.serviceLevelObjectives": lambda state, one: _monitored(state).check_objective(one),
    "pubsub.projects.subscriptions": check_subscription,
}
"""What a service refuses, though its document allows it, by the collection."""


def method_of(interface: str, request: RestRequest) -> tuple[Method, str] | None:
    """The method that a request calls, and what it is about; None where the document has none.

    Args:
        interface: such as `logging`.
        request: the request.
    """
    if interface == "cloudquotas":
        return QUOTA, request.name
    if interface == "storage":
        return storage.method_of(request)
    for method, path in _paths(interface, request.version):
        if method.http_method == request.method and (found := path.fullmatch(f"{request.version}/{request.name}")):
            return method, found[1]
    return None


@functools.cache
def _paths(interface: str, version: str) -> list[tuple[Method, re.Pattern[str]]]:
    """The methods about one resource, each with what its path looks like; the longest first, since a name may have a
    colon, and a path a verb after one."""
    found = []
    for method in methods(interface, version):
        match [name for name, each in method.described["parameters"].items() if each["location"] == "path"]:
            case []:
                found.append((method, re.compile(f"{re.escape(method.described['path'])}()")))
            case [name] if pattern := method.described["parameters"][name].get("pattern", "").strip("^$"):
                path = re.escape(method.described["path"]).replace(re.escape(f"{{+{name}}}"), f"({pattern})")
                found.append((method, re.compile(path)))
    return sorted(found, key=lambda each: -len(each[0].described["path"]))


def answer(state: Resource, method: Method, target: str, request: RestRequest) -> RestAnswer:
    """Carry out a request.

    Args:
        state: the project's.
        method: the method that it calls.
        target: what it is about.
        request: the request.
    """
    api = f"{method.api}.googleapis.com"
    if method.api != "serviceusage" and (api not in state["enabled"] or state["warming"].get(api, 0) > 0):
        if api in state["enabled"]:
            state["warming"][api] -= 1
        return api_is_off(f"{api} is off.")
    for account in acts_as(request.body):
        if refused := _not_to_act_as(state, account):
            message = f"Permission 'iam.serviceAccounts.actAs' denied on resource '{refused}' (or it may not exist)."
            return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", message)
    try:
        query = storage.query_of(request)
        method.request(target, request.body if "request" in method.described else None, query=query)
        if request.content is not None:
            return storage.upload(state, target, query, request)
        if act := _ACTS.get(method.id):
            return act(state, target, request.body, query)
        return _Interface(state, method).carry_out(target, request.body, query)
    except (InvalidRequest, Invalid) as error:
        status, wrong = rest_error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", str(error))
        field, is_named, description = str(error).partition(": ")
        if is_named:
            violation = {"field": field, "description": description}
            bad_request = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
            wrong["error"]["details"] = [bad_request]
        return status, wrong
    except PermissionError as error:
        return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", str(error))
    except KeyError as error:
        return rest_error(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"Resource '{error.args[0]}' was not found.")


def acts_as(body: Resource) -> Iterator[str]:
    """The accounts that something is to run as, or to have tokens of."""
    for place in ("pushConfig", "httpTarget"):
        if token := body.get(place, {}).get("oidcToken"):
            yield token["serviceAccountEmail"]
    # A service's, and a build's.
    for account in (body.get("template", {}).get("serviceAccount"), body.get("serviceAccount")):
        if isinstance(account, str):
            yield account.rpartition("/")[2]


def _not_to_act_as(state: Resource, account: str) -> str | None:
    """The name of an account that the caller may not act as."""
    name = f"projects/{state['project']}/serviceAccounts/{account}"
    roles = [role for place in ("project", name) for role in roles_on(state, state["caller"], place)]
    return name if state["caller"] and not granted_by(roles, "iam.serviceAccounts.actAs") else None


class _Interface:
    def __init__(self, state: Resource, method: Method) -> None:
        self._state = state
        self._resources: dict[str, Resource] = state["resources"]
        self._method = method
        self._collection = method.id.rpartition(".")[0]

    def carry_out(self, target: str, body: Resource, query: dict[str, str]) -> RestAnswer:
        match self._method.verb:
            case "get" if "operations/" in target:
                return HTTPStatus.OK, {"name": target, "done": True}
            case "get":
                return HTTPStatus.OK, self._resources[target]
            case "list":
                return HTTPStatus.OK, self._page(target, int(query.get("pageToken", "0")))
            case "create":
                return self._create(target, body, query)
            case "patch" | "update":
                return self._update(target, body, query)
            case "getIamPolicy":
                return HTTPStatus.OK, self._policy(target)
            case "setIamPolicy":
                return self._set_policy(target, body["policy"])
            case "delete":
                self._resources[target]
                self._forget_topic(target)
                for name in [name for name in self._resources if name == target or name.startswith(f"{target}/")]:
                    del self._resources[name]
                    self._state["policies"].pop(name, None)
                return HTTPStatus.OK, self._operation(target) if self._is_begun else {}
            case "enable":  # a service account
                self._resources[target].pop("disabled", None)
                return HTTPStatus.OK, {}
            case "pause" | "resume":
                self._resources[target]["state"] = "PAUSED" if self._method.verb == "pause" else "ENABLED"
                return HTTPStatus.OK, self._resources[target]
            case "run":
                self._resources[target]
                self._state["forced_runs"] += 1
                return HTTPStatus.OK, self._resources[target]
            case "generateServiceIdentity":
                name = target.rpartition("/")[2].partition(".")[0]
                domain = "serverless-robot-prod" if name == "run" else f"gcp-sa-{name}"
                self._state["agents"].append(f"service-{NUMBER}@{domain}.iam.gserviceaccount.com")
                return HTTPStatus.OK, {"name": "operations/1", "done": True}
            case other:
                raise NotImplementedError(other)

    def _page(self, parent: str, start: int) -> Resource:
        if self._method.api == "firestore":
            self._resources[parent.partition("/collectionGroups/")[0]]
        place = re.escape(parent.removesuffix("/-")) + ("/[^/]+" if parent.endswith("/-") else "")
        collection = f"{place}/{self._collection.rpartition('.')[2]}/"
        found = [each for name, each in self._resources.items() if re.fullmatch(f"{collection}[^/]+", name)]
        page = {self._method.list_field(): found[start : start + _ON_A_PAGE]}
        more = start + _ON_A_PAGE
        return page | ({"nextPageToken": str(more)} if more < len(found) else {})

    def _create(self, target: str, body: Resource, query: dict[str, str]) -> RestAnswer:
        name = target
        if self._method.api == "iam":
            domain = ".".join(reversed(target.partition("/")[2].split(":")))
            if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", body["accountId"]):
                raise Invalid(f'The account ID "{body["accountId"]}" does not have a length between 6 and 30.')
            email = f"{body['accountId']}@{domain}.iam.gserviceaccount.com"
            self._state["young"][email] = self._state["invisible"]
            body = {"name": f"{target}/serviceAccounts/{email}", "email": email, **body["serviceAccount"]}
        if self._method.http_method == "POST":
            collection = f"{target}/{self._collection.rpartition('.')[2]}"
            [*given] = [value for key, value in query.items() if key.endswith("Id")]
            own = given[0] if given else body.get("name", "").rpartition("/")[2] or self._number()
            name = f"{collection}/{own}"
        if name in self._resources:
            return rest_error(HTTPStatus.CONFLICT, "ALREADY_EXISTS", name)
        # A region is always there.
        parent = name.rsplit("/", 2)[0].partition("/collectionGroups/")[0]
        if parent.count("/") > 1 and "/locations/" not in parent and parent not in self._resources:
            raise KeyError(parent)
        if self._method.api == "cloudtasks":
            if name.rpartition("/")[2] in self._state["recently_deleted_queues"]:
                message = "The queue cannot be created because a queue with this name existed too recently."
                return rest_error(HTTPStatus.BAD_REQUEST, "FAILED_PRECONDITION", message)
            body = {"state": "RUNNING", **body}
            if name.rpartition("/")[2] in self._state["buried_queues"]:
                return HTTPStatus.OK, {**body, "name": name}
        if self._method.api == "cloudscheduler":
            body = {"state": "ENABLED", **body}
        return self._keep(name, {**body, **({"etag": "1"} if self._method.field_schema("etag") else {})})

    def _number(self) -> str:
        self._state["count"] += 1
        return str(self._state["count"])

    def _update(self, name: str, body: Resource, query: dict[str, str]) -> RestAnswer:
        if self._collection == "firestore.projects.databases.collectionGroups.fields":
            return self._update_field(name, body, query)
        before = self._resources[name]
        if self._method.api == "pubsub":
            body, query = body[self._collection[:-1].rpartition(".")[2]], {"updateMask": body["updateMask"]}
            if "." in query["updateMask"]:
                raise Invalid(f"update_mask: {query['updateMask']}")
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

    def _update_field(self, name: str, body: Resource, query: dict[str, str]) -> RestAnswer:
        """A field of Firestore is always there; one that has nothing of its own is in no list."""
        self._resources[name.partition("/collectionGroups/")[0]]
        field = self._resources.setdefault(name, {"name": name})
        for key in query["updateMask"].split(","):
            field.pop(key, None)
        field |= copy.deepcopy({key: value for key, value in body.items() if key in query["updateMask"]})
        if "ttlConfig" in field:
            field["ttlConfig"]["state"] = "CREATING"
        if field.keys() == {"name"}:
            del self._resources[name]
        return HTTPStatus.OK, {"name": f"{name.partition('/collectionGroups/')[0]}/operations/1"}

    def _forget_topic(self, name: str) -> None:
        for each in self._resources.values():
            if each.get("topic") == name and self._collection == "pubsub.projects.topics":
                each["topic"] = "_deleted-topic_"

    def _policy_key(self, name: str) -> str:
        """Where the state has the policy of a resource, which must be there."""
        if self._method.api == "cloudresourcemanager":
            return "project"
        if door := re.fullmatch(r"projects/\d+/iap_web/cloud_run-([^/]+)/services/([^/]+)", name):
            name = f"projects/{self._state['project']}/locations/{door[1]}/services/{door[2]}"
        self._resources[name]
        return f"iap/{name}" if door else name

    def _policy(self, name: str) -> Resource:
        kept = self._state["policies"].get(self._policy_key(name), [])
        bindings = [
            {"role": role, "members": [member]}
            | ({"condition": {"title": title, "expression": expression}} if title else {})
            for role, member, title, expression in kept
        ]
        return {"bindings": bindings, "etag": _etag(kept), "version": 3}

    def _set_policy(self, name: str, policy: Resource) -> RestAnswer:
        before = self._state["policies"].get(self._policy_key(name), [])
        if policy["etag"] != _etag(before):
            return rest_error(HTTPStatus.CONFLICT, "ABORTED", "There were concurrent policy changes.")
        after = [
            [each["role"], member, *(each.get("condition", {}).get(key, "") for key in ("title", "expression"))]
            for each in policy["bindings"]
            for member in each["members"]
        ]
        for member in {each[1] for each in after} - {each[1] for each in before}:
            if not is_visible(self._state, member):
                raise Invalid(f"{member} does not exist.")
        self._state["policies"][self._policy_key(name)] = after
        return HTTPStatus.OK, self._policy(name)

    def _keep(self, name: str, resource: Resource) -> RestAnswer:
        if self._collection in _CHECKS:
            _CHECKS[self._collection](self._state, resource)
        # Cloud Logging's metrics have their id in the field.
        self._resources[name] = {**resource, "name": name.rpartition("/")[2] if self._method.api == "logging" else name}
        return HTTPStatus.OK, self._operation(name) if self._is_begun else self._resources[name]

    @property
    def _is_begun(self) -> bool:
        """Whether the method answers before it is carried out."""
        return self._method.described["response"]["$ref"] in {"Operation", "GoogleLongrunningOperation"}

    def _operation(self, name: str) -> Resource:
        place = name.partition("/collectionGroups/")[0].partition("/repositories/")[0]
        return {"name": f"{place}/operations/1", "done": False}


def _etag(policy: list[list[str]]) -> str:
    return base64.b64encode(hashlib.sha256(repr(policy).encode()).digest()[:6]).decode()


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
