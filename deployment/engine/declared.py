"""What the pipeline has in a project, as data."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deployment.engine.discovery import Method, Resource, method
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
    """

    api: str
    version: str
    collection: str
    id_in: str = ""
    masks_whole_fields: bool = False

    def has(self, verb: str) -> bool:
        """Whether its resources have a method."""
        try:
            self.method(verb)
        except KeyError:
            return False
        return True

    def method(self, verb: str) -> Method:
        """A method of its resources.

        Raises:
            KeyError: there is none.
        """
        return method(self.api, self.version, f"{self.collection}.{verb}")


@dataclass(frozen=True)
class NameOf:
    """Stands in a resource's fields for the name of another one, which may not be there yet.

    Attributes:
        what: the other one's.
    """

    what: str


@dataclass(frozen=True, kw_only=True)
class LeftAlone:
    """What people may change by hand: the run names it, and leaves it as it is.

    Attributes:
        usual: the fields as they are where nobody has changed them.
        lines: what to say where they are not.
    """

    usual: Mapping[str, Any]
    lines: tuple[str, ...]


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
        left_alone: what people may change.
        grants: what its policy is to grant.
        takes_back: what its policy is not to grant. What else it grants is left alone.
        in_gcloud: how gcloud's commands about its policy name it, such as `pubsub topics t`.
        found_by: fields by which it is found where Google chooses the name.
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
    left_alone: LeftAlone | None = None
    grants: tuple[Grant, ...] = ()
    takes_back: tuple[Grant, ...] = ()
    in_gcloud: str = ""
    found_by: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    absent: bool = False

    @property
    def name(self) -> str:
        """Its full name; empty where Google chooses it."""
        collection = self.kind.collection.rpartition(".")[2]
        return f"{self.parent}/{collection}/{self.id}" if self.id else ""

    @property
    def needs(self) -> frozenset[str]:
        """The `what` of all others that must be there first."""
        return frozenset(self.after) | {each.what for each in _names_in(self.fields)}

    def gone(self) -> "Declared":
        """That it is not to be there."""
        return replace(self, absent=True)


def full_name(declared: Declared, actual: Resource) -> str:
    """The full name of a resource that is there."""
    # Cloud Logging's metrics have their id in the field.
    return declared.name or str(actual["name"])


def resolved(node: Any, names: Mapping[str, str]) -> Any:
    """A resource's fields with the names of others in them.

    Args:
        node: the fields.
        names: by `what`; a name that is not known yet stays as it is.
    """
    if isinstance(node, NameOf):
        return names.get(node.what, node)
    if isinstance(node, Mapping):
        return {key: resolved(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(each, names) for each in node]
    return node


def _names_in(node: Any) -> Iterator[NameOf]:
    if isinstance(node, NameOf):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _names_in(value)
    elif isinstance(node, list):
        for each in node:
            yield from _names_in(each)


def merged(actual: Any, wanted: Any) -> Any:
    """A resource with our fields changed in it. Lists are replaced."""
    if not isinstance(wanted, Mapping):
        return wanted
    actual = actual if isinstance(actual, Mapping) else {}
    both = {**actual, **{key: merged(actual.get(key), value) for key, value in wanted.items()}}
    return {key: value for key, value in both.items() if value is not None}


def top_of(path: str) -> str:
    """The first key of a field's path."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
