"""An email's HTML part as a page that needs no other file. Pure."""

import base64
import re
from collections.abc import Iterable
from typing import Protocol

_CID = re.compile(r"""cid:([^"'()<>\s]+)""")


class Picture(Protocol):
    """A picture that an email brings along."""

    @property
    def content_id(self) -> str:
        """By which the HTML part shows it."""

    @property
    def media_type(self) -> str:
        """Such as image/png."""

    @property
    def content(self) -> bytes:
        """Its bytes."""


def with_pictures(html: str, pictures: Iterable[Picture]) -> str:
    """The HTML part with its pictures in it.

    Args:
        html: shows pictures by `cid:`. One id may be the beginning of another.
        pictures: those of the email; others are left as they are.
    """
    data = {each.content_id: each for each in pictures}

    def embedded(match: re.Match[str]) -> str:
        picture = data.get(match[1])
        if picture is None:
            return match[0]
        return f"data:{picture.media_type};base64,{base64.b64encode(picture.content).decode()}"

    return _CID.sub(embedded, html)
