"""Compares what is declared with what is there, and says which requests make the second into the first."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

from deployment.engine.declared import Declared, full_name, merged, resolved, top_of
from deployment.engine.differences import differences
from deployment.engine.discovery import Request, Resource
from deployment.engine.policy import Grant, changed, grants_in


@dataclass(frozen=True, kw_only=True)
class Step:
    declared: Declared
    verb: str
    what: str
    actual: Resource | None = None
    fields: tuple[str, ...] = ()

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(self.verb, self.what)]


@dataclass(frozen=True, kw_only=True)
class PolicyStep:
    declared: Declared
    policy: Resource

    @cached_property
    def missing(self) -> list[Grant]:
        there = set(grants_in(self.policy))
        return [each for each in self.declared.grants if each not in there]

    @property
    def asked_first(self) -> list[Request]:
        """The requests without which what is missing cannot be granted."""
        members = {each.member for each in self.missing}
        return [request for member, request in self.declared.asked_first.items() if member in members]

    @cached_property
    def too_many(self) -> list[Grant]:
        takes_back, wanted = self.declared.takes_back, set(self.declared.grants)
        return [each for each in grants_in(self.policy) if takes_back and takes_back(each) and each not in wanted]

    @property
    def lines(self) -> list[tuple[str, str]]:
        added = [("created" if each in self.missing else "unchanged", each) for each in self.declared.grants]
        removed = [("removed", each) for each in self.too_many]
        where = self.declared.where or (lambda _: self.declared.what)
        return [(verb, f"{each.role} on {where(each)} for {each.who}") for verb, each in [*added, *removed]]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is there, by the `what` of what is declared."""

    resources: Mapping[str, Sequence[Resource]]
    policies: Mapping[str, Resource] = field(default_factory=dict)


class WrongResource(Exception):
    """A resource is another one than it is to be, and no request changes that. Has a line of what is wrong, and one of
    what to do."""


def plan(declared: Sequence[Declared], found: Found) -> list[Step | PolicyStep]:
    actual = found.resources
    names = {each.what: full_name(each, actual[each.what][0]) for each in declared if actual[each.what]}
    steps: list[Step | PolicyStep] = []
    for each in _in_order(declared):
        if not each.policy_alone:
            steps += _steps(each, actual[each.what], names)
        if each.what in found.policies:
            steps.append(PolicyStep(declared=each, policy=found.policies[each.what]))
    return steps


def request_of(step: Step | PolicyStep, names: Mapping[str, str]) -> Request | None:
    """The request of a step; None for one that changes nothing."""
    if isinstance(step, PolicyStep):
        return policy_request(step, step.policy) if step.missing or step.too_many else None
    if step.verb == "created":
        given = {**step.declared.at_first, **step.declared.fixed, **step.declared.fields}
        return _creation(step.declared, merged({}, resolved(given, names)))
    if step.verb == "changed" and step.actual is not None:
        return _update(step, step.actual, resolved(step.declared.fields, names))
    if step.verb == "removed" and step.actual is not None:
        return _removal(step.declared, full_name(step.declared, step.actual))
    return None


def _removal(declared: Declared, name: str) -> Request:
    """Where nothing can be deleted, our fields are as nobody has set them."""
    if declared.kind.has("delete"):
        return declared.kind.method("delete").request(name)
    return declared.kind.method("patch").request(name, {}, query={"updateMask": ",".join(declared.fields)})


def policy_request(step: PolicyStep, policy: Resource) -> Request:
    ours = {"policy": changed({}, add=step.missing, remove=())}
    body = {"policy": changed(policy, add=step.missing, remove=step.too_many)}
    return step.declared.kind.method("setIamPolicy").request(step.declared.name, body, ours=ours)


def names_of(steps: Sequence[Step | PolicyStep]) -> dict[str, str]:
    """The full names of a plan's resources, by `what`. One that Google has yet to choose is in angle brackets."""
    return {
        step.declared.what: full_name(step.declared, step.actual) if step.actual else _unknown(step.declared.what)
        for step in steps
        if isinstance(step, Step)
    }


