"""What a document in Markdown is made of."""

import re

BLOCK_OF_CODE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def without_blocks(text: str) -> str:
    """A document without its blocks of code."""
    return BLOCK_OF_CODE.sub("", text)
