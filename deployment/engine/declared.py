"""What the pipeline has in a project, as data."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from deployment.engine.discovery import Method, Request, Resource, method
from deployment.engine.policy import Grant


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A collection of one of Google's interfaces.

    Attributes:
        api: the interface's name, such as `logging`.
        version: the interface's version, such as `v2`.
        collection: as the discovery document nests it, such as `projects.metrics`.
        id_in: where a new resource's id goes: a parameter's name, such as `serviceId`, or `body` for the field `name`.
            Empty where Google chooses the name.
        masks_whole_fields: whether its update masks name no field within another.
        replaces_fields: whether an update sends nothing of a field but what is ours.
        in_another: whether it is in a resource that may not be there yet.
        list_filter: what its list is asked for, where Google requires it.
        named: what stands before the id in a name, where that is not the collection.
        single: of what a place has one of, the name in its methods, such as CmekConfig in `getCmekConfig`.
        may_be_buried: whether Google may say that it has made one, and has not, since one of this name was deleted.
        operations: the collection of the operations that the run waits for after a change; empty where it need not.
    """

    api: str
    version: str
    collection: str
    id_in: str = ""
    masks_whole_fields: bool = False
    replaces_fields: bool = False
    in_another: bool = False
    list_filter: str = ""
    named: str = ""
    single: str = ""
    operations: str = ""
    may_be_buried: bool = False

    def has(self, verb: str) -> bool:
        try:
            self.method(verb)
        except KeyError:
            return False
        return True

    def method(self, verb: str) -> Method:
        if self.single:
            verb = {"patch": "update"}.get(verb, verb) + self.single
        return method(self.api, self.version, f"{self.collection}.{verb}")

    def operation(self, name: str) -> Request:
        return method(self.api, self.version, f"{self.operations}.get").request(name)


API = Kind(
    api="serviceusage", version="v1", collection="services", list_filter="state:ENABLED", operations="operations"
)
"""An interface, as a project has it on or off."""


@dataclass(frozen=True)
class NameOf:
    """Stands in a resource's fields for the name of another one, which may not be there yet."""

    what: str


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource as it is to be.

    Attributes:
        what: how the lines of a run name it; only one has this name.
        kind: where it is.
        parent: the full name of what it is in, such as projects/p.
        id: the last part of its name; empty where Google chooses the name.
        fields: those of its fields that are ours, as JSON has them; None for one that is not to be there. Others are
            left alone.
        at_first: fields that it gets when it is made, and that people may change afterwards.
        fixed: fields that no request changes. Where they are others, the run ends and says `if_other`.
        if_other: what is wrong then, and a line of what to do.
        left_alone: what people may change by hand: the lines that a run says of the resource as it is, if any.
        grants: what its policy is to grant.
        takes_back: whether its policy is not to grant something. What else it grants is left alone.
        where: how the lines of a run name what a grant is on, where that is not `what`.
        asked_first: by members, the request before they are first granted something: that Google make the account of a
            service of its own.
        if_taken_back: a line that a run says after it took something back.
        policy_alone: only the policy is declared: something else makes the resource.
        in_gcloud: how gcloud's commands about its policy name it, such as `pubsub topics t`.
        found_by: fields by which it is found where Google chooses the name.
        listed_in: the parent whose list has it, where that is not its own: such as collectionGroups/- for all groups.
        after: the `what` of others that must be there first, beside those that its fields name.
        absent: it is not to be there, nor any other with the fields of `found_by`.
    """

    what: str
    kind: Kind
    parent: str
    id: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    at_first: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    if_other: tuple[str, ...] = ()
    left_alone: Callable[[Resource], tuple[str, ...]] = lambda _: ()
    grants: tuple[Grant, ...] = ()
    takes_back: Callable[[Grant], bool] | None = None
    where: Callable[[Grant], str] | None = None
    asked_first: Mapping[str, Request] = field(default_factory=dict)
    if_taken_back: str = ""
    policy_alone: bool = False
    in_gcloud: str = ""
    found_by: Mapping[str, Any] = field(default_factory=dict)
    listed_in: str = ""
    after: tuple[str, ...] = ()
    absent: bool = False

    @cached_property
    def name(self) -> str:
        collection = "" if self.kind.single else self.kind.named or self.kind.collection.rpartition(".")[2]
        return "/".join(filter(None, [self.parent, collection, self.id])) if self.id else ""

    @property
    def is_listed(self) -> bool:
        return bool(self.listed_in) or not self.id

    @cached_property
    def needs(self) -> frozenset[str]:
        return frozenset(self.after) | {each.what for each in _names_in(self.fields)}

    def gone(self) -> "Declared":
        return replace(self, absent=True)


def full_name(declared: Declared, actual: Resource) -> str:
    # Cloud Logging's metrics have their id in the field.
    return declared.name or str(actual["name"])


def resolved(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, NameOf):
        return names.get(node.what, node)
    if isinstance(node, dict):
        return {key: resolved(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(each, names) for each in node]
    return node


def _names_in(node: Any) -> Iterator[NameOf]:
    if isinstance(node, NameOf):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _names_in(value)
    elif isinstance(node, list):
        for each in node:
            yield from _names_in(each)


def merged(actual: Any, wanted: Any) -> Any:
    """A resource with our fields changed in it. Lists are replaced."""
    if not isinstance(wanted, dict):
        return wanted
    actual = actual if isinstance(actual, dict) else {}
    both = {**actual, **{key: merged(actual.get(key), value) for key, value in wanted.items()}}
    return {key: value for key, value in both.items() if value is not None}


def top_of(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]
