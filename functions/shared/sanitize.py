"""Makes text that others wrote fit for one line: a subject, a name, a log."""

import re
import unicodedata

from functions.shared.logging import redacted_beginning

NAME_CHARACTERS = 60
"""Mails show no more of a name: a greeting and a subject are no place for messages."""

_ERROR_CHARACTERS = 1_000
_FILENAME_CHARACTERS = 100
_FILENAME_BYTES = 200
_NOT_IN_FILENAMES = re.compile(r"""[\\/:*?"<>|;]""")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
"""https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file#naming-conventions"""

_LINK = re.compile(r"://|www\.|@", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
"""Invisible characters that emoji and some scripts need."""


def sanitize(text: str, limit: int = 100) -> str:
    """Make one line of a text, without control characters and without anything invisible that could fool a reader.

        >>> sanitize("  Tea and   cake ", limit=10)
        'Tea and ca'

    Line breaks in a header would begin another header, and characters that turn the direction of writing can make an
    address look like another one.

    Args:
        text: anything.
        limit: how many characters are kept.
    """
    kept = text[: limit * 10]
    # Of most texts every character is harmless.
    if not (kept.isascii() and kept.isprintable()):
        kept = "".join(map(_harmless, kept))
    return " ".join(kept.split())[:limit].rstrip()


def display_name(text: str) -> str:
    """Make text fit to be shown as a person's name; empty where it could be a link or an address.

        >>> display_name("Ada Lovelace"), display_name("verify at https://example.com")
        ('Ada Lovelace', '')

    Without this an attacker could sign up as "URGENT: verify at https://…" with a victim's address, and the team's own
    email would say so to the victim.

    Args:
        text: anything.
    """
    line = sanitize(text, NAME_CHARACTERS * 10)
    # Mail programs take full-width letters for plain ones, and people do not see joiners.
    plain = unicodedata.normalize("NFKC", line.translate(dict.fromkeys(map(ord, _JOINERS))))
    return "" if _LINK.search(plain) else line[:NAME_CHARACTERS].rstrip()


def filename(text: str) -> str:
    """Make text fit to be the name of a file, in a header as well as in a folder. Letters of any script stay.

    A kind may make a name of what a user wrote. It must not begin another header or parameter, lead into another
    folder, or hide its suffix.

    Args:
        text: anything.
    """
    line = unicodedata.normalize("NFC", sanitize(text, 1_000))
    name = _NOT_IN_FILENAMES.sub("_", line).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, dot, suffix = name, "", ""
    suffix = dot + suffix
    stem = stem[: _FILENAME_CHARACTERS - len(suffix)]
    # File systems count bytes.
    stem = stem.encode()[: _FILENAME_BYTES - len(suffix.encode())].decode(errors="ignore").rstrip(". ")
    name = stem + suffix if stem else suffix.strip(".")
    return f"_{name}" if _DEVICES.match(name) else name or "attachment"


def _harmless(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp" | "Zs":
            return " "
        case "Cf" if character not in _JOINERS:
            return ""
        case "Cs":
            return ""
    return character


def error_text(error: BaseException | str, limit: int = _ERROR_CHARACTERS) -> str:
    """An error as one line without email addresses and secrets, fit for a dead letter and a log.

    An exception without a text gives the name of its class.

    Args:
        error: an exception, or its text.
        limit: how many characters are kept.
    """
    # `sanitize` reads ten times as much as it keeps.
    text = sanitize(redacted_beginning(str(error), limit * 10), limit)
    return text or (type(error).__name__ if isinstance(error, BaseException) else "")
