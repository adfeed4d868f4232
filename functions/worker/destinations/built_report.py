"""A report as it was built, before it goes to its destination. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from report_kit.report import Attachment, InlineImage


@dataclass(frozen=True, kw_only=True)
class BuiltReport(ABC):
    """What every destination is given; each has more of it in a class of its own.

    Attributes:
        subject: one line.
        text: the plain part.
        html: the HTML part.
        images: what the HTML part shows by `cid:`.
        attachments: the files that come with it.
        sandbox: whether it must reach nobody.
    """

    subject: str
    text: str
    html: str
    images: Sequence[InlineImage] = ()
    attachments: Sequence[Attachment] = ()
    sandbox: bool = False

    @abstractmethod
    def without_copy_link(self) -> "BuiltReport":
        """The report without a link to its copy in the archive, which could not be kept."""
