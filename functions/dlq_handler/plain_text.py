"""Texts of others, made fit to be shown: without what a reader cannot see, and no longer than there is room for."""

import unicodedata

_KEPT = "\n\t\u200c\u200d"
"""Line breaks, tabs, and the joiners that emoji and the letters of some scripts need."""


def printable(text: str) -> str:
    """Without control characters, and without the invisible ones that turn the direction of writing."""
    return "".join(
        character
        for character in text.replace("\r\n", "\n").replace("\r", "\n")
        if character in _KEPT or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
    )


def cut(text: str, limit: int) -> str:
    """At most so many characters, the last an ellipsis if some were left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
