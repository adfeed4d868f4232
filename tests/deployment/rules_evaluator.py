"""Tries a request against Firestore's rules, as far as deployment/firestore.rules uses their language.

Google's own evaluator needs Java and a download, or a project: deploy.sh asks the latter with the same cases. What this
one does not know it refuses to read, so that no rule is taken for something that it is not.
https://firebase.google.com/docs/rules/rules-language, https://firebase.google.com/docs/reference/rules/rules
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

METHODS = {
    "read": {"get", "list"},
    "write": {"create", "update", "delete"},
    **{method: {method} for method in ("get", "list", "create", "update", "delete")},
}


class RulesError(Exception):
    """An expression that fails: the rule that it is in allows nothing."""


class RuleSet(frozenset[str]):
    """rules.Set"""

    def hasAny(self, keys: Sequence[str]) -> bool:  # noqa: N802  as in the language
        return bool(self & set(keys))


class RuleMap:
    """rules.Map"""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        if name not in self._fields:
            raise RulesError(name)
        return as_rule_value(self._fields[name])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RuleMap) and self._fields == other._fields

    def __hash__(self) -> int:
        raise TypeError

    def diff(self, other: "RuleMap") -> "RuleMapDiff":
        return RuleMapDiff(self._fields, other._fields)


@dataclass(frozen=True)
class RuleMapDiff:
    """rules.MapDiff"""

    new: Mapping[str, Any]
    old: Mapping[str, Any]

    def affectedKeys(self) -> RuleSet:  # noqa: N802  as in the language
        absent = object()
        return RuleSet(key for key in {*self.new, *self.old} if self.new.get(key, absent) != self.old.get(key, absent))


def as_rule_value(value: Any) -> Any:
    return RuleMap(value) if isinstance(value, Mapping) else value


@dataclass
class Match:
    """A `match` block, or the file as a whole."""

    path: list[str] = field(default_factory=list)
    allows: list[tuple[set[str], str]] = field(default_factory=list)
    functions: dict[str, tuple[list[str], str]] = field(default_factory=dict)
    matches: list["Match"] = field(default_factory=list)


class Rules:
    """A file of rules.

    Args:
        source: its text.

    Raises:
        ValueError: it uses something that this evaluator does not know.
    """

    def __init__(self, source: str) -> None:
        text = re.sub(r"//[^\n]*", "", source)
        opening = re.match(r"\s*rules_version = '2';\s*service cloud\.firestore \{", text)
        if opening is None:
            raise ValueError("not rules of version 2 for Firestore")
        self._root = Match()
        end = _read_block(text, opening.end(), self._root)
        if text[end:].strip():
            raise ValueError(f"not known: {text[end:].strip()[:80]}")

    def allow(
        self, method: str, path: str, *, auth: Mapping[str, Any] | None, before: Any = None, after: Any = None
    ) -> bool:
        """Whether a request is allowed.

        Args:
            method: get, list, create, update or delete.
            path: of the document, below the database.
            auth: who asks; None for strangers.
            before: the document's fields, None where there is none.
            after: the fields that it is to have.
        """
        request = RuleMap({"auth": auth, "method": method, **({} if after is None else {"resource": {"data": after}})})
        names = {"request": request, "resource": None if before is None else RuleMap({"data": before})}
        segments = ["databases", "(default)", "documents", *path.split("/")]
        return any(
            method in methods and _holds(condition, names | variables, functions)
            for match, variables, functions in _matching(self._root, segments, {}, {})
            for methods, condition in match.allows
        )


def _read_block(text: str, start: int, block: Match) -> int:
    """Read up to the brace that closes a block; returns the position behind it."""
    position = start
    while True:
        rest = re.compile(r"\s*").match(text, position)
        position = rest.end() if rest else position
        if text.startswith("}", position):
            return position + 1
        if found := re.compile(r"match ((?:/[^/\s]+)+) \{").match(text, position):
            inner = Match(path=found[1].strip("/").split("/"))
            block.matches.append(inner)
            position = _read_block(text, found.end(), inner)
        elif found := re.compile(r"function (\w+)\(([\w, ]*)\) \{\s*return ([^;]+);\s*\}").match(text, position):
            parameters = [name.strip() for name in found[2].split(",") if name.strip()]
            block.functions[found[1]] = (parameters, _to_python(found[3]))
            position = found.end()
        elif found := re.compile(r"allow ([a-z, ]+): if ([^;]+);").match(text, position):
            methods = set().union(*(METHODS[name.strip()] for name in found[1].split(",")))
            block.allows.append((methods, _to_python(found[2])))
            position = found.end()
        else:
            raise ValueError(f"not known: {text[position : position + 80]}")


def _to_python(expression: str) -> str:
    strings = re.findall(r"'[^'\\]*'", expression)
    plain = re.sub(r"'[^'\\]*'", "''", expression)
    if re.search(r"[^\w\s.,()\[\]!&|=']", plain) or re.search(r"(?<!&)&(?!&)|(?<!\|)\|(?!\|)|(?<![=!])=(?!=)", plain):
        raise ValueError(f"not known: {expression}")
    plain = plain.replace("&&", " and ").replace("||", " or ")
    plain = re.sub(r"!(?!=)", " not ", plain)
    for word, value in {"true": "True", "false": "False", "null": "None"}.items():
        plain = re.sub(rf"\b{word}\b", value, plain)
    parts = plain.split("''")
    return "".join(part + string for part, string in zip(parts, [*strings, ""], strict=True)).replace("\n", " ").strip()


def _matching(
    block: Match, segments: Sequence[str], variables: dict[str, Any], functions: dict[str, Any]
) -> Iterator[tuple[Match, dict[str, Any], dict[str, Any]]]:
    functions = functions | block.functions
    for inner in block.matches:
        found, rest = dict(variables), list(segments)
        for part in inner.path:
            if not rest:
                break
            if re.fullmatch(r"\{\w+=\*\*\}", part):
                found[part[1:-4]], rest = "/".join(rest), []
            elif re.fullmatch(r"\{\w+\}", part):
                found[part[1:-1]] = rest.pop(0)
            elif part == rest[0]:
                rest.pop(0)
            else:
                break
        else:
            if rest:
                yield from _matching(inner, rest, found, functions)
            else:
                yield inner, found, functions | inner.functions


def _holds(condition: str, names: Mapping[str, Any], functions: Mapping[str, tuple[list[str], str]]) -> bool:
    def call(parameters: list[str], body: str) -> Callable[..., Any]:
        # A function sees the request and the functions beside it, and its own parameters.
        return lambda *values: evaluate(body, dict(names) | dict(zip(parameters, values, strict=True)))

    def evaluate(expression: str, known: Mapping[str, Any]) -> Any:
        environment = {**{name: call(*function) for name, function in functions.items()}, **known, "__builtins__": {}}
        return eval(expression, environment)  # noqa: S307  of a file of this repository

    try:
        return evaluate(condition, names) is True
    except (RulesError, AttributeError):
        return False
