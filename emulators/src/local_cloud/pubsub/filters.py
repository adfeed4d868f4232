"""The language of subscription filters: which messages, by their attributes, a subscription receives.

https://cloud.google.com/pubsub/docs/subscription-message-filter#filtering_syntax
"""

import re
from collections.abc import Callable, Mapping

Filter = Callable[[Mapping[str, str]], bool]
"""Whether a message with these attributes is delivered."""

MAX_BYTES = 256

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<operator>!=|[=():.,-])
      | (?P<word>[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)
    )""",
    re.VERBOSE,
)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})|(.))", re.DOTALL)


class InvalidFilter(ValueError):
    """A filter that Pub/Sub would refuse; the message says where."""


def parse_filter(text: str) -> Filter:
    """Read a filter.

    Args:
        text: the expression, such as `attributes.kind = "report" AND NOT attributes:test`. Empty: every message.

    Raises:
        InvalidFilter: the text is too long or not in the language.
    """
    if len(text.encode()) > MAX_BYTES:
        raise InvalidFilter(f"the filter is longer than {MAX_BYTES} bytes")
    if not text.strip():
        return lambda attributes: True
    return _Parser(text).parse()


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                raise InvalidFilter(f"unexpected character at position {position}")
            self._tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        self._next = 0

    def parse(self) -> Filter:
        result = self._expression()
        if self._next < len(self._tokens):
            raise InvalidFilter(f"unexpected {self._tokens[self._next][1]}")
        return result

    def _expression(self) -> Filter:
        terms = [self._term()]
        operator = self._peek() if self._peek() in {"AND", "OR"} else None
        while operator and self._peek() in {"AND", "OR"}:
            if self._take() != operator:
                raise InvalidFilter("AND and OR are mixed: add parentheses")
            terms.append(self._term())
        if operator == "OR":
            return lambda attributes: any(term(attributes) for term in terms)
        return lambda attributes: all(term(attributes) for term in terms)

    def _term(self) -> Filter:
        if self._peek() in {"NOT", "-"}:
            self._take()
            negated = self._term()
            return lambda attributes: not negated(attributes)
        if self._peek() == "(":
            self._take()
            inner = self._expression()
            self._expect(")")
            return inner
        if self._peek() == "hasPrefix":
            return self._has_prefix()
        return self._comparison()

    def _has_prefix(self) -> Filter:
        self._take()
        self._expect("(")
        self._expect("attributes")
        self._expect(".")
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes

    def _comparison(self) -> Filter:
        self._expect("attributes")
        separator = self._take()
        if separator == ":":
            present = self._key()
            return lambda attributes: present in attributes
        if separator != ".":
            raise InvalidFilter(f"expected : or . after attributes, not {separator}")
        key = self._key()
        operator = self._take()
        if operator not in {"=", "!="}:
            raise InvalidFilter(f"expected = or != after attributes.{key}, not {operator}")
        value = self._string()
        if operator == "=":
            return lambda attributes: attributes.get(key) == value
        return lambda attributes: attributes.get(key) != value

    def _peek(self) -> str | None:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else None

    def _take(self, kind: str | None = None) -> str:
        if self._next == len(self._tokens):
            raise InvalidFilter("the filter ends too early")
        found, text = self._tokens[self._next]
        if kind and found != kind:
            raise InvalidFilter(f"expected a {kind}, not {text}")
        self._next += 1
        return text

    def _expect(self, text: str) -> None:
        found = self._take()
        if found != text:
            raise InvalidFilter(f"expected {text}, not {found}")

    def _key(self) -> str:
        if self._next < len(self._tokens) and self._tokens[self._next][0] == "string":
            return self._string()
        return self._take("word")

    def _string(self) -> str:
        return _ESCAPE.sub(_unescape, self._take("string")[1:-1])


def _unescape(match: re.Match[str]) -> str:
    hexadecimal = match[1] or match[2] or match[3]
    try:
        if hexadecimal:
            return chr(int(hexadecimal, 16))
        if match[4]:
            return chr(int(match[4], 8))
    except (ValueError, OverflowError) as error:
        raise InvalidFilter(f"{match[0]} is not a character") from error
    return _ESCAPES.get(match[5], match[5])
