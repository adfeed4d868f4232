"""Text that others wrote, made fit for a line: a subject, a name, a log."""

import re
import unicodedata

from functions.shared.logging import redact_addresses

NAME_CHARACTERS = 60
"""More of a name is not shown: a greeting and a subject are no place for messages."""

_ERROR_CHARACTERS = 1_000

_LINK = re.compile(r"://|www\.|@", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
"""What holds emoji and the letters of some scripts together. Invisible, and needed."""


def sanitize(text: str, limit: int = 100) -> str:
    """Make one line of a text, without control characters and without anything invisible that could fool a reader.

    Line breaks in a header would begin another header, and characters that turn the direction of writing can make an
    address look like another one.

    Args:
        text: anything.
        limit: how many characters are kept.
    """
    return " ".join("".join(map(_harmless, text[: limit * 10])).split())[:limit].rstrip()


def display_name(text: str) -> str:
    """Make a name of what others gave as one; empty where it could be a link or an address.

    Whoever signs up elsewhere as "URGENT: verify at https://…", with somebody else's address, would have the team's
    own mail say so to that address.

    Args:
        text: anything.
    """
    line = sanitize(text, NAME_CHARACTERS * 10)
    # Mail programs take full-width letters for plain ones, and people do not see joiners.
    plain = unicodedata.normalize("NFKC", line.translate(dict.fromkeys(map(ord, _JOINERS))))
    return "" if _LINK.search(plain) else line[:NAME_CHARACTERS].rstrip()


def _harmless(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp" | "Zs":
            return " "
        case "Cf" if character not in _JOINERS:
            return ""
        case "Cs":
            return ""
    return character


def error_text(error: BaseException | str) -> str:
    """An error as one line without e-mail addresses, fit for a dead letter and a log.

    An exception without a text gives the name of its class.

    Args:
        error: an exception, or its text.
    """
    text = sanitize(redact_addresses(str(error)), _ERROR_CHARACTERS)
    return text or (type(error).__name__ if isinstance(error, BaseException) else "")
