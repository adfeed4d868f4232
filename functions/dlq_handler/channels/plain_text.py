"""Prepares texts from outside for display: without invisible characters, and cut to a length. Pure."""

import unicodedata

_KEPT = "\n\t\u200c\u200d"
"""Line breaks, tabs, and the joiners that emoji and the letters of some scripts need."""


def printable(text: str) -> str:
    """A text without control characters and without the invisible ones that change the direction of writing."""
    return "".join(
        character
        for character in text.replace("\r\n", "\n").replace("\r", "\n")
        if character in _KEPT or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
    )


def cut_text(text: str, limit: int) -> str:
    """A text of at most `limit` characters, the last an ellipsis if some were left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
