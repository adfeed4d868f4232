"""Reads a file of rules. Expressions become functions of the scope that they are evaluated in.

https://firebase.google.com/docs/rules/rules-language
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from local_cloud.firestore.rules import kinds, unknown
from local_cloud.firestore.rules.kinds import Binding, Path, RulesError
from local_cloud.firestore.rules.unknown import Unknown, UnknownField

METHODS = {
    "read": {"get", "list"},
    "write": {"create", "update", "delete"},
    **{method: {method} for method in ("get", "list", "create", "update", "delete")},
}

_MAX_DEPTH = 20
"""https://firebase.google.com/docs/firestore/quotas#security_rules"""

_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?")
_STRING = re.compile(r"""(b?)('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")""")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|[0-7]{3}|u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_SEGMENT = re.compile(r"\(default\)|[\w\-.~%@:+*]+")
_TEMPLATE = re.compile(r"\{(\w+)(=\*\*)?\}|\(default\)|[\w\-.~%@:+*]+")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_LEVELS = (("==", "!="), ("in", "is"), ("<=", ">=", "<", ">"), ("+", "-"), ("*", "/", "%"))
"""The operators between && and the unary ones, those that bind less first."""

_NAMESPACES = {"duration", "hashing", "latlng", "math", "timestamp"}


class Documents(Protocol):
    """The documents that rules may look at."""

    def get(self, path: Path, *, after: bool) -> Any:
        """A document as a map of `data`, `id` and `__name__`, null if there is none.

        Args:
            path: its path, with database.
            after: as it is after the request, not before.

        Raises:
            RulesError: it is no path of a document, or too many are asked for.
        """


@dataclass(frozen=True)
class Scope:
    """Where an expression is evaluated.

    Attributes:
        variables: values by name.
        functions: functions, each with the scope of its block, by name.
        documents: what `get` and its like look at.
        depth: how many functions have called each other.
    """

    variables: Mapping[str, Any]
    functions: Mapping[str, "tuple[Function, Scope]"]
    documents: Documents
    depth: int = 0


Expression = Callable[[Scope], Any]


@dataclass(frozen=True)
class Function:
    """A function of a block."""

    parameters: tuple[str, ...]
    lets: tuple[tuple[str, Expression], ...]
    body: Expression


@dataclass(frozen=True)
class Allow:
    """An `allow` of a block.

    Attributes:
        methods: what it allows.
        condition: if what.
        line: its line in the file.
    """

    methods: frozenset[str]
    condition: Expression
    line: int


@dataclass(frozen=True)
class Segment:
    """A segment of a `match`: a text, or a variable, which may stand for several segments."""

    text: str
    is_variable: bool = False
    is_deep: bool = False


@dataclass
class Block:
    """A `match`, or the service as a whole."""

    path: tuple[Segment, ...] = ()
    allows: list[Allow] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    blocks: "list[Block]" = field(default_factory=list)


class InvalidRules(ValueError):
    """Not a file of rules."""


def parse(text: str) -> tuple[Block, int]:
    """Read a file of rules.

    Returns:
        What is in `service cloud.firestore`, and the version of the rules.

    Raises:
        InvalidRules: with the line.
    """
    return _Reader(text).file()


