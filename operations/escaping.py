"""Writes what is not plainly printable so that a terminal shows it and does nothing else.

https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
"""

import shlex
import unicodedata


def escape(text: str, *, keep: str = "") -> str:
    r"""A text in which what is not plainly printable is written as Python writes it: `\x1b`, `\u202e`.

    Args:
        keep: characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if is_plain(c) or c in keep else ascii(c)[1:-1] for c in text)


def shell_argument(text: str) -> str:
    r"""A text as an argument to paste into bash or zsh: `$'…\x1b…'` where it is not plainly printable."""
    if all(map(is_plain, text)):
        return shlex.quote(text)
    plain = {"'": r"\'", "\\": r"\\"}
    return "$'" + "".join(plain.get(c, c) if is_plain(c) else _escaped_bytes(c) for c in text) + "'"


def is_plain(character: str) -> bool:
    """Whether a character is plainly printable."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped_bytes(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogatepass"))
