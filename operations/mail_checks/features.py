"""Which features of HTML and CSS an email uses, by the names that the table of mail programs has for them."""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

import tinycss2

from operations.mail_checks.mail_programs import programs_without

CONDITIONAL = re.compile(r"<!--\[if[^\]]*\]>(?!<!--).*?<!\[endif\]-->", re.DOTALL)
"""What only Outlook for Windows reads, and needs."""

_ELEMENTS = {
    **{f"h{level}": "html-h1-h6" for level in range(1, 7)},
    **dict.fromkeys(("tbody", "thead", "tfoot", "tr", "td", "th"), "html-table"),
    **dict.fromkeys(("ul", "ol", "li"), "html-lists"),
    **dict.fromkeys(("article", "section", "nav", "header", "footer", "main", "aside", "figure"), "html-semantics"),
    "map": "html-image-maps",
    "s": "html-strike",
}
_ATTRIBUTES = {
    **{name: f"html-{name}" for name in ("align", "valign", "cellpadding", "cellspacing", "width", "height")},
    **{name: f"html-{name}" for name in ("dir", "lang", "role", "target", "hidden", "required")},
    **{name: f"html-{name}" for name in ("background", "srcset")},
    **{f"aria-{name}": f"html-aria-{name}" for name in ("hidden", "label", "labelledby", "describedby", "live")},
    "loading": "html-loading-attribute",
    "inert": "css-inert-attribute",
}
_AS_OLD_AS_MAIL = {
    *("html", "head", "title", "meta", "a", "br", "b", "i", "u", "em", "sup", "sub", "center", "font", "caption"),
    *("color", "font-family", "font-style", "text-size-adjust", "text-decoration"),
    *("src", "href", "alt", "class", "id", "style", "name", "content", "http-equiv", "charset", "scope", "border"),
    *("bgcolor", "type", "media", "xmlns", "rel", "colspan", "rowspan", "size", "face", "aria-roledescription"),
}
"""What the table has no line for, and every mail program knows, or means nothing in an email."""

_FAMILIES = ("border-radius", "border", "padding", "margin", "background", "font", "outline", "list-style", "overflow")
_SIDES = {"top", "right", "bottom", "left"}
_WRITTEN = {
    "css-left-right-top-bottom": "left, right, top and bottom",
    "css-unit-calc": "calc()",
    "css-unit-percent": "lengths in percent",
    "html-meta-color-scheme": '<meta name="color-scheme">',
}
_COLORS = {"rgb": "css-rgb", "rgba": "css-rgba", "hsl": "css-modern-color", "hsla": "css-modern-color"}


def used_features(html: str) -> set[str]:
    """The features of a page: by their names in the table, and as `?name` what is neither there nor known otherwise."""
    return _Page(CONDITIONAL.sub("", html)).features


def in_words(feature: str) -> str:
    """A feature as people write it: `border-radius`, `@media`, `:hover`, `<video>`."""
    name = feature.partition("-")[2]
    if feature in _WRITTEN:
        return _WRITTEN[feature]
    if feature in _ATTRIBUTES.values():
        return f"the attribute {name.removesuffix('-attribute')}"
    if feature.startswith("html-"):
        return f"<{name}>" if "-" not in name else name.replace("-", " ")
    for start, written in (
        ("at-media-", "@media ({})"),
        ("at-", "@{}"),
        ("pseudo-class-", ":{}"),
        ("pseudo-element-", "::{}"),
        ("function-", "{}()"),
        ("display-", "display: {}"),
        ("selector-", "{} selectors"),
        ("unit-", "the unit {}"),
    ):
        if name.startswith(start):
            return written.format(name.removeprefix(start))
    return name


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.features: set[str] = set()
        self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        given = dict(attrs)
        element = f"{tag}-{given.get('type') or ''}" if tag in {"input", "button"} else tag
        self._add(tag, _ELEMENTS.get(tag) or _known(f"html-{element}"))
        for name, value in attrs:
            if name.startswith(("xmlns", "data-", "on")):
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


def _known(*features: str) -> str | None:
    """The first of some names that the table has."""
    return next((each for each in features if each in programs_without()), None)


def _of_rules(rules: Iterable[tinycss2.ast.Node]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "at-rule":
            yield f"css-at-{rule.lower_at_keyword}"
            if "prefers-color-scheme" in tinycss2.serialize(rule.prelude):
                yield "css-at-media-prefers-color-scheme"
            if rule.lower_at_keyword in {"media", "supports"}:
                yield from _of_rules(
                    tinycss2.parse_rule_list(rule.content or [], skip_comments=True, skip_whitespace=True)
                )
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
    yield from (f"css-pseudo-element-{name}" for name in re.findall(r"::([a-z-]+)", selector))
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
        yield from _of_values(declaration.value)
        if name.startswith("--"):
            yield "css-variables"
        elif name in _SIDES:
            yield "css-left-right-top-bottom"
        elif name not in _AS_OLD_AS_MAIL:
            yield _of_property(name)
        if name == "display":
            values = [each.lower_value for each in declaration.value if each.type == "ident"]
            yield from filter(None, (_known(f"css-display-{value}") for value in values))


def _of_property(name: str) -> str:
    family = next((each for each in _FAMILIES if name == each or name.startswith(f"{each}-")), None)
    names = [name, re.sub(r"-(start|end)$", "-start-end", name)]
    if family and re.search(r"-(block|inline)\b", name):
        # By the direction of the text: a family of its own.
        names.append(f"{family}-inline-block")
    return _known(*(f"css-{each}" for each in names)) or f"css-{family or name}"


def _of_values(values: Iterable[tinycss2.ast.Node]) -> Iterator[str]:
    for each in values:
        if each.type == "percentage":
            yield "css-unit-percent"
        elif each.type == "dimension":
            yield f"css-unit-{each.lower_unit}"
        elif each.type == "function":
            name = each.lower_name
            known = _known(*(f"css-{kind}{name}" for kind in ("function-", "unit-", "")))
            yield _COLORS.get(name) or ("css-variables" if name == "var" else known or f"css-function-{name}")
