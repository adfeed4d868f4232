"""Reads what is there, side by side, and carries a plan out."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from deployment.engine.declared import Declared, full_name
from deployment.engine.discovery import Resource
from deployment.engine.google_client import GoogleClient
from deployment.engine.plan import Step, request_of
from deployment.resource_diff import differences

_SIDE_BY_SIDE = 8


def read(declared: Sequence[Declared], client: GoogleClient) -> dict[str, list[Resource]]:
    """The resources that are there, by the `what` of those that are declared.

    Args:
        declared: the resources to look for.
        client: reads them.

    Raises:
        GoogleError: one of them cannot be read.
    """
    lists = {(each.kind, each.parent) for each in declared if not each.id}
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
        listed = {(kind, parent): threads.submit(client.all_of, kind.method("list"), parent) for kind, parent in lists}
        own = {
            each.what: threads.submit(client.read_if_there, each.kind.method("get").request(each.name))
            for each in declared
            if each.id
        }
    found = {}
    for each in declared:
        if each.id:
            resource = own[each.what].result()
            found[each.what] = [] if resource is None else [resource]
        else:
            matching = [one for one in listed[each.kind, each.parent].result() if matches(each, one)]
            found[each.what] = matching if each.absent else matching[:1]
    return found


def matches(declared: Declared, resource: Resource) -> bool:
    """Whether a resource has the fields that one is found by."""
    return not list(differences(resource, declared.found_by))


def apply(steps: Sequence[Step], client: GoogleClient, done: Callable[[Step], None]) -> None:
    """Carry a plan out, one request after the other, as Cloud Monitoring asks for.
    https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies/create

    Args:
        steps: the plan.
        client: sends its requests.
        done: is told of each step after it.

    Raises:
        GoogleError: a request failed; the steps after it are left out.
        InvalidRequest: Google's interface has no such request.
    """
    names = {step.declared.what: full_name(step.declared, step.actual) for step in steps if step.actual}
    for step in steps:
        if (request := request_of(step, names)) is not None:
            made = client.send(request, is_done=_look_up(step, client))
            if step.verb == "created":
                names[step.declared.what] = full_name(step.declared, made)
        done(step)


def _look_up(step: Step, client: GoogleClient) -> Callable[[], Resource | None] | None:
    """How to look for what a step made whose answer was lost."""
    if step.verb == "created":
        return lambda: next(iter(_read_one(step.declared, client)), None)
    if step.verb == "removed":
        return lambda: None if _is_there(step, client) else {}
    return None


def _read_one(declared: Declared, client: GoogleClient) -> Sequence[Resource]:
    found: Mapping[str, Sequence[Resource]] = read([declared], client)
    return found[declared.what]


def _is_there(step: Step, client: GoogleClient) -> bool:
    name = full_name(step.declared, step.actual or {})
    return any(full_name(step.declared, one) == name for one in _read_one(step.declared, client))
