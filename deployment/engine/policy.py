"""Who may do what with a resource: its IAM policy, of which only what is declared is ours.

https://cloud.google.com/iam/docs/reference/rest/v1/Policy
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deployment.engine.discovery import Method, Request, Resource

_VERSION = 3
"""That of policies with conditions, which would be lost in an older one."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role of a member, such as serviceAccount:a@p.iam.gserviceaccount.com, with the title and expression of its
    condition, if it has one."""

    role: str
    member: str
    title: str = ""
    expression: str = ""

    @property
    def who(self) -> str:
        return self.member.split(":", 1)[-1]


def grants_in(policy: Resource) -> Iterator[Grant]:
    for binding in policy.get("bindings", []):
        condition = binding.get("condition", {})
        for member in binding.get("members", []):
            yield Grant(
                role=binding["role"],
                member=member,
                title=condition.get("title", ""),
                expression=condition.get("expression", ""),
            )


def changed(policy: Resource, *, add: Iterable[Grant], remove: Iterable[Grant]) -> Resource:
    too_many = set(remove)
    bindings = []
    for binding in policy.get("bindings", []):
        kept = [each.member for each in grants_in({"bindings": [binding]}) if each not in too_many]
        if kept:
            bindings.append({**binding, "members": kept})
    there = set(grants_in({"bindings": bindings}))
    added = [
        {"role": each.role, "members": [each.member]}
        | ({"condition": {"title": each.title, "expression": each.expression}} if each.title else {})
        for each in add
        if each not in there
    ]
    return {**policy, "version": _VERSION, "bindings": [*bindings, *added]}


def read_request(method: Method, name: str) -> Request:
    if "request" in method.described:
        return method.request(name, {"options": {"requestedPolicyVersion": _VERSION}})
    return method.request(name, query={"options.requestedPolicyVersion": str(_VERSION)})
