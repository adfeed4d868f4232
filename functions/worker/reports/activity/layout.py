"""The report's HTML and text parts, from its templates."""

import functools
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from functions.worker.reports.activity.texts import Contents

if TYPE_CHECKING:
    import jinja2

_TEXT_WIDTH = 72


def html(contents: Contents, *, chart_id: str | None) -> str:
    """The HTML part.

    Args:
        contents: what it says.
        chart_id: the content id of the chart; None where there is none.
    """
    return _environment().get_template("activity.html.j2").render(contents=contents, chart_id=chart_id)


def text(contents: Contents) -> str:
    """The plain part: what the HTML part says, laid out for a fixed-width font and for being read aloud."""
    return _environment().get_template("activity.txt.j2").render(contents=contents, table=_table(contents))


def _table(contents: Contents) -> list[str]:
    lines = [contents.columns, *((row.type, row.events, row.amount)[: len(contents.columns)] for row in contents.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(contents.columns))]
    return [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["wrapped"] = lambda value: textwrap.fill(value, _TEXT_WIDTH)
    return environment
