"""Which version a project goes on with, what that brings, and whether its kinds go with it. Pure."""

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

_TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_SECTION = re.compile(r"^##+ \[?(?:Unreleased|\d+\.\d+\.\d+)\b.*\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Kit:
    """What a version lets kinds import.

    Attributes:
        api: its number.
        names: what `report_kit` has.
    """

    api: int
    names: Collection[str]


def tags_of(listed: str) -> dict[str, str]:
    """The commit of each release, by its version.

    Args:
        listed: what `git ls-remote` prints. The commit of an annotated tag comes after the tag, with ^{} at its name.
    """
    found: dict[str, str] = {}
    for line in listed.splitlines():
        commit, _, name = line.partition("\trefs/tags/")
        tag = name.removesuffix("^{}")
        if _TAG.fullmatch(tag):
            found[tag[1:]] = commit
    return found


def newest(versions: Iterable[str]) -> str | None:
    """The newest of some versions; None where there is none."""
    return max(versions, key=_numbers, default=None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def what_is_new(text: str, *, old: str, new: str) -> str:
    """The sections of a change log, or of the page about upgrading, on the versions after one up to another.

    Args:
        text: a heading with its version above each section, the newest one first.
        old: the version that is left.
        new: the version that is taken. Where it is `old`, too, what is not released yet.
    """
    headings = list(_SECTION.finditer(text))
    found = []
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        section = text[heading.start() : following.start() if following else len(text)]
        version = re.search(r"\d+\.\d+\.\d+", heading[0])
        if _numbers(old) < _numbers(version[0]) <= _numbers(new) if version else old == new:
            # The page goes on with other matters.
            found.append(re.split(r"^## (?!\[)", section, maxsplit=1, flags=re.MULTILINE)[0].strip())
    return "\n\n".join(found)


def kit_of(source: str) -> Kit:
    """What the front of a version's `report_kit` says.

    Args:
        source: the text of its `__init__.py`.
    """
    values = {
        target.id: ast.literal_eval(statement.value)
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id in {"API", "__all__"}
    }
    return Kit(api=values.get("API", 0), names=values.get("__all__", ()))


def imports_of(source: str) -> set[str]:
    """The names that a module of a kind has of `report_kit`."""
    return {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module == "report_kit"
        for alias in node.names
    }


def unserved(imports: Mapping[str, Collection[str]], old: Kit, new: Kit) -> dict[str, str]:
    """The kinds that another version does not serve, each with the reason.

    Args:
        imports: the names that each kind has of `report_kit`. A kind from SQL has none.
        old: of the version that the kinds are written for.
        new: of the other one.
    """
    found = {}
    for kind, names in imports.items():
        if missing := sorted(set(names) - set(new.names)):
            found[kind] = f"report_kit has no {', '.join(missing)} any more"
        elif names and new.api != old.api:
            found[kind] = f"it is written for report_kit.API {old.api}, and the version has {new.api}"
    return found
