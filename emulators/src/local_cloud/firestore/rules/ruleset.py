"""Whether a file of rules allows a request."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.firestore.rules.kinds import Path, RulesError, Timestamp
from local_cloud.firestore.rules.syntax import Allow, Block, Documents, Scope, Segment, parse
from local_cloud.firestore.rules.unknown import Unknown


@dataclass(frozen=True)
class AnyPath(Unknown):
    """Any number of segments: where a query of a collection group looks."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """What somebody wants to do with a document, or with all that a query finds.

    Attributes:
        method: get, list, create, update or delete.
        path: the segments of the document's path, from `databases` on.
        auth: who asks: `uid` and `token`; None for strangers.
        time: when.
        resource: the document as it is, null if there is none.
        after: as it is to be, None except for a create or an update.
        query: of a list, the limit and the offset.
    """

    method: str
    path: tuple[Any, ...]
    auth: Mapping[str, Any] | None
    time: Timestamp
    resource: Any
    after: Any = None
    query: Mapping[str, Any] | None = None


class Ruleset:
    """A file of rules.

    Args:
        source: its text.

    Raises:
        InvalidRules: it is none. The text names the line.
    """

    def __init__(self, source: str) -> None:
        self._root, self._version = parse(source)

    def allows(self, access: Access, documents: Documents) -> bool:
        """Whether a rule allows it.

        Args:
            access: what is wanted.
            documents: those that rules may look at.
        """
        path = Unknown() if any(isinstance(each, Unknown) for each in access.path) else Path(access.path)
        request = {"auth": access.auth, "method": access.method, "path": path, "time": access.time}
        if access.after is not None:
            request["resource"] = access.after
        if access.query is not None:
            request["query"] = access.query
        scope = Scope({"request": request, "resource": access.resource}, {}, documents)
        return any(
            access.method in allow.methods and _holds(allow, inner)
            for allow, inner in self._matching(self._root, access.path, scope)
        )

    def _matching(self, block: Block, path: tuple[Any, ...], scope: Scope) -> Iterator[tuple[Allow, Scope]]:
        """The rules whose blocks match a path, each with the variables and functions of its blocks."""
        functions = dict(scope.functions)
        home = Scope(scope.variables, functions, scope.documents)
        functions.update({name: (function, home) for name, function in block.functions.items()})
        if not path:
            yield from ((allow, home) for allow in block.allows)
        for inner in block.blocks:
            for variables, rest in self._bindings(inner.path, path):
                yield from self._matching(
                    inner, rest, Scope({**home.variables, **variables}, functions, scope.documents)
                )

    def _bindings(
        self, template: Sequence[Segment], path: tuple[Any, ...]
    ) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
        """How a template matches the beginning of a path: its variables, and the rest of the path."""
        if not template:
            yield {}, path
            return
        segment, following = template[0], template[1:]
        if segment.is_deep:
            # In version 1 it stands for at least one segment, and nothing follows it.
            least = 0 if self._version == 2 else 1
            for end in range(least, len(path) + 1):
                taken = path[:end]
                is_unknown = any(isinstance(each, Unknown) for each in taken)
                for variables, rest in self._bindings(following, path[end:]):
                    yield {segment.text: Unknown() if is_unknown else Path(taken), **variables}, rest
        elif path and not isinstance(path[0], AnyPath) and (segment.is_variable or segment.text == path[0]):
            own = {segment.text: path[0]} if segment.is_variable else {}
            for variables, rest in self._bindings(following, path[1:]):
                yield {**own, **variables}, rest


def _holds(allow: Allow, scope: Scope) -> bool:
    try:
        return allow.condition(scope) is True
    except (RulesError, RecursionError):
        return False
