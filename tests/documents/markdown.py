"""What a document in Markdown is made of."""

import re

BLOCK_OF_CODE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def without_blocks(text: str) -> str:
    """A document without its blocks of code."""
    return BLOCK_OF_CODE.sub("", text)


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it. Of headings that are alike, the later ones get a number."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
