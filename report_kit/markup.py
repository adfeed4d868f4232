"""The compiled HTML of a template, made smaller, and mirrored for languages that are written from right to left. Pure.

Both work on what MJML wrote, before Jinja fills it in: expressions of Jinja stay as they are.
"""

import re
from collections.abc import Callable

_JINJA = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_STYLE_ELEMENT = re.compile(r"(<style[^>]*>)(.*?)(</style>)", re.DOTALL)
_STYLE_ATTRIBUTE = re.compile(r'(\sstyle=")([^"]*)(")')
_SIDE_ATTRIBUTE = re.compile(r'(\s(?:align|text-align)=")(left|right)(")')
_SIDE = re.compile(r"(?<![a-z-])((?:padding|margin|border|text-align|float)(?:-|\s*:\s*))(left|right)\b")
_FOUR_SIDES = re.compile(r"\b((?:padding|margin)\s*:\s*)([^\s;{}]+) ([^\s;{}]+) ([^\s;{}]+) ([^\s;{}!]+)")
_DIRECTION = re.compile(r"\bdirection\s*:\s*ltr\b")
_OTHER = {"left": "right", "right": "left"}

_SPACE_BETWEEN = re.compile(
    r"(?<=>)\s+(?=</?(?:table|tbody|tr|td|th|div|style|meta|head|body|h1|h2|p)\b|<!--)"
    r"|(?<=<tr>)\s+|(?<=<tbody>)\s+|(?<=</(?:tr|td|th)>)\s+|(?<=</div>)\s+|(?<=</table>)\s+|(?<=</tbody>)\s+"
)


def smaller(html: str) -> str:
    """The same page in fewer bytes: mail programs cut off what is behind their limit.

    A font that is inherited need not be named, white space between the elements of a table is not shown, and that
    within a style means nothing.
    """
    html = _style(html, lambda css: re.sub(r"\s*([{};:,>])\s*|\s+", _tightened, css).replace(";}", "}").strip())
    html = _STYLE_ATTRIBUTE.sub(lambda match: match[1] + _short_style(match[2]) + match[3], html)
    # MJML writes an attribute that HTML does not have.
    html = re.sub(r'\s(?:style=""|vertical-align="[a-z]+")', "", html)
    html = re.sub(r"<style type=\"text/css\">", "<style>", html)
    return re.sub(r"[ \t]*\n\s*", "\n", _SPACE_BETWEEN.sub("", html))


def mirrored(html: str) -> str:
    """The same page from right to left: what is on the left is on the right."""
    html = _SIDE_ATTRIBUTE.sub(lambda match: match[1] + _OTHER[match[2]] + match[3], html)
    html = _STYLE_ATTRIBUTE.sub(lambda match: match[1] + _mirrored_style(match[2]) + match[3], html)
    return _style(html, _mirrored_style)


def _style(html: str, change: Callable[[str], str]) -> str:
    """Change what is in the style elements, but for expressions of Jinja."""

    def changed(match: re.Match[str]) -> str:
        parts = _JINJA.split(match[2])
        return match[1] + "".join(part if place % 2 else change(part) for place, part in enumerate(parts)) + match[3]

    return _STYLE_ELEMENT.sub(changed, html)


def _tightened(match: re.Match[str]) -> str:
    return match[1] or " "


def _short_style(style: str) -> str:
    declarations = []
    for declaration in style.split(";"):
        name, colon, value = declaration.partition(":")
        if (name.strip(), value.strip()) == ("font-family", "inherit"):
            continue
        if colon:
            declarations.append(f"{name.strip()}:{' '.join(value.split())}")
        elif declaration.strip():
            # The rest of a Jinja expression.
            declarations.append(declaration.strip())
    return ";".join(declarations)


def _mirrored_style(style: str) -> str:
    style = _SIDE.sub(lambda match: match[1] + _OTHER[match[2]], style)
    style = _FOUR_SIDES.sub(r"\1\2 \5 \4 \3", style)
    return _DIRECTION.sub("direction:rtl", style)