def parse_expression(text: str) -> Expression:
    """Read one expression.

    Raises:
        InvalidRules: it is none.
    """
    reader = _Reader(text)
    expression = reader.expression()
    reader.expect_end()
    return expression


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    # The file

    def file(self) -> tuple[Block, int]:
        version = 1
        if self._take("rules_version"):
            self._expect("=")
            version = 2 if self._string() == "2" else 1
            self._take(";")
        self._expect("service")
        self._expect("cloud.firestore")
        root = Block()
        self._block(root)
        self.expect_end()
        return root, version

    def expect_end(self) -> None:
        self._skip()
        if self._at < len(self._text):
            raise self._wrong("the end")

    def _block(self, block: Block) -> None:
        self._expect("{")
        while not self._take("}"):
            if self._take("match"):
                inner = Block(self._template())
                block.blocks.append(inner)
                self._block(inner)
            elif self._take("function"):
                name, function = self._function()
                block.functions[name] = function
            else:
                block.allows.append(self._allow())

    def _template(self) -> tuple[Segment, ...]:
        segments = []
        while self._take("/"):
            found = self._match(_TEMPLATE, "a segment")
            is_variable = found[1] is not None
            segments.append(Segment(found[1] or found[0], is_variable, found[2] is not None))
        if not segments:
            raise self._wrong("a path")
        return tuple(segments)

    def _function(self) -> tuple[str, Function]:
        name = self._name()
        self._expect("(")
        parameters = self._list(self._name, ")")
        self._expect("{")
        lets = []
        while self._take("let"):
            variable = self._name()
            self._expect("=")
            lets.append((variable, self.expression()))
            self._expect(";")
        self._expect("return")
        body = self.expression()
        self._take(";")
        self._expect("}")
        return name, Function(tuple(parameters), tuple(lets), body)

    def _allow(self) -> Allow:
        self._skip()
        line = self._text.count("\n", 0, self._at) + 1
        self._expect("allow")
        methods: set[str] = set()
        while True:
            name = self._name()
            if name not in METHODS:
                raise self._wrong("a method")
            methods |= METHODS[name]
            if not self._take(","):
                break
        condition = _constant(True)
        if self._take(":"):
            self._expect("if")
            condition = self.expression()
        self._take(";")
        return Allow(frozenset(methods), condition, line)

    # Expressions

    def expression(self) -> Expression:
        condition = self._or()
        if not self._take("?"):
            return condition
        then = self.expression()
        self._expect(":")
        otherwise = self.expression()

        def choose(scope: Scope) -> Any:
            chosen = condition(scope)
            if isinstance(chosen, Unknown):
                return chosen
            return then(scope) if _bool(chosen) else otherwise(scope)

        return choose

    def _or(self) -> Expression:
        left = self._and()
        while self._take("||"):
            left = _logical(left, self._and(), decisive=True)
        return left

    def _and(self) -> Expression:
        left = self._binary(0)
        while self._take("&&"):
            left = _logical(left, self._binary(0), decisive=False)
        return left

    def _binary(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (operator := next(filter(self._take, _LEVELS[level]), None)) is not None:
            left = _is(left, self._name()) if operator == "is" else _operation(operator, left, self._binary(level + 1))
        return left

    def _unary(self) -> Expression:
        for sign, apply in (("!", lambda value: not _bool(value)), ("-", kinds.negate)):
            if self._take(sign):
                operand = self._unary()
                return _lifted(apply, operand)
        return self._postfix(self._primary())

    def _postfix(self, value: Expression) -> Expression:
        while True:
            if self._take("."):
                name = self._name()
                value = _method(value, name, self._arguments()) if self._take("(") else _member(value, name)
            elif self._take("["):
                index = self.expression()
                if self._take(":"):
                    value = _lifted(kinds.section, value, index, self.expression())
                else:
                    value = _item(value, index)
                self._expect("]")
            else:
                return value

    def _primary(self) -> Expression:
        self._skip()
        if self._text.startswith("/", self._at):
            return self._path()
        if self._take("("):
            inner = self.expression()
            self._expect(")")
            return inner
        if self._take("["):
            items = self._list(self.expression, "]")
            return lambda scope: [each(scope) for each in items]
        if self._take("{"):
            entries = self._list(self._entry, "}")
            return lambda scope: {key(scope): value(scope) for key, value in entries}
        if _STRING.match(self._text, self._at):
            return _constant(self._string())
        if found := _NUMBER.match(self._text, self._at):
            self._at = found.end()
            return _constant(float(found[0]) if found[1] or found[2] else int(found[0]))
        return self._named(self._name())

    def _named(self, name: str) -> Expression:
        if name in {"true", "false", "null"}:
            return _constant({"true": True, "false": False, "null": None}[name])
        if name in _NAMESPACES and self._take("."):
            name = f"{name}.{self._name()}"
            self._expect("(")
            if name not in kinds.FUNCTIONS:
                raise self._wrong(f"a function, which {name} is not")
            return _call(name, self._arguments())
        if self._take("("):
            return _call(name, self._arguments())

        def look_up(scope: Scope) -> Any:
            if name not in scope.variables:
                raise RulesError(f"there is no variable {name}")
            return scope.variables[name]

        return look_up

    def _entry(self) -> tuple[Expression, Expression]:
        key = self.expression()
        self._expect(":")
        return key, self.expression()

    def _arguments(self) -> list[Expression]:
        return self._list(self.expression, ")")

    def _path(self) -> Expression:
        segments: list[Expression] = []
        while self._text.startswith("/", self._at):
            self._at += 1
            if self._text.startswith("$(", self._at):
                self._at += 2
                self._skip()
                # A name may be bound later.
                found = _NAME.match(self._text, self._at)
                segments.append(_segment(self.expression(), found[0] if found else ""))
                self._expect(")")
            else:
                segments.append(_constant(self._match(_SEGMENT, "a segment")[0]))

        def make(scope: Scope) -> Any:
            made = [each(scope) for each in segments]
            return Unknown() if any(isinstance(each, Unknown) for each in made) else Path(tuple(made))

        return make

    # Pieces of text

    def _list(self, read: Callable[[], Any], end: str) -> list[Any]:
        found: list[Any] = []
        while not self._take(end):
            if found:
                self._expect(",")
                if self._take(end):
                    break
            found.append(read())
        return found

    def _string(self) -> Any:
        found = self._match(_STRING, "a string")
        if not found[1]:
            return _ESCAPE.sub(lambda each: _unescaped(each[1]), found[2][1:-1])
        octets = b""
        last = 0
        for each in _ESCAPE.finditer(inner := found[2][1:-1]):
            code = each[1]
            octets += inner[last : each.start()].encode()
            octets += (
                bytes([int(code[1:], 16)])
                if code[0] == "x"
                else bytes([int(code, 8)])
                if len(code) == 3
                else (_unescaped(code).encode())
            )
            last = each.end()
        return octets + inner[last:].encode()

    def _name(self) -> str:
        return self._match(_NAME, "a name")[0]

    def _match(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        self._skip()
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._wrong(what)
        self._at = found.end()
        return found

    def _take(self, token: str) -> bool:
        self._skip()
        if not self._text.startswith(token, self._at):
            return False
        end = self._at + len(token)
        following = self._text[end : end + 1]
        if token[-1].isalnum() and (following.isalnum() or following == "_"):
            return False
        if token in {"!", "<", ">", "="} and following == "=":
            return False
        self._at = end
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._wrong(token)

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _wrong(self, wanted: str) -> InvalidRules:
        self._skip()
        line = self._text.count("\n", 0, self._at) + 1
        found = self._text[self._at : self._at + 20].split("\n")[0] or "the end of the file"
        return InvalidRules(f"line {line}: {wanted} was expected, and not: {found}")


def _constant(value: Any) -> Expression:
    return lambda _: value


def _unescaped(code: str) -> str:
    if code[0] in "xu" and len(code) > 1:
        return chr(int(code[1:], 16))
    return chr(int(code, 8)) if len(code) == 3 else _ESCAPED.get(code, code)


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise RulesError(f"{kinds.name_of(value)} is no bool")
    return value


def _logical(left: Expression, right: Expression, *, decisive: bool) -> Expression:
    """`||` if true is decisive, `&&` if false is: the other side does not matter then, even if it has no value."""

    def evaluate(scope: Scope) -> Any:
        failure: RulesError | None = None
        is_unknown = False
        for side in (left, right):
            try:
                value = side(scope)
                if isinstance(value, Unknown):
                    is_unknown = True
                elif _bool(value) is decisive:
                    return decisive
            except RulesError as error:
                failure = error
        if failure is not None:
            raise failure
        return Unknown() if is_unknown else not decisive

    return evaluate


def _lifted(function: Callable[..., Any], *operands: Expression) -> Expression:
    """A function of values as one of expressions: of what is unknown nothing is known."""

    def evaluate(scope: Scope) -> Any:
        values = [each(scope) for each in operands]
        return Unknown() if any(map(_is_unknown, values)) else function(*values)

    return evaluate


def _is_unknown(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_unknown, value))
    if isinstance(value, dict):
        return any(map(_is_unknown, value.values()))
    return isinstance(value, Unknown)


def _operation(operator: str, left: Expression, right: Expression) -> Expression:
    def evaluate(scope: Scope) -> Any:
        values = left(scope), right(scope)
        return (unknown if any(map(_is_unknown, values)) else kinds).operate(operator, *values)

    return evaluate


def _is(value: Expression, kind: str) -> Expression:
    def evaluate(scope: Scope) -> Any:
        found = value(scope)
        return unknown.is_kind(found, kind) if isinstance(found, Unknown) else kinds.is_kind(found, kind)

    return evaluate


def _member(value: Expression, name: str) -> Expression:
    def evaluate(scope: Scope) -> Any:
        found = value(scope)
        if isinstance(found, UnknownField):
            return found.of(name)
        return Unknown() if isinstance(found, Unknown) else kinds.member(found, name)

    return evaluate


def _item(value: Expression, index: Expression) -> Expression:
    def evaluate(scope: Scope) -> Any:
        found, key = value(scope), index(scope)
        if isinstance(found, UnknownField) and isinstance(key, str):
            return found.of(key)
        return Unknown() if isinstance(found, Unknown) or isinstance(key, Unknown) else kinds.item(found, key)

    return evaluate


def _method(value: Expression, name: str, arguments: list[Expression]) -> Expression:
    return _lifted(lambda found, *given: kinds.call_method(found, name, list(given)), value, *arguments)


def _segment(value: Expression, name: str) -> Expression:
    def evaluate(scope: Scope) -> Any:
        try:
            found = value(scope)
        except RulesError:
            if name and name not in scope.variables:
                return Binding(name)
            raise
        if isinstance(found, Unknown):
            return found
        if not isinstance(found, str) or not found:
            raise RulesError(f"{kinds.name_of(found)} is no segment of a path")
        return found

    return evaluate


def _call(name: str, arguments: list[Expression]) -> Expression:
    def evaluate(scope: Scope) -> Any:
        if name in scope.functions:
            return _call_own(name, [each(scope) for each in arguments], scope)
        values = [each(scope) for each in arguments]
        if any(map(_is_unknown, values)):
            return Unknown()
        if name in {"get", "exists", "getAfter", "existsAfter"}:
            if len(values) != 1 or not isinstance(values[0], Path):
                raise RulesError(f"{name}() takes a path")
            found = scope.documents.get(values[0], after=name.endswith("After"))
            return found if name.startswith("get") else found is not None
        if name not in kinds.FUNCTIONS:
            raise RulesError(f"there is no function {name}")
        return kinds.call_function(name, values)

    return evaluate


def _call_own(name: str, values: list[Any], scope: Scope) -> Any:
    function, home = scope.functions[name]
    if len(values) != len(function.parameters):
        raise RulesError(f"{name}() takes {len(function.parameters)} arguments")
    if scope.depth >= _MAX_DEPTH:
        raise RulesError("functions call each other too deeply")
    variables = {**home.variables, **dict(zip(function.parameters, values, strict=True))}
    inner = Scope(variables, home.functions, scope.documents, scope.depth + 1)
    for variable, expression in function.lets:
        variables[variable] = expression(inner)
    return function.body(inner)
