"""Changes of source by node of the syntax tree: by what a node is, and not how it is spelled or where it stands. Pure.

A pattern is Python, with words of its own:

| in a pattern | stands for |
| --- | --- |
| `_` | any expression; as a parameter or the name of an error, any name |
| `_1` to `_9` | any expression, for which it stands in the change, too; twice in a pattern, the same one |
| `(_1 := pattern)` | the same, for an expression that matches the pattern |
| `(_0 := pattern)` | what is replaced, where that is not all that the pattern matches |
| `...` | the arguments that are left; as a statement, any statements |

Keyword arguments come in any order, a dictionary may have more keys, and an `if` without `else` may have one.
`except Error:` with statements is a pattern, too. In the change, `_0` is what it replaces.
"""

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

_CAPTURE = re.compile(r"\b_\d\b")
_REPLACED = "_0"
_UNCOMPARED = {"ctx", "kind", "type_comment"}
"""Fields that follow from where a node stands, or from how it is spelled."""

_Captures = dict[str, ast.expr]


class NotOneNode(Exception):
    """No node of the source matches the pattern, or several do, or the one cannot be replaced by itself."""


def changed(source: str, pattern: str, change: str) -> str:
    """The source with one node changed, or statements that follow one another. All other text stays as it is.

    Args:
        source: a module's.
        pattern: what matches them and nothing else.
        change: what comes in their place.

    Raises:
        NotOneNode: as above.
    """
    wanted = _nodes_of(pattern)
    found = list(_found(wanted, ast.parse(source)))
    if len(found) != 1:
        raise NotOneNode(f"{len(found)} nodes match, and one must")
    nodes, captures = found[0]
    if _REPLACED in captures:
        nodes = [captures[_REPLACED]]
    content = source.encode()
    start, end = _span(content, nodes)
    before = content[start:end].decode()
    texts = {name: f"({ast.unparse(node)})" for name, node in captures.items()}
    if isinstance(nodes[0], ast.stmt):
        texts[_REPLACED] = before
        change = textwrap.indent(change, " " * nodes[0].col_offset).lstrip()
    else:
        if not _is_source_of(before, nodes[0]):
            raise NotOneNode("it is within an f-string, where nodes have no place: match the whole string")
        texts[_REPLACED] = f"({before})"
        change = f"({change})"
    after = _CAPTURE.sub(lambda word: texts[word[0]], change)
    return (content[:start] + after.encode() + content[end:]).decode()


def _nodes_of(pattern: str) -> Sequence[Any]:
    pattern = textwrap.dedent(pattern).strip()
    if pattern.startswith("except "):
        (statement,) = ast.parse(f"try:\n    ...\n{pattern}").body
        assert isinstance(statement, ast.Try)
        return statement.handlers
    body = ast.parse(pattern).body
    return [body[0].value] if len(body) == 1 and isinstance(body[0], ast.Expr) else body


def _found(wanted: Sequence[Any], tree: ast.AST) -> Iterator[tuple[Sequence[Any], _Captures]]:
    for node in ast.walk(tree):
        candidates = [[node]]
        if isinstance(wanted[0], ast.stmt):
            lists = [value for _, value in ast.iter_fields(node) if isinstance(value, list)]
            candidates = [each[at : at + len(wanted)] for each in lists for at in range(len(each))]
        for candidate in candidates:
            captures: _Captures = {}
            if len(candidate) == len(wanted) and _match_each(wanted, candidate, captures):
                yield candidate, captures


def _match(wanted: Any, found: Any, captures: _Captures) -> bool:
    """Whether a part of a pattern matches a part of a tree. Notes what its words stand for."""
    match wanted:
        case ast.Name(id="_"):
            return isinstance(found, ast.expr)
        case ast.Name(id=name) if _CAPTURE.fullmatch(name):
            return isinstance(found, ast.expr) and _note(name, found, captures)
        case ast.NamedExpr(target=ast.Name(id=name), value=value) if _CAPTURE.fullmatch(name):
            return _match(value, found, captures) and _note(name, found, captures)
        case ast.AST():
            return type(wanted) is type(found) and all(
                _match_field(name, wanted, found, captures) for name in wanted._fields if name not in _UNCOMPARED
            )
        case list():
            return isinstance(found, list) and _match_each(wanted, found, captures)
    return bool(wanted in ("_", found))


def _match_field(name: str, wanted: Any, found: Any, captures: _Captures) -> bool:
    expected, there = getattr(wanted, name), getattr(found, name)
    match wanted, name:
        case ast.If(orelse=[]), "orelse":
            return True
        case ast.Call(args=args), "keywords":
            by_name = {each.arg: each for each in there}
            return (len(there) == len(expected) or any(map(_is_rest, args))) and all(
                _match(each, by_name.get(each.arg), captures) for each in expected
            )
        case ast.Dict(), "keys":
            pairs = [(key, value) for key, value in zip(there, found.values, strict=True)]
            return all(
                any(_match(key, other, captures) and _match(value, its, captures) for other, its in pairs)
                for key, value in zip(expected, wanted.values, strict=True)
            )
        case ast.Dict(), "values":
            return True
    return _match(expected, there, captures)


def _match_each(wanted: Sequence[Any], found: Sequence[Any], captures: _Captures) -> bool:
    if not wanted:
        return not found
    first, *others = wanted
    if not _is_rest(first):
        return bool(found) and _match(first, found[0], captures) and _match_each(others, found[1:], captures)
    for left in range(len(found), -1, -1):
        tried = dict(captures)
        if _match_each(others, found[left:], tried):
            captures.update(tried)
            return True
    return False


def _is_rest(wanted: Any) -> bool:
    node = wanted.value if isinstance(wanted, ast.Expr) else wanted
    return isinstance(node, ast.Constant) and node.value is ...


def _note(name: str, found: ast.expr, captures: _Captures) -> bool:
    return ast.unparse(captures.setdefault(name, found)) == ast.unparse(found)


def _span(content: bytes, nodes: Sequence[Any]) -> tuple[int, int]:
    lines = [0, *(at + 1 for at, byte in enumerate(content) if byte == ord("\n"))]
    first, last = nodes[0], nodes[-1]
    return lines[first.lineno - 1] + first.col_offset, lines[last.end_lineno - 1] + last.end_col_offset


def _is_source_of(text: str, node: ast.expr) -> bool:
    try:
        return ast.dump(ast.parse(f"({text})", mode="eval").body) == ast.dump(node)
    except SyntaxError:
        return False
