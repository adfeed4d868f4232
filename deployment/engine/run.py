"""Reads what is there, side by side, and carries out the steps of a plan."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from deployment.engine.declared import API, Declared, full_name
from deployment.engine.differences import differences
from deployment.engine.discovery import Resource
from deployment.engine.google_client import GoogleClient
from deployment.engine.google_error import GoogleError
from deployment.engine.plan import Found, PolicyStep, Step, policy_request, request_of
from deployment.engine.policy import read_request

_THREADS = ThreadPoolExecutor(8)


def read(declared: Sequence[Declared], client: GoogleClient) -> Found:
    asked: list[Future[Any]] = []

    def ask(act: Callable[..., Any], *about: Any) -> Future[Any]:
        asked.append(_THREADS.submit(act, *about))
        return asked[-1]

    try:
        return _read(declared, client, ask)
    finally:
        # After one that failed, the others are of no use.
        for each in asked:
            each.cancel()


def _read(declared: Sequence[Declared], client: GoogleClient, ask: Callable[..., Future[Any]]) -> Found:
    lists = {(each.kind, each.listed_in or each.parent) for each in declared if each.is_listed}
    listed = {(kind, parent): ask(client.all_of, kind, parent) for kind, parent in lists}
    own = {
        each.what: ask(client.read_if_there, each.kind.method("get").request(each.name))
        for each in declared
        if not (each.is_listed or each.policy_alone)
    }
    policies = {
        each.what: ask(client.read, read_request(each.kind.method("getIamPolicy"), each.name))
        for each in declared
        if (each.grants or each.takes_back) and not each.absent
    }
    found: dict[str, list[Resource]] = {}
    for each in declared:
        if each.policy_alone:
            found[each.what] = []
        elif not each.is_listed:
            resource = own[each.what].result()
            found[each.what] = [] if resource is None else [resource]
        else:
            matching = [one for one in listed[each.kind, each.listed_in or each.parent].result() if matches(each, one)]
            found[each.what] = matching if each.absent else matching[:1]
    by_what = {each.what: each for each in declared}
    return Found(
        resources=found,
        policies={what: _policy(read, by_what[what], found[what], client) for what, read in policies.items()},
    )


def _policy(
    read: Future[Resource | None], declared: Declared, found: Sequence[Resource], client: GoogleClient
) -> Resource:
    """A policy that was read; an empty one of a resource that is not there."""
    try:
        return read.result() or {}
    except GoogleError as error:
        if found or not error.is_absence:
            raise
        # Google may say of what is there, too, that it is not.
        alone = replace(declared, policy_alone=False, grants=(), takes_back=None)
        if declared.policy_alone and declared.kind.has("get") and _resources_of(alone, client):
            raise
        return {}


def matches(declared: Declared, resource: Resource) -> bool:
    name = str(resource.get("name"))
    is_its = name == declared.name if declared.id else not declared.listed_in or name.startswith(f"{declared.parent}/")
    return is_its and not list(differences(resource, declared.found_by))


def carry_out(step: Step | PolicyStep, client: GoogleClient, names: dict[str, str]) -> None:
    """Carry out a step of a plan. `names` gets the full name of what it makes."""
    if isinstance(step, PolicyStep):
        if step.missing or step.too_many:
            _grant(step, client)
        return
    if (request := request_of(step, names)) is None:
        return
    kind = step.declared.kind if step.declared.kind.operations else None
    try:
        made = client.send(request, kind=kind, is_done=_look_up(step, client))
    except GoogleError as error:
        if step.verb == "created" and step.declared.kind.may_be_buried:
            # The request is about the place, and the advice about the name.
            error.request = f"{request.method.id} {step.declared.name}"
        raise
    if step.verb == "created":
        names[step.declared.what] = full_name(step.declared, made)
        if step.declared.kind.may_be_buried and not _read_one(step.declared, client):
            name = f"{request.method.id} {step.declared.name}"
            message = "It was made, as Google says, and is not there."
            raise GoogleError(request=name, status=200, code="FAILED_PRECONDITION", message=message)


def _grant(step: PolicyStep, client: GoogleClient) -> None:
    """Change a policy as it is by now, again if somebody else has changed it meanwhile."""
    asked = read_request(step.declared.kind.method("getIamPolicy"), step.declared.name)
    for request in step.asked_first:
        client.send(request, kind=API)
    for grant in step.missing:
        if grant.member in step.declared.asked_first:
            client.young.add(grant.who)
    client.send_anew(lambda: policy_request(step, client.send(asked)))


def _look_up(step: Step, client: GoogleClient) -> Callable[[], Resource | None] | None:
    """How to look for what a step made whose answer was lost."""
    if step.verb == "created":
        return lambda: next(iter(_read_one(step.declared, client)), None)
    if step.verb == "removed":
        return lambda: None if _is_there(step, client) else {}
    return None


def _read_one(declared: Declared, client: GoogleClient) -> Sequence[Resource]:
    if declared.id and declared.kind.has("get"):
        # A list lags.
        declared = replace(declared, listed_in="")
    return _resources_of(declared, client)


def _resources_of(declared: Declared, client: GoogleClient) -> Sequence[Resource]:
    found: Mapping[str, Sequence[Resource]] = read([declared], client).resources
    return found[declared.what]


def _is_there(step: Step, client: GoogleClient) -> bool:
    name = full_name(step.declared, step.actual or {})
    return any(full_name(step.declared, one) == name for one in _read_one(step.declared, client))
