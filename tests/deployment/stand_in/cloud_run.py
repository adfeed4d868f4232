"""Cloud Run: services with their revisions and their traffic, and what it refuses."""

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, rest_error
from tests.deployment.stand_in.the_project import NUMBER
from tests.deployment.stand_in.traffic import TO_LATEST, check_traffic

Act = Callable[[Resource, str, Resource, dict[str, str]], RestAnswer]
"""Carries out a request: gets the project's state, what the request is about, the body and the query."""

MEMORY = {1: (512, 4096), 2: (512, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
"""The least and the most MiB for each number of CPUs, in the second generation of the execution environment.
https://docs.cloud.google.com/run/docs/configuring/services/memory-limits
https://docs.cloud.google.com/run/docs/configuring/services/cpu"""

RESERVED = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
"""https://docs.cloud.google.com/run/docs/container-contract#services-env-vars"""

MOST_SECONDS = 3600
MOST_CONCURRENCY = 1000
_LABEL = r"[a-z0-9_-]{0,63}"

TOO_MANY_CPUS = (
    "template.scaling.max_instance_count: Max instances must be set to {fewer} or fewer to set the requested total "
    "CPU.\n\nQuota violated:\nCpuAllocPerProjectRegion requested: {wanted} allowed: {allowed}"
)
UNABLE_TO_PULL = (
    "Google Cloud Run Service Agent {agent} must have permission to read the image, {image}. Ensure that the provided "
    "container image URL is correct and that the above account has permission to access the image. If you just enabled "
    "the Cloud Run API, the permissions might take a few minutes to propagate."
)
_FIRST = datetime(2026, 11, 24, 13, tzinfo=UTC)


def _create(state: Resource, place: str, body: Resource, query: dict[str, str]) -> RestAnswer:
    name = f"{place}/services/{query['serviceId']}"
    if name in state["resources"]:
        return rest_error(HTTPStatus.CONFLICT, "ALREADY_EXISTS", name)
    return _keep(state, name, {}, {**body, "name": name})


def _patch(state: Resource, name: str, body: Resource, query: dict[str, str]) -> RestAnswer:
    before = state["resources"][name]
    if body.get("etag", before["etag"]) != before["etag"]:
        return rest_error(HTTPStatus.CONFLICT, "ABORTED", "The service was changed meanwhile: its etag is another.")
    after = copy.deepcopy(before)
    for field in query["updateMask"].split(","):
        after.pop(field, None)
        after |= copy.deepcopy({key: value for key, value in body.items() if key == field})
    return _keep(state, name, before, after)


def _keep(state: Resource, name: str, before: Resource, after: Resource) -> RestAnswer:
    """The service, and its new revision where the template is another."""
    generation = int(before.get("generation", 0)) + 1
    after |= {"generation": str(generation), "etag": f'"{generation}"'}
    after["buildConfig"] = {"name": f"projects/{NUMBER}/builds/1", **after.get("buildConfig", {})}
    revisions = {key: each for key, each in state["resources"].items() if key.startswith(f"{name}/revisions/")}
    made: dict[str, Resource] = {}
    if before.get("template") != after["template"]:
        _check_labels(after)
        _check_template(state, after["template"])
        given = after["template"].get("revision") or f"{name.rpartition('/')[2]}-{generation:05d}-abc"
        made = {f"{name}/revisions/{given}": _revision(name, given, generation, after["template"])}
        if made.keys() & revisions.keys():
            raise Invalid(f"template.revision: Revision named '{given}' with different configuration already exists.")
    latest = next(iter(made), before.get("latestReadyRevision", ""))
    after["traffic"] = after.get("traffic") or TO_LATEST
    check_traffic(after["traffic"], {key.rpartition("/")[2] for key in (*revisions, *made)})
    after |= {
        "latestCreatedRevision": latest,
        "latestReadyRevision": latest,
        "trafficStatuses": [{"revision": latest.rpartition("/")[2], **target} for target in after["traffic"]],
        "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
    }
    state["resources"] |= {name: after, **made}
    operation: Resource = {"name": f"{name.partition('/services/')[0]}/operations/1", "done": False}
    if made and state["failing_revisions"]:
        error = state["failing_revisions"].pop(0)
        state["resources"][latest]["conditions"] = [
            {"type": "Ready", "state": "CONDITION_FAILED", "reason": error.pop("reason", "REVISION_FAILED")}
        ]
        operation |= {"done": True, "error": error}
        after["terminalCondition"] |= {"state": "CONDITION_FAILED", "reason": "REVISION_FAILED"}
    return HTTPStatus.OK, operation


def _revision(service: str, name: str, generation: int, template: Resource) -> Resource:
    return {
        **{key: value for key, value in template.items() if key != "revision"},
        "name": f"{service}/revisions/{name}",
        "service": service.rpartition("/")[2],
        "createTime": f"{_FIRST + timedelta(minutes=generation):%Y-%m-%dT%H:%M:%S}.123456Z",
        "conditions": [{"type": "Ready", "state": "CONDITION_SUCCEEDED"}],
    }


def _check_labels(service: Resource) -> None:
    for labels in (service.get("labels", {}), service["template"].get("labels", {})):
        for key, value in labels.items():
            if not re.fullmatch(_LABEL, value) or not re.fullmatch(f"[a-z]{_LABEL}", key):
                raise Invalid(f"labels: {key}={value} is no label")


def _check_template(state: Resource, template: Resource) -> None:
    """What a new revision may be."""
    account = template["serviceAccount"]
    state["resources"][f"projects/{state['project']}/serviceAccounts/{account}"]
    [container] = template["containers"]
    agent = f"service-{NUMBER}@serverless-robot-prod.iam.gserviceaccount.com"
    if ["roles/run.serviceAgent", f"serviceAccount:{agent}"] not in [each[:2] for each in state["policies"]["project"]]:
        raise PermissionError(UNABLE_TO_PULL.format(agent=agent, image=container["image"]))
    if container["image"] not in state["images"]:
        raise Invalid(f"template.containers[0].image: Image '{container['image']}' not found.")
    if bool(container.get("baseImageUri")) != bool(state["images"][container["image"]]):
        raise Invalid("template.containers[0].base_image_uri: the image was built for automatic updates, or not.")
    limits = container["resources"]["limits"]
    cpus = int(limits["cpu"])
    if cpus not in MEMORY:
        raise Invalid(
            "template.containers[0].resources.limits.cpu: Invalid value specified for cpu. Must be equal to one of "
            "[.08-1], 1.0, 2.0, 4.0, 6.0, 8.0"
        )
    mebibytes = int(limits["memory"][:-2]) * {"Mi": 1, "Gi": 1024}[limits["memory"][-2:]]
    if not MEMORY[cpus][0] <= mebibytes <= MEMORY[cpus][1]:
        raise Invalid(
            "template.containers[0].resources.limits.memory: Invalid value specified for container memory. "
            f"For {cpus}.0 CPU, it must be between {MEMORY[cpus][0]}Mi and {MEMORY[cpus][1]}Mi inclusive."
        )
    if not 1 <= template["maxInstanceRequestConcurrency"] <= MOST_CONCURRENCY:
        raise Invalid(f"template.max_instance_request_concurrency: must be between 1 and {MOST_CONCURRENCY}")
    if not 1 <= int(template["timeout"].removesuffix("s")) <= MOST_SECONDS:
        raise Invalid(f"template.timeout: must be between 1 and {MOST_SECONDS}")
    scaling = template["scaling"]
    if scaling.get("minInstanceCount", 0) > scaling["maxInstanceCount"]:
        raise Invalid("template.scaling.min_instance_count: must not exceed the maximum")
    wanted, allowed = 1000 * cpus * scaling["maxInstanceCount"], state["cpu_quota"]
    if wanted > allowed:
        raise Invalid(TOO_MANY_CPUS.format(fewer=allowed // (1000 * cpus), wanted=wanted, allowed=allowed))
    _check_environment(state, container["env"], account)


def _check_environment(state: Resource, env: list[Resource], account: str) -> None:
    if reserved := sorted({each["name"] for each in env} & RESERVED):
        raise Invalid(
            "template.containers[0].env: The following reserved env names were provided: "
            f"{', '.join(reserved)}. These values are automatically set by the system."
        )
    for each in env:
        if reference := each.get("valueSource", {}).get("secretKeyRef"):
            name = f"projects/{state['project']}/secrets/{reference['secret']}"
            version = f"{name}/versions/{reference['version']}"
            state["resources"][version]
            reader = ["roles/secretmanager.secretAccessor", f"serviceAccount:{account}"]
            if reader not in [binding[:2] for binding in state["policies"].get(name, [])]:
                raise Invalid(f"Permission denied on secret: {version} for Revision service account {account}.")


def _delete(state: Resource, name: str, _body: Resource, _query: dict[str, str]) -> RestAnswer:
    state["resources"][name]
    for key in [key for key in state["resources"] if key == name or key.startswith(f"{name}/")]:
        del state["resources"][key]
    for key in (name, f"iap/{name}"):
        state["policies"].pop(key, None)
    return HTTPStatus.OK, {"name": f"{name.partition('/services/')[0]}/operations/1", "done": False}


ACTS: dict[str, Act] = {
    "run.projects.locations.services.create": _create,
    "run.projects.locations.services.patch": _patch,
    "run.projects.locations.services.delete": _delete,
}
