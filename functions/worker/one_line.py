"""Text that others wrote, made fit for a line: a subject, a name, a log."""

import unicodedata

_JOINERS = "\u200c\u200d"
"""What holds emoji and the letters of some scripts together. Invisible, and needed."""


def one_line(text: str, limit: int = 100) -> str:
    """Make one line of a text, without control characters and without anything invisible that could fool a reader.

    Line breaks in a header would begin another header, and characters that turn the direction of writing can make an
    address look like another one.

    Args:
        text: anything.
        limit: how many characters are kept.
    """
    return " ".join("".join(map(_harmless, text[: limit * 10])).split())[:limit].rstrip()


def _harmless(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp" | "Zs":
            return " "
        case "Cf" if character not in _JOINERS:
            return ""
        case "Cs":
            return ""
    return character
