"""A report's HTML and text parts, from the templates of its kind.

`report.mjml` is compiled to HTML once a process and only then read as a Jinja template: MJML never sees a value, so
nothing that a user wrote can be taken for MJML, and a report costs no more than filling in a template. Jinja puts each
value into the finished HTML, escaped, and does not look into it for syntax of its own. The provider's tags in a value
are made inert (mail/provider.py); those in a template are the team's.
https://documentation.mjml.io/
"""

import functools
import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from functions.worker.mail.provider import make_tags_inert
from functions.worker.reports.language import Language
from functions.worker.reports.mistakes import TemplateSource, check_mjml, template_mistake

if TYPE_CHECKING:
    import jinja2

LAYOUT = Path(__file__).parent / "layout"
"""What the templates of all kinds include."""

HTML, TEXT = "report.mjml", "report.txt"

_TEXT_WIDTH = 72


def render(templates: Path, values: Mapping[str, Any], language: Language) -> tuple[str, str]:
    """Fill in the templates of a kind.

    Args:
        templates: the folder of the kind's `report.mjml` and `report.txt`. What they include by `<mj-include>` or
            `{% include %}` is looked for there, then in `layout/`.
        values: what the templates name.
        language: of the report.

    Returns:
        The HTML part and the text part.

    Raises:
        TemplateMistake: a template does not exist, is malformed, or names a value that there is none of.
    """
    given = {**values, "language": language}
    environment = _environment(templates)
    try:
        text, html = (environment.get_template(name).render(given) for name in (TEXT, HTML))
    except Exception as error:
        raise template_mistake(error, environment, (TEXT, HTML), (templates, LAYOUT), given) from error
    # Where a template leaves something out, it leaves the blank lines around it.
    return html, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def forget_templates() -> None:
    """Read the templates anew with the next report, since they have changed."""
    _environment.cache_clear()


@functools.lru_cache(maxsize=32)
def _environment(templates: Path) -> "jinja2.Environment":
    import jinja2

    folders = (templates, LAYOUT)

    def load(name: str) -> str:
        if name == HTML:
            return _compile(folders)
        return TemplateSource.read(name, folders).text

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=jinja2.select_autoescape(("mjml", "html")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_without_tags,
    )
    environment.filters |= {"wrapped": _wrapped, "columns": _columns}
    return environment


def _without_tags(value: Any) -> Any:
    """A value as it is put into a mail. Only what is marked as markup may have the provider's tags in it."""
    return make_tags_inert(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _compile(folders: Sequence[Path]) -> str:
    from mjml import mjml2html

    # With what it includes, since MJML lays that out itself without knowing how wide its place is.
    source = TemplateSource.read(HTML, folders)
    check_mjml(source)
    # No fonts: the default is to load some from Google's servers.
    return mjml2html(source.text, fonts={})


def _wrapped(text: str) -> str:
    """Break a paragraph into lines."""
    return textwrap.fill(text, _TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)


def _columns(lines: Sequence[Sequence[str]]) -> list[str]:
    """Set cells below one another: the first of each line to the left, the others to the right."""
    widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell + _padding(cell, width) if index == 0 else _padding(cell, width) + cell
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _padding(cell: str, width: int) -> str:
    return " " * (width - _width(cell))


def _width(text: str) -> int:
    """How many columns a text takes in a font of equal widths: Japanese letters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
