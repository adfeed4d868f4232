"""Which features of HTML and CSS a mail uses, by the names that the table of compatibility has for them."""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

import tinycss2

_CONDITIONAL = re.compile(r"<!--\[if.*?<!\[endif\]-->", re.DOTALL)
"""What only Outlook for Windows reads, and needs."""

_ELEMENTS = {
    **{f"h{level}": "html-h1-h6" for level in range(1, 7)},
    **{name: f"html-{name}" for name in ("body", "div", "span", "p", "strong", "img", "style", "hr", "table", "bdi")},
    **dict.fromkeys(("tbody", "tr", "td", "th"), "html-table"),
    **dict.fromkeys(("ul", "ol", "li"), "html-lists"),
}
_ATTRIBUTES = {
    **{name: f"html-{name}" for name in ("align", "valign", "cellpadding", "cellspacing", "width", "height")},
    **{name: f"html-{name}" for name in ("dir", "lang", "role", "target", "hidden", "background", "srcset")},
    **{name: f"html-{name}" for name in ("aria-hidden", "aria-label", "aria-labelledby", "aria-describedby")},
}
_AS_OLD_AS_MAIL = {
    *("html", "head", "title", "meta", "a", "br"),
    *("color", "font-family", "font-style", "text-size-adjust", "text-decoration"),
    *("src", "href", "alt", "class", "id", "style", "name", "content", "http-equiv", "charset", "scope", "border"),
    *("bgcolor", "type", "media", "xmlns", "aria-roledescription"),
}
"""What the table has no line for, and every mail program knows, or means nothing in a mail."""

_FAMILIES = ("border-radius", "border", "padding", "margin", "background", "font", "outline", "list-style")


def used_features(html: str) -> set[str]:
    """The features of a page: by their names in the table, and as `?name` what is neither there nor known otherwise."""
    page = _Page(_CONDITIONAL.sub("", html))
    return page.features


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.features: set[str] = set()
        self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        self._add(tag, _ELEMENTS.get(tag))
        for name, value in attrs:
            if name.startswith("xmlns"):
                continue
            self._add(name, _ATTRIBUTES.get(name))
            if name == "style":
                self.features.update(_of_declarations(tinycss2.parse_blocks_contents(value or "")))
            if name == "name" and value in {"color-scheme", "supported-color-schemes"}:
                self.features.add("html-meta-color-scheme")

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.features.update(_of_rules(tinycss2.parse_stylesheet(data, skip_comments=True, skip_whitespace=True)))

    def _add(self, name: str, feature: str | None) -> None:
        if feature or name not in _AS_OLD_AS_MAIL:
            self.features.add(feature or f"?{name}")


def _of_rules(rules: Iterable[tinycss2.ast.Node]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "at-rule":
            yield f"css-at-{rule.lower_at_keyword}"
            if "prefers-color-scheme" in tinycss2.serialize(rule.prelude):
                yield "css-at-media-prefers-color-scheme"
            yield from _of_rules(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True))
        elif rule.type == "qualified-rule":
            yield from _of_selector(tinycss2.serialize(rule.prelude))
            yield from _of_declarations(tinycss2.parse_blocks_contents(rule.content))
        else:
            yield f"?{rule.type}"


def _of_selector(selector: str) -> Iterator[str]:
    signs = {
        ",": "css-selector-grouping",
        ">": "css-selector-child",
        "+": "css-selector-adjacent-sibling",
        "~": "css-selector-general-sibling",
        "[": "css-selector-attribute",
        "#": "css-selector-id",
        "*": "css-selector-universal",
    }
    yield from (feature for sign, feature in signs.items() if sign in selector)
    yield from (f"css-pseudo-class-{name}" for name in re.findall(r"(?<!:):([a-z-]+)", selector) if name != "root")
    if re.search(r"[\w\])]\.\w", selector):
        yield "css-selector-chaining"
    if re.search(r"[^\s,>+~]\s+[^\s,>+~]", selector):
        yield "css-selector-descendant"


def _of_declarations(declarations: Iterable[tinycss2.ast.Node]) -> Iterator[str]:
    for declaration in declarations:
        if declaration.type != "declaration":
            continue
        name = declaration.lower_name
        if name.startswith(("-webkit-", "-ms-", "mso-")) or name == "supported-color-schemes":
            continue
        yield from ("css-important",) if declaration.important else ()
        yield from (f"css-unit-{unit}" for unit in _units(declaration.value))
        yield from (f"css-function-{each.lower_name}" for each in declaration.value if each.type == "function")
        family = next((each for each in _FAMILIES if name == each or name.startswith(f"{each}-")), None)
        if name in {"font-weight", "font-size", "background-color", "border-collapse", "border-spacing"}:
            yield f"css-{name}"
        elif name not in _AS_OLD_AS_MAIL:
            yield f"css-{family or name}"


def _units(value: Iterable[tinycss2.ast.Node]) -> Iterator[str]:
    for each in value:
        if each.type == "percentage":
            yield "percent"
        elif each.type == "dimension":
            yield each.lower_unit
