"""The copy of an email as it was handed over: an object in the archive, one for each claim that sends. Pure.

The name of an object says whose it is, of which delivery, until when it is kept, and which claim has made it. So a
user's copies have a common beginning, also those that no delivery names, and the claim of a repeat finds the same copy.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from html import escape
from typing import Any, NamedTuple, Self

from functions.shared.embedded_pictures import with_pictures

_LONGEST_ID = 900
"""An object's name has 1,024 bytes at most. https://cloud.google.com/storage/docs/objects#naming"""


class CopyName(NamedTuple):
    """The name of a copy in the archive.

    Attributes:
        user: stands for the user, and does not tell who that is (user_part).
        delivery: the id of the delivery, or its hash where that is too long.
        until: the day, in UTC, with which it is no longer kept.
        claim: the token of the worker's claim.
    """

    user: str
    delivery: str
    until: date
    claim: str

    @classmethod
    def of(cls, user_id: str, delivery_id: str, claim: str, *, days: int, now: datetime) -> Self:
        """Name the copy that a claim makes.

        Args:
            user_id: whose report it is.
            delivery_id: of which delivery.
            claim: a token that no other attempt has.
            days: for how many days it is kept.
            now: the present, in UTC.
        """
        return cls(user_part(user_id), _delivery_part(delivery_id), now.date() + timedelta(days=days + 1), claim)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a name; None where it is that of no copy."""
        user, _, rest = text.partition("/")
        delivery, _, last = rest.rpartition("/")
        day, _, claim = last.partition("-")
        try:
            return cls(user, delivery, datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date(), claim)
        except ValueError:
            return None

    @property
    def expires_at(self) -> datetime:
        """When it is no longer kept, in UTC."""
        return datetime.combine(self.until, time(), UTC)

    def __str__(self) -> str:
        """The name of the object."""
        return f"{self.user}/{self.own_part}"

    @property
    def own_part(self) -> str:
        """The name without the user."""
        return f"{self.delivery}/{self.until:%Y%m%d}-{self.claim}"


def user_part(user_id: str) -> str:
    """How the names of all copies of a user begin, before a slash."""
    return hashlib.sha256(user_id.encode()).hexdigest()[:32]


def is_copy_of(name: str, user_id: str, delivery_id: str) -> bool:
    """Whether a name is that of a copy of a delivery.

    Args:
        name: perhaps of anything.
        user_id: whose the delivery is.
        delivery_id: which.
    """
    found = CopyName.parse(name)
    return found is not None and (found.user, found.delivery) == (user_part(user_id), _delivery_part(delivery_id))


def _delivery_part(delivery_id: str) -> str:
    encoded = delivery_id.encode()
    return delivery_id if len(encoded) <= _LONGEST_ID else hashlib.sha256(encoded).hexdigest()


class CopiedFile(NamedTuple):
    """A file of the email.

    Attributes:
        filename: its name.
        media_type: such as text/csv.
        content: its bytes.
        content_id: by which the HTML shows it; empty for an attachment.
    """

    filename: str
    media_type: str
    content: bytes
    content_id: str = ""


class ArchivedCopy(NamedTuple):
    """An email as it was handed over.

    Attributes:
        user_id: whose report it is.
        subscription_id: of which subscription.
        delivery_id: of which delivery.
        kind: which report.
        made_at: when it was made, in UTC.
        recipients: the addresses that it was made for.
        subject: one line.
        html: the HTML part, with `html_tag` in place of each recipient's own link.
        text: the text part, with `text_tag` likewise.
        html_tag: what stands in the HTML part for a recipient's own link.
        text_tag: what stands in the text part for it.
        images: what the HTML part shows.
        attachments: the files that came with it.
    """

    user_id: str
    subscription_id: str
    delivery_id: str
    kind: str
    made_at: datetime
    recipients: Sequence[str]
    subject: str
    html: str
    text: str
    html_tag: str
    text_tag: str
    images: Sequence[CopiedFile] = ()
    attachments: Sequence[CopiedFile] = ()

    def to_bytes(self) -> bytes:
        """The copy as JSON, compressed by gzip."""
        fields = self._asdict() | {
            "made_at": self.made_at.isoformat(),
            "recipients": list(self.recipients),
            "images": [_to_json(each) for each in self.images],
            "attachments": [_to_json(each) for each in self.attachments],
        }
        return gzip.compress(json.dumps(fields, ensure_ascii=False).encode(), mtime=0)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` has made, unpacked. Fields of later versions are left out.

        Raises:
            ValueError: it is no copy.
        """
        try:
            fields = json.loads(content)
            given = {name: fields[name] for name in cls._fields} | {
                "made_at": datetime.fromisoformat(fields["made_at"]),
                "images": [_from_json(each) for each in fields["images"]],
                "attachments": [_from_json(each) for each in fields["attachments"]],
            }
        except (KeyError, TypeError) as error:
            raise ValueError(f"no copy of an email: {error}") from error
        return cls(**given)

    def page(self, link: str = "#") -> str:
        """The HTML part as a page that needs no other file.

        Args:
            link: a recipient's own; without it, the links out of the email lead nowhere.
        """
        return with_pictures(self.html.replace(self.html_tag, escape(link)), self.images)

    def plain_text(self, link: str = "") -> str:
        """The text part.

        Args:
            link: a recipient's own; empty to leave it out.
        """
        return self.text.replace(self.text_tag, link)


def _to_json(file: CopiedFile) -> Mapping[str, str]:
    return file._asdict() | {"content": base64.b64encode(file.content).decode()}


def _from_json(value: Mapping[str, Any]) -> CopiedFile:
    return CopiedFile(**{**value, "content": base64.b64decode(value["content"])})
