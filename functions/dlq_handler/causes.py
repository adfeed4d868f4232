"""What dead letters have in common: thousands that failed for one reason are one thing to be told of."""

import hashlib
import re

_VARIABLE = re.compile(
    r"""
      (?P<kept>\b(?:answered|status|code|http)[\ :=]{1,2}[1-5]\d\d\b)   # which answer it was is what the error is
    | "[^"]*" | '[^']*'          # quoted values
    | https?://\S+               # URLs carry ids
    | \S+@\S+                    # addresses
    | \b(?=[\w-]*\d)[\w-]+       # whatever has a digit: ids, times, counts, hexadecimal numbers
    """,
    re.VERBOSE | re.IGNORECASE,
)
_READ_CHARACTERS = 2000
_COMPARED_CHARACTERS = 300


def normalised(error: str) -> str:
    """An error's text without what differs from one report to the next: numbers, ids, addresses, quoted values."""
    text = _VARIABLE.sub(lambda match: match["kept"] or "…", error[:_READ_CHARACTERS])
    return " ".join(text.lower().split())[:_COMPARED_CHARACTERS]


def cause_id(reason: str, error: str) -> str:
    """Name a cause, as a document id."""
    return hashlib.sha256(f"{reason}\x00{normalised(error)}".encode(errors="replace")).hexdigest()[:32]
