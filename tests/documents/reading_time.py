"""The first line of a page: for whom it is, and how long it takes to read."""

import math
import re
from pathlib import Path

from tests.documents.markdown import without_blocks
from tests.support import REPOSITORY

DOCS = REPOSITORY / "docs"

WORDS_A_MINUTE = 200
"""Of a technical text; https://doi.org/10.1016/j.jml.2019.104047 has 238 for non-fiction."""

_LINE = re.compile(r"(?<=\n\n)For [^\n]+\. \d+ minutes? to read\.(?=\n\n)")


def pages() -> list[Path]:
    """All documents."""
    return sorted(DOCS.rglob("*.md"))


def renewed(page: str) -> str:
    """A page with the minutes that it takes: of its prose and tables, not of its blocks of code.

    Raises:
        ValueError: its title is not followed by `For THESE PEOPLE. 3 minutes to read.`
    """
    title = page.partition("\n")[0]
    line = _LINE.search(page)
    if line is None or line.start() != len(title) + 2:
        raise ValueError(f"{title} lacks the line: For THESE PEOPLE. 3 minutes to read.")
    text = re.sub(r"\]\([^)]*\)", "]", without_blocks(page))
    minutes = math.ceil(len(re.findall(r"\w[\w'.-]*", text)) / WORDS_A_MINUTE)
    audience = line[0].rpartition(". ")[0]
    return page.replace(line[0], f"{audience}. {minutes} minute{'s' if minutes > 1 else ''} to read.", 1)
