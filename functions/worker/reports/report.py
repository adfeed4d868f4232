"""What a kind of report makes for a user and a period."""

from collections.abc import Sequence
from dataclasses import dataclass

from functions.worker.mail import InlineImage


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report, ready to be sent.

    Attributes:
        subject: of the mail, one line.
        text: the plain part, which reads well by itself.
        html: the HTML part.
        images: what the HTML part shows by `cid:`.
    """

    subject: str
    text: str
    html: str
    images: Sequence[InlineImage] = ()


class PermanentError(Exception):
    """A report that cannot be made, and could not the next time either: a dead letter. Its text is shown to a person.

    Any other exception of a report counts as one that may pass, and is retried.
    """
