"""Names the cause of a dead letter: thousands of reports that fail for the same cause need one alert. Pure."""

import hashlib
import re

_VARIABLE = re.compile(
    r"""
      (?P<kept>\b(?:answered|status|code|http)[\ :=]{1,2}[1-5]\d\d\b)   # the status of an answer tells errors apart
    | "[^"]*" | '[^']*'          # quoted values
    | https?://\S+               # URLs, which have ids in them
    | \S+@\S+                    # addresses
    | \b(?=[\w-]*\d)[\w-]+       # words with a digit: ids, times, counts, hexadecimal numbers
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MAX_READ_CHARACTERS = 2000
_MAX_COMPARED_CHARACTERS = 300


def normalized_error(error: str) -> str:
    """An error's text without what differs from one report to the next: numbers, ids, addresses, quoted values."""
    text = _VARIABLE.sub(lambda match: match["kept"] or "…", error[:_MAX_READ_CHARACTERS])
    return " ".join(text.lower().split())[:_MAX_COMPARED_CHARACTERS]


def cause_id(reason: str, error: str) -> str:
    """The id of a cause, which is also a document's id."""
    return hashlib.sha256(f"{reason}\x00{normalized_error(error)}".encode(errors="replace")).hexdigest()[:32]