def printed(request: Request) -> dict[str, Any]:
    return {"method": request.method.id, "target": request.target, "query": dict(request.query), "body": request.body}


def summary(request: Request) -> str:
    """A request in a line, without its body."""
    return " ".join([request.method.id, request.target, *(f"{name}={value}" for name, value in request.query.items())])


def _in_order(declared: Sequence[Declared]) -> Iterator[Declared]:
    """Each after those that it needs; those that are not to be there before them."""
    by_what = {each.what: each for each in declared}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for each in declared:
        sorter.add(each.what)
        for other in each.needs & by_what.keys():
            first, then = (each.what, other) if each.absent else (other, each.what)
            sorter.add(then, first)
    return (by_what[what] for what in sorter.static_order())


def _steps(declared: Declared, actual: Sequence[Resource], names: Mapping[str, str]) -> Iterator[Step]:
    if declared.absent:
        for each in actual:
            what = declared.what.replace("{name}", str(each.get("name")))
            yield Step(declared=declared, verb="removed", what=what, actual=each)
    elif not actual and declared.kind.has("create"):
        yield Step(declared=declared, verb="created", what=declared.what)
    else:
        [one] = actual or [{}]
        if any(differences(one, declared.fixed)):
            raise WrongResource(*declared.if_other)
        # What cannot be made is always there, though no list has it before it has fields of ours.
        fields = tuple(differences(one, _comparable(resolved(declared.fields, names))) if actual else declared.fields)
        verb = "changed" if fields else "unchanged"
        yield Step(declared=declared, verb=verb, what=declared.what, actual=one, fields=fields)


def _comparable(node: Any) -> Any:
    """Without names that are not known yet, which are not those that are there."""
    return json.loads(json.dumps(node, default=lambda name: _unknown(name.what)))


def _unknown(what: str) -> str:
    return f"<name of {what}>"


def _creation(declared: Declared, fields: Resource) -> Request:
    method = declared.kind.method("create")
    if declared.name and method.takes(declared.name):  # Pub/Sub: PUT to the name itself
        return method.request(declared.name, fields)
    if declared.kind.id_in == "accountId":  # A service account: its address begins with the id.
        account = {"accountId": declared.id.partition("@")[0], "serviceAccount": fields}
        return method.request(declared.parent, account)
    if declared.kind.id_in == "body":
        # As the resource itself has it: in full, but for the metrics of Cloud Logging.
        name = declared.id if declared.kind.api == "logging" else declared.name
        return method.request(declared.parent, {"name": name, **fields})
    query = {declared.kind.id_in: declared.id} if declared.kind.id_in else {}
    return method.request(declared.parent, fields, query=query)


def _update(step: Step, actual: Resource, fields: Resource) -> Request:
    """Only our fields, by a mask. Where a method takes no mask, the resource as it was read, with our fields in it and
    the etag that it had."""
    kind, target = step.declared.kind, full_name(step.declared, actual)
    if step.fields == ("disabled",) and kind.has("enable"):  # A service account: no update takes the field.
        return kind.method("enable").request(target, {})
    whole, own = merged(actual, fields), merged({}, fields)
    if not kind.has("patch"):
        return kind.method("update").request(target, whole, ours=own)
    method = kind.method("patch")
    to_mask = top_of if kind.masks_whole_fields else method.mask_path
    mask = ",".join(dict.fromkeys(map(to_mask, step.fields)))
    sent = own if kind.replaces_fields else whole
    ours = {top: sent[top] for top in dict.fromkeys(map(top_of, step.fields)) if top in sent}
    if "etag" in actual and method.field_schema("etag"):
        ours["etag"] = actual["etag"]
    if method.has_parameter("updateMask"):
        return method.request(target, ours, ours=own, query={"updateMask": mask})
    if method.field_schema("updateMask"):  # Pub/Sub: the mask is a part of the body
        field = kind.collection.rpartition(".")[2].removesuffix("s")
        return method.request(target, {field: ours, "updateMask": mask}, ours={field: own})
    return method.request(target, whole, ours=own)
