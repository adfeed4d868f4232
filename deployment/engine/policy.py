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
    """A role of a member.

    Attributes:
        role: such as roles/pubsub.publisher.
        member: such as serviceAccount:a@p.iam.gserviceaccount.com.
        title: of its condition; empty where there is none.
    """

    role: str
    member: str
    title: str = ""


def grants_in(policy: Resource) -> Iterator[Grant]:
    """All that a policy grants."""
    for binding in policy.get("bindings", []):
        for member in binding.get("members", []):
            yield Grant(role=binding["role"], member=member, title=binding.get("condition", {}).get("title", ""))


def changed(policy: Resource, *, add: Iterable[Grant], remove: Iterable[Grant]) -> Resource:
    """A policy with grants that have no condition added and removed.

    Args:
        policy: as it was read, whose etag stays.
        add: what it is to grant.
        remove: what it is not to grant.
    """
    removed = {(each.role, each.member) for each in remove}
    bindings = []
    for binding in policy.get("bindings", []):
        members = binding.get("members", [])
        if "condition" not in binding:
            members = [member for member in members if (binding["role"], member) not in removed]
        if members:
            bindings.append({**binding, "members": members})
    there = set(grants_in({"bindings": bindings}))
    added = [{"role": each.role, "members": [each.member]} for each in add if each not in there]
    return {**policy, "version": _VERSION, "bindings": [*bindings, *added]}


def read_request(method: Method, name: str) -> Request:
    """The request that reads a resource's policy.

    Args:
        method: `getIamPolicy` of the resource's collection.
        name: the resource's full name.
    """
    if method.http_method == "GET":
        return method.request(name, query={"options.requestedPolicyVersion": str(_VERSION)})
    return method.request(name, {"options": {"requestedPolicyVersion": _VERSION}})
