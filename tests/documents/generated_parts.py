"""The parts of a page that are made from the code. The rest of the page is written by hand.

A part stands between `<!-- made by make reference: NAME -->` and `<!-- end -->`, which no reader sees.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.documents.markdown import anchor
from tests.support import REPOSITORY

_PART = re.compile(r"(<!-- made by make reference: ([\w-]+) -->\n)(.*?)(<!-- end -->\n)", re.DOTALL)
_PAGE = re.compile(r"docs/([\w/-]+\.md)(?:#([\w-]+))?")


def renew(page: str, parts: Mapping[str, Callable[[str], str]]) -> str:
    """Make the parts of a page again.

    Args:
        page: its text.
        parts: by name, what makes a part, given the part as it is.

    Raises:
        ValueError: the page lacks a part, or has one that nothing makes.
    """
    found = [name for _, name, _, _ in _PART.findall(page)]
    if sorted(found) != sorted(parts):
        raise ValueError(f"the page has the parts {found}, not {[*parts]}")
    return _PART.sub(lambda match: f"{match[1]}\n{parts[match[2]](match[3]).strip()}\n\n{match[4]}", page)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown. A `|` in a cell is escaped."""
    lines = [head, ["---"] * len(head), *([_cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def linked(text: str) -> str:
    """A text of the code with a link for each page that it names, for a page in a folder of docs/.

    A link is called as the title or the heading is.
    """

    def link(match: re.Match[str]) -> str:
        headings = re.findall(r"^#+ (.+)$", (REPOSITORY / "docs" / match[1]).read_text(encoding="utf-8"), re.MULTILINE)
        called = next(each for each in headings if match[2] in {None, anchor(each)})
        return f"[{called}](../{match[1]}{'#' + match[2] if match[2] else ''})"

    return _PAGE.sub(link, text)
