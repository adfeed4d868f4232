"""A report's HTML and text parts, from the templates of its kind.

`report.mjml` is compiled to HTML once a process and only then read as a Jinja template: MJML never sees a value, so
nothing that a user wrote can be taken for MJML, and a report costs no more than filling in a template. Jinja puts each
value into the finished HTML, escaped, and does not look into it for syntax of its own. The provider's tags in a value
are made inert by who sends the email; those in a template are the team's.
https://documentation.mjml.io/
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from functions.shared.mail.brand import PLAIN
from report_kit.blocks import Chart, Table
from report_kit.language import Language
from report_kit.markup import mirrored, smaller
from report_kit.mistakes import TemplateSource, check_mjml, template_mistake

if TYPE_CHECKING:
    import jinja2

LAYOUT = Path(__file__).parent / "layout"
"""What the templates of all kinds include."""

HTML, TEXT = "report.mjml", "report.txt"

MOST_HTML_BYTES = 90_000
"""Gmail cuts off what is behind the first 102 kB, and the unsubscribe link is at the end."""

_FEWEST_LINES = 5
_OPTIONAL = {
    **dict.fromkeys(("summary", "alert", "nothing", "note", "left_out", "not_attached"), ""),
    "button": None,
    "closing": {"recipients": "", "address": "", "unsubscribe_url": "", "copy_url": ""},
}
"""What the layout shows where a report has it."""

_TEXT_WIDTH = 72
_NARROWEST = 12
_WORD = re.compile(r"[^ ]+ *|^ +")
_CLOSING = "、。，．・：；？！）」』】〕〉》"
_OPENING = "（「『【〔〈《"


def render(
    templates: Sequence[Path], values: Mapping[str, Any], language: Language, *, inert: Callable[[str], str] = str
) -> tuple[str, str]:
    """Fill in the templates of a kind.

        >>> render([Path("tea")], {"title": "Tea"}, language)
        Traceback (most recent call last):
        report_kit.mistakes.TemplateMistake: there is no report.txt in tea or report_kit/layout

    Args:
        templates: the folders with the kind's `report.mjml` and `report.txt`: the first that has a file counts. What
            they include by `<mj-include>` or `{% include %}` is looked for there, then in `layout/`.
        values: what the templates name.
        language: of the report.
        inert: makes what means something to an email provider mean nothing, in each value that is no markup.

    Returns:
        The HTML part and the text part. Lists in the values are cut where the HTML part would be too large to be shown
        whole, and the email says so.

    Raises:
        TemplateMistake: a template does not exist, is malformed, or names a value that does not exist.
    """
    folders = (*templates, LAYOUT)
    environment = _environment(folders, language.direction, inert)
    given = {"brand": PLAIN, **_OPTIONAL, **values, "language": language}
    try:
        html = environment.get_template(HTML).render(given)
        while len(html.encode()) > MOST_HTML_BYTES and (shorter := _shortened(given, language)):
            given = shorter
            html = environment.get_template(HTML).render(given)
        text = environment.get_template(TEXT).render(given)
    except Exception as error:
        raise template_mistake(error, environment, (TEXT, HTML), folders, given) from error
    # Where a template leaves something out, it leaves the blank lines around it.
    return html, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _shortened(values: Mapping[str, Any], language: Language) -> dict[str, Any] | None:
    """The values with half of the longest list, and a sentence that says so; None where no list is left to shorten."""
    lists = [value for name, value in values.items() if name != "blocks"] + [*values.get("blocks", ())]
    longest = max(lists, key=lambda value: len(_lines(value)))
    kept = len(_lines(longest)) // 2
    if len(_lines(longest)) <= _FEWEST_LINES:
        return None
    shorter = replace(longest, rows=longest.rows[:kept]) if isinstance(longest, Table) else longest[:kept]

    def in_place(value: Any) -> Any:
        return shorter if value is longest else value

    return {
        **{name: in_place(value) for name, value in values.items()},
        "blocks": [in_place(block) for block in values.get("blocks", ())],
        "left_out": language.gettext("There is more than fits into an email: the end of a list is left out."),
    }


def _lines(value: Any) -> Sequence[Any]:
    if isinstance(value, Table):
        return value.rows
    return value if isinstance(value, list | tuple) else ()


def forget_templates() -> None:
    """Read the templates again with the next report, since they have changed."""
    _environment.cache_clear()


@functools.lru_cache(maxsize=32)
def _environment(folders: Sequence[Path], direction: str, inert: Callable[[str], str]) -> "jinja2.Environment":
    import jinja2

    class KeysFirst(jinja2.Environment):
        """Finds a mapping's key before its method: `row.items` is what the application calls so."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            if isinstance(obj, Mapping) and isinstance(argument, str) and argument not in obj:
                return self.undefined(obj=obj, name=argument)
            return super().getitem(obj, argument)

    def load(name: str) -> str:
        if name == HTML:
            return _compile(folders, direction)
        return TemplateSource.read(name, folders).text

    def finalize(value: Any) -> Any:
        return inert(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = KeysFirst(
        loader=jinja2.FunctionLoader(load),
        autoescape=jinja2.select_autoescape(("mjml", "html")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=finalize,
    )
    environment.filters |= {"wrapped": _wrapped, "columns": _columns}
    environment.tests |= {
        "chart": lambda block: isinstance(block, Chart),
        "table": lambda block: isinstance(block, Table),
        "figures": lambda block: isinstance(block, list | tuple),
    }
    return environment


def _compile(folders: Sequence[Path], direction: str) -> str:
    from mjml import mjml2html

    # With what it includes, since MJML lays that out itself without knowing how wide its place is.
    source = TemplateSource.read(HTML, folders)
    check_mjml(source)
    # No fonts: the default is to load some from Google's servers.
    html = smaller(mjml2html(source.text, fonts={}))
    return mirrored(html) if direction == "rtl" else html


def _wrapped(text: str, indent: str = "") -> str:
    """Break a paragraph into lines, each with an indent. Only a link, which a line break would end, may be longer."""
    lines: list[str] = []
    line, room = "", _TEXT_WIDTH - len(indent)
    for piece in _pieces(text):
        if _width(line + piece.rstrip()) <= room:
            line += piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = piece.lstrip()
        while _width(line.rstrip()) > room and "://" not in line:
            cut = _fitting(line, room)
            lines.append(line[:cut])
            line = line[cut:]
    return "\n".join(indent + each for each in [*lines, line.rstrip()])


def _pieces(text: str) -> Iterator[str]:
    """What a line may be broken behind: words with their blanks, and letters of scripts that have no blanks."""
    if not any(map(_is_wide, text)):
        yield from _WORD.findall(text)
        return
    piece = ""
    for index, character in enumerate(text):
        following = text[index + 1 : index + 2]
        piece += character
        is_end = character == " " or _is_wide(character) or (following and _is_wide(following))
        # Closing signs begin no line, and opening ones end none.
        if is_end and following not in (" ", *_CLOSING) and character not in _OPENING:
            yield piece
            piece = ""
    if piece:
        yield piece


def _columns(lines: Sequence[Sequence[str]], texts: Collection[int] = ()) -> list[str]:
    """Set cells below one another: the first of each line and texts to the left, the others to the right. The first is
    cut where there is no room; if there is none even then, each line becomes a paragraph.

    Args:
        lines: the names of the columns, and then the cells.
        texts: which columns beside the first have text in them.
    """
    others = [max(map(_width, cells)) for cells in zip(*(line[1:] for line in lines), strict=True)]
    room = _TEXT_WIDTH - sum(width + 2 for width in others)
    if room < min(_NARROWEST, max((_width(line[0]) for line in lines), default=0)):
        return _paragraphs(lines)
    firsts = [_cut(line[0], room) for line in lines]
    widths = [max(map(_width, firsts), default=0), *others]
    is_text = [index == 0 or index in texts for index in range(len(widths))]
    return [
        "  ".join(
            cell + _padding(cell, width) if text else _padding(cell, width) + cell
            for cell, width, text in zip([first, *line[1:]], widths, is_text, strict=True)
        ).rstrip()
        for first, line in zip(firsts, lines, strict=True)
    ]


def _paragraphs(lines: Sequence[Sequence[str]]) -> list[str]:
    """Each line as a paragraph, its cells behind the names of their columns."""
    names, *rows = lines
    return [
        text
        for row in rows
        for text in [*(_wrapped(f"{name}: {cell}") for name, cell in zip(names, row, strict=True)), ""]
    ][:-1]


def _cut(text: str, room: int) -> str:
    return text if _width(text) <= room else text[: _fitting(text, room - 1)].rstrip() + "…"


def _fitting(text: str, room: int) -> int:
    """How many characters of a text fit into so many columns; at least one."""
    used = 0
    for index, character in enumerate(text):
        used += _width(character)
        if used > room:
            return max(1, index)
    return len(text)


def _padding(cell: str, width: int) -> str:
    return " " * (width - _width(cell))


def _width(text: str) -> int:
    """How many columns a text takes in a font of equal widths: Japanese letters take two, and marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


@functools.lru_cache(maxsize=4096)
def _columns_of(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if _is_wide(character) else 1


@functools.lru_cache(maxsize=4096)
def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
