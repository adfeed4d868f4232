"""Which files go with an email, and under which names. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import NamedTuple

from functions.shared.sanitize import filename
from report_kit.report import Attachment, InlineImage, PermanentError

MOST_BYTES = 20 * 1024 * 1024
"""Of all files of an email, pictures included. In a message they take 37 % more, 28.7 million bytes at most, and the
provider takes 30: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations"""

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE)


class ChosenFiles(NamedTuple):
    """What becomes of a report's files.

    Attributes:
        attached: those that go with the email, in the report's order.
        left_out: those that are too large for it, likewise.
    """

    attached: Sequence[Attachment]
    left_out: Sequence[Attachment]


def choose(attachments: Sequence[Attachment], images: Sequence[InlineImage] = ()) -> ChosenFiles:
    """Choose the files that go with a mail: all of them, or all but the largest ones.

    Leaving out the largest first leaves out the fewest. Each gets a name that no other has, and that every mail program
    and file system takes.

    Args:
        attachments: of the report.
        images: what the email shows, and so has anyhow.

    Raises:
        PermanentError: a file is empty, or its media type is none. Email providers refuse both.
    """
    for each in attachments:
        if not each.content:
            raise PermanentError(f"the attachment {each.filename!r} is empty")
        if not _MEDIA_TYPE.fullmatch(each.media_type):
            raise PermanentError(
                f"the attachment {each.filename!r}: {each.media_type!r} is no media type, such as text/csv; "
                "parameters do not belong to it"
            )
    named = _named(attachments)
    room = MOST_BYTES - sum(len(image.content) for image in images)
    total = sum(len(each.content) for each in named)
    too_large: set[int] = set()
    for place in sorted(range(len(named)), key=lambda place: len(named[place].content), reverse=True):
        if total <= room:
            break
        total -= len(named[place].content)
        too_large.add(place)
    return ChosenFiles(
        attached=[each for place, each in enumerate(named) if place not in too_large],
        left_out=[named[place] for place in sorted(too_large)],
    )


def _named(attachments: Sequence[Attachment]) -> list[Attachment]:
    """The files under names that are safe, and different without regard to capitals."""
    taken: set[str] = set()
    result = []
    for each in attachments:
        name = filename(each.filename)
        path, number = PurePath(name), 1
        while name.casefold() in taken:
            number += 1
            name = f"{path.stem} ({number}){path.suffix}"
        taken.add(name.casefold())
        result.append(replace(each, filename=name))
    return result
