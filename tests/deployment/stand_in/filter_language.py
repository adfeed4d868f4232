"""What the filters of Cloud Monitoring and of Cloud Logging have in common: comparisons, joined by AND, OR and NOT.

Only that part of both languages is known here that the deployment uses. What is not known is refused.
https://cloud.google.com/monitoring/api/v3/filters
https://cloud.google.com/logging/docs/view/logging-query-language
"""

import re
from dataclasses import dataclass

from tests.deployment.stand_in.invalid import Invalid

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[A-Za-z0-9_./-]+|\*)|(?P<sign>!=|>=|<=|=~|!~|[=<>:(),]))'
)
_SIGNS = ("=", "!=", ">", ">=", "<", "<=", "=~", "!~", ":")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One comparison.

    Attributes:
        field: what is compared, such as resource.labels.location.
        sign: how.
        value: with what: the text without its quotation marks, or a word.
        function: the function whose argument the value is, such as monitoring.regex.full_match; empty where there is
            none.
        is_quoted: whether the value stands in quotation marks.
    """

    field: str
    sign: str
    value: str
    function: str = ""
    is_quoted: bool = True


def parse_filter(text: str) -> list[Comparison]:
    """The comparisons of a filter.

    Raises:
        Invalid: the filter cannot be read.
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        rest = text
        while rest.strip():
            match = _TOKEN.match(rest)
            if match is None:
                raise self._error(rest)
            self._tokens.append(match[0].strip())
            rest = rest[match.end() :]
        self._found: list[Comparison] = []

    def parse(self) -> list[Comparison]:
        self._expression()
        if self._tokens:
            raise self._error(self._tokens[0])
        return self._found

    def _error(self, token: str) -> Invalid:
        return Invalid(f'Could not parse filter "{self._text}"; syntax error at "{token[:20] or "the end"}"')

    def _next(self) -> str:
        if not self._tokens:
            raise self._error("")
        return self._tokens.pop(0)

    def _take(self, token: str) -> bool:
        if self._tokens[:1] == [token]:
            self._tokens.pop(0)
            return True
        return False

    def _expression(self) -> None:
        """Terms, with AND or OR between them; nothing between them means AND."""
        self._term()
        while self._tokens and self._tokens[0] not in {")", ","}:
            if not self._take("AND"):
                self._take("OR")
            self._term()

    def _term(self) -> None:
        self._take("NOT")
        if self._take("("):
            self._expression()
            if not self._take(")"):
                raise self._error("".join(self._tokens[:1]))
        else:
            self._comparison()

    def _comparison(self) -> None:
        field, sign = self._next(), self._next()
        if sign not in _SIGNS or not re.fullmatch(r"[a-zA-Z_][\w.]*", field):
            raise self._error(field if sign in _SIGNS else sign)
        value = self._next()
        if not self._take("("):
            self._add(field, sign, value, "")
            return
        function = value
        while True:
            self._add(field, sign, self._next(), function)
            if self._take(")"):
                return
            if not self._take(","):
                raise self._error("".join(self._tokens[:1]))

    def _add(self, field: str, sign: str, value: str, function: str) -> None:
        is_quoted = value.startswith('"')
        if not is_quoted and not re.fullmatch(r"[\w.*-]+", value):
            raise self._error(value)
        text = re.sub(r"\\(.)", r"\1", value[1:-1]) if is_quoted else value
        self._found.append(Comparison(field=field, sign=sign, value=text, function=function, is_quoted=is_quoted))
