"""The project itself: what it is, its interfaces, its quota and its billing."""

from collections.abc import Iterable
from http import HTTPStatus

from tests.deployment.stand_in.rest_request import Resource, RestAnswer, rest_error

NUMBER = "123456789012"
BILLING_ACCOUNT = "billingAccounts/012345-6789AB-CDEF01"
NO_TASKS = "africa-south1"
"""A region of the others."""

REGIONS = ("africa-south1", "asia-east1", "europe-west1", "europe-west10", "us-central1", "us-east1")


def is_visible(state: Resource, member: str) -> bool:
    """Whether IAM sees a member: it does not see a new account at once, and a service's own account is not there before
    it was asked for.

    Args:
        state: the project's. Counts the looks at new accounts.
        member: such as user:ada@example.com.
    """
    kind, _, email = member.partition(":")
    if kind != "serviceAccount":
        return True
    if email.startswith(f"service-{NUMBER}@"):
        return email in state["agents"]
    if not email.endswith(f"@{'.'.join(reversed(state['project'].split(':')))}.iam.gserviceaccount.com"):
        return True  # another project's
    if f"projects/{state['project']}/serviceAccounts/{email}" not in state["resources"]:
        return False
    if state["young"].get(email, 0) > 0:
        state["young"][email] -= 1
        return False
    return True


def get_project(state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """https://cloud.google.com/resource-manager/reference/rest/v3/projects"""
    if target != f"projects/{state['project']}":
        return _not_to_see(target)
    return HTTPStatus.OK, {
        "name": f"projects/{NUMBER}",
        "projectId": state["project"],
        "state": "ACTIVE",
        "createTime": state["created"],
        **({"parent": state["parent"]} if state["parent"] else {}),
    }


def _not_to_see(project: str) -> RestAnswer:
    message = f"The caller does not have permission on {project} (or it may not exist)."
    return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", message)


def api_is_off(text: str, *, consumer: str = NUMBER) -> RestAnswer:
    """The refusal of an interface that is off in the project which a request counts for.
    https://cloud.google.com/service-usage/docs/enabled-service"""
    refusal = rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", text, reason="SERVICE_DISABLED")
    refusal[1]["error"]["details"][0]["metadata"] = {"consumer": f"projects/{consumer}"}
    return refusal


def get_service(state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """https://cloud.google.com/service-usage/docs/reference/rest/v1/services/get"""
    project, _, name = target.partition("/services/")
    if project != f"projects/{state['project']}":
        return _not_to_see(project)
    is_on = name in state["enabled"]
    return HTTPStatus.OK, {
        "name": f"projects/{NUMBER}/services/{name}",
        "parent": f"projects/{NUMBER}",
        "state": "ENABLED" if is_on else "DISABLED",
    }


def list_services(state: Resource, _target: str, _body: Resource, query: dict[str, str]) -> RestAnswer:
    """https://cloud.google.com/service-usage/docs/reference/rest/v1/services/list"""
    start = int(query.get("pageToken", 0))
    page = [{"name": f"projects/{NUMBER}/services/{name}"} for name in state["enabled"][start : start + 10]]
    more = {"nextPageToken": str(start + 10)} if start + 10 < len(state["enabled"]) else {}
    return HTTPStatus.OK, {"services": page, **more}


def enable(state: Resource, _target: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    """https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable"""
    if not state["billing"]:
        message = "Billing account for project is not found."
        return rest_error(
            HTTPStatus.BAD_REQUEST, "FAILED_PRECONDITION", message, reason="UREQ_PROJECT_BILLING_NOT_FOUND"
        )
    for name in body["serviceIds"]:
        if name not in state["enabled"]:
            state["enabled"].append(name)
            state["warming"][name] = state["warm_up"]
    return HTTPStatus.OK, {"name": "operations/enable", "done": False}


def get_billing(state: Resource, _target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """https://cloud.google.com/billing/docs/reference/rest/v1/projects/getBillingInfo"""
    name = f"projects/{state['project']}/billingInfo"
    return HTTPStatus.OK, {"name": name, "billingEnabled": state["billing"], "billingAccountName": BILLING_ACCOUNT}


def get_quota(state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """https://cloud.google.com/docs/quotas/reference/rest/v1/projects.locations.services.quotaInfos/get"""
    infos = [
        {"applicableLocations": ["europe-west10"], "details": {"value": "200000"}},
        {
            "applicableLocations": ["us-central1"],
            "details": {"value": str(state["cpu_quota"])},
            "dimensions": {"region": "us-central1"},
        },
    ]
    return HTTPStatus.OK, {"quotaId": target.rpartition("/")[2], "dimensions": ["region"], "dimensionsInfos": infos}


def list_regions(_state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """https://cloud.google.com/run/docs/reference/rest/v1/projects.locations/list"""
    return _places(target, REGIONS)


def list_regions_of_tasks(_state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations/list"""
    return _places(target, [region for region in REGIONS if region != NO_TASKS])


def _places(target: str, regions: Iterable[str]) -> RestAnswer:
    found = [{"name": f"{target}/locations/{region}", "locationId": region} for region in regions]
    return HTTPStatus.OK, {"locations": found}


def list_subscriptions(state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """The names of a topic's subscriptions."""
    state["resources"][target]
    found = [name for name, each in state["resources"].items() if each.get("topic") == target]
    return HTTPStatus.OK, {"subscriptions": found}


def get_tasks_key(state: Resource, target: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    """That of a region, which is always there, though nobody may have set it."""
    return HTTPStatus.OK, {"name": target, **state["resources"].get(target, {})}


def set_tasks_key(state: Resource, target: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    """https://docs.cloud.google.com/tasks/docs/reference/rest/v2/projects.locations/updateCmekConfig"""
    state["resources"][target] = body
    return HTTPStatus.OK, {"name": target, **body}


ACTS = {
    "cloudtasks.projects.locations.getCmekConfig": get_tasks_key,
    "cloudtasks.projects.locations.updateCmekConfig": set_tasks_key,
    "cloudbilling.projects.getBillingInfo": get_billing,
    "cloudquotas.projects.locations.services.quotaInfos.get": get_quota,
    "cloudresourcemanager.projects.get": get_project,
    "pubsub.projects.topics.subscriptions.list": list_subscriptions,
    "cloudscheduler.projects.locations.list": list_regions,
    "cloudtasks.projects.locations.list": list_regions_of_tasks,
    "run.projects.locations.list": list_regions,
    "serviceusage.services.batchEnable": enable,
    "serviceusage.services.get": get_service,
    "serviceusage.services.list": list_services,
}
