"""Turns a template of Handlebars into one of Jinja. Pure.

    >>> to_jinja("Hello {{#if name}}{{name}}{{else}}you{{/if}}!", "item")
    'Hello {% if item.name %}{{ item.name }}{% else %}you{% endif %}!'

It knows what the language has built in, https://handlebarsjs.com/guide/builtin-helpers.html, but `lookup` and `log`.
"""

import re
from collections.abc import Mapping

_TAG = re.compile(r"\{\{\{(?P<raw>.*?)\}\}\}|\{\{!--.*?--\}\}|\{\{(?P<tag>.*?)\}\}", re.DOTALL)
_PATH = re.compile(r"(?:\.\./)*(?:@root\.)?@?[A-Za-z_][\w-]*(?:[./][A-Za-z_][\w-]*)*|this|\.")
_OF_LOOP = {"@index": "loop.index0", "@first": "loop.first", "@last": "loop.last"}
_DEEPEST = 10
"""How many partials may stand within one another."""


class NotConvertible(Exception):
    """A template has what no other language has, such as a helper of the team's own. The text is one line."""


def to_jinja(template: str, variable: str, partials: Mapping[str, str] | None = None) -> str:
    """Turn a template into Jinja, with its partials in it.

    A value that the template wants unescaped, `{{{html}}}`, is escaped like any other.

    Args:
        variable: what Jinja calls the template's data.
        partials: by name, templates that it may include.

    Raises:
        NotConvertible: it calls a helper or a partial that is not known, or its blocks do not match.
    """
    converter = _Converter(partials or {}, variable)
    text = converter.convert(template, 0)
    if converter.blocks:
        raise NotConvertible(f"{{{{#{converter.blocks[-1][0]}}}}} is not closed")
    return text


class _Converter:
    def __init__(self, partials: Mapping[str, str], variable: str) -> None:
        self._partials = partials
        self._scopes = [variable]
        self._names = 0
        self.blocks: list[tuple[str, bool]] = []
        """The open blocks, and whether each has a scope of its own."""

    def convert(self, template: str, depth: int) -> str:
        if depth > _DEEPEST:
            raise NotConvertible("a partial includes itself")
        converted, end = [], 0
        for found in _TAG.finditer(template):
            converted.append(_literal(template[end : found.start()]))
            end = found.end()
            tag = found["raw"] if found["raw"] is not None else found["tag"]
            if tag is not None:
                converted.append(self._tag(tag.strip("~ \t\r\n&"), depth))
        return "".join([*converted, _literal(template[end:])])

    def _tag(self, tag: str, depth: int) -> str:
        match tag.split(maxsplit=1):
            case [word, *_] if word.startswith("!"):
                return ""
            case [">", name] if name in self._partials:
                return self.convert(self._partials[name], depth + 1)
            case ["#if" | "#unless" as word, path]:
                self.blocks.append((word[1:], False))
                return f"{{% if {'not ' if word == '#unless' else ''}{self._value(path)} %}}"
            case ["#each" | "#with" as word, path]:
                return self._scope(word[1:], path)
            case ["else"] | ["^"]:
                return "{% else %}"
            case ["else", condition] if condition.startswith("if "):
                return f"{{% elif {self._value(condition.removeprefix('if '))} %}}"
            case [word] if word.startswith("/"):
                return self._close(word[1:])
            case [word] if word[0] not in "#^>":
                return f"{{{{ {self._value(word)} }}}}"
            case _:
                # `{{>footer}}` is the same as `{{> footer}}`.
                if tag[:1] == ">" and tag[1:2] not in ("", " "):
                    return self._tag(f"> {tag[1:]}", depth)
                raise NotConvertible(f"{{{{{tag}}}}} is neither a value nor a block that Handlebars has built in")

    def _scope(self, word: str, path: str) -> str:
        value, self._names = self._value(path), self._names + 1
        self.blocks.append((word, True))
        self._scopes.append(f"{word}{self._names}")
        loop = f"for {self._scopes[-1]} in {value} or []" if word == "each" else f"with {self._scopes[-1]} = {value}"
        return f"{{% {loop} %}}"

    def _close(self, word: str) -> str:
        if not self.blocks or self.blocks[-1][0] != word:
            raise NotConvertible(f"{{{{/{word}}}}} closes nothing")
        if self.blocks.pop()[1]:
            self._scopes.pop()
        return {"each": "{% endfor %}", "with": "{% endwith %}"}.get(word, "{% endif %}")

    def _value(self, path: str) -> str:
        path = path.strip()
        if path in _OF_LOOP:
            return _OF_LOOP[path]
        if not _PATH.fullmatch(path):
            raise NotConvertible(f"{{{{{path}}}}} is not a value: helpers of your own have no counterpart")
        above = path.count("../")
        path = path.replace("../", "")
        if path.startswith("@root."):
            scope, path = self._scopes[0], path.removeprefix("@root.")
        elif above < len(self._scopes):
            scope = self._scopes[-1 - above]
        else:
            raise NotConvertible(f"{{{{{path}}}}} names what is above the template's data")
        names = [name for name in re.split(r"[./]", path.removeprefix("this")) if name]
        return scope + "".join(f".{name}" if _is_plain(name) else f"[{name!r}]" for name in names)


def _is_plain(name: str) -> bool:
    """Whether a dot before the name finds the field: before `items`, it would find the dict's method."""
    return name.isidentifier() and not hasattr(dict, name)


def _literal(text: str) -> str:
    return re.sub(r"\{[%#{]", lambda found: f"{{{{ {found[0]!r} }}}}", text)
