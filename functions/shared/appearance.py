"""What a brand is made of, checked the same way in a setting and in a user's document."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?")
"""What stands after `https://`: nothing that would mean something where a host is quoted, such as in the policy of a
page, and no user before an `@`, which makes one host look like another. https://www.w3.org/TR/CSP3/#grammardef-host-source
"""

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_FAMILY = re.compile(r"[A-Za-z][A-Za-z0-9 -]{0,39}")
_MOST_FAMILIES = 5
_LONGEST_URL = 2_000


def https_url(value: str) -> str:
    """The URL, if mail programs can open it.

    Raises:
        ValueError: it is not https, its host is not a name with or without a port, or it has characters that a URL must
            have encoded.
    """
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("must be an https URL") from None
    printable = value.isascii() and not any(character <= " " or character in "<>\"'\\`\x7f" for character in value)
    if parts.scheme != "https" or not _HOST.fullmatch(parts.netloc) or not printable or len(value) > _LONGEST_URL:
        raise ValueError("must be an https URL")
    return value


def hex_color(value: str) -> str:
    """The color in lower case.

    Raises:
        ValueError: it is not written as #rrggbb.
    """
    if not _COLOR.fullmatch(value):
        raise ValueError("must be a color such as #2563eb")
    return value.lower()


def font_families(value: str) -> str:
    """The font families, with commas between them.

    Raises:
        ValueError: one has characters that would mean something in a style sheet, or there are more than five.
    """
    families = [each.strip() for each in value.split(",")]
    if len(families) > _MOST_FAMILIES or not all(map(_FAMILY.fullmatch, families)):
        raise ValueError("must be at most five font families, with commas between them, such as Georgia, serif")
    return ", ".join(families)


HttpsUrl = Annotated[str, AfterValidator(https_url)]
"""What an email shows or links to."""

HexColor = Annotated[str, AfterValidator(hex_color)]

FontFamilies = Annotated[str, AfterValidator(font_families)]
"""Font families, separated by commas."""
