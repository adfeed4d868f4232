"""What a kind of report returns for a user and a period."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class InlineImage:
    """A picture that the HTML part shows by `cid:`.

    >>> InlineImage(content_id="orders-chart", content=b"PNG").filename
    'orders-chart.png'
    """

    content_id: str
    content: bytes
    media_type: str = "image/png"

    @property
    def filename(self) -> str:
        """How mail programs name it that show it as a file."""
        return f"{self.content_id}.{self.media_type.rpartition('/')[2]}"


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that comes with the email.

        >>> Attachment(filename="orders.csv", content=b"Tea,12.50", media_type="text/csv").filename
        'orders.csv'

    Attributes:
        filename: how mail programs show and save it.
        content: the file.
        media_type: such as `text/csv`.
    """

    filename: str
    content: bytes
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report: what it says, and the templates that say it.

        >>> Report(subject="2 orders", templates=Path("templates"), values={"title": "Orders", "orders": 2}).folders
        (PosixPath('templates'),)

    Attributes:
        subject: of the email, one line.
        templates: the folder with `report.mjml`, the HTML part, and `report.txt`, the plain one, which reads well by
            itself; or several folders, of which the first that has a file counts.
        values: what the templates name.
        images: what the HTML part shows by `cid:`.
        attachments: the files that come with the email.
        url: where the button leads, https; empty: into the product, where the brand has a URL.
        figures: what the report says, for programs: what JSON is made of, with numbers as numbers. A webhook and a
            bucket get it, and the kind's `schema.json` describes it.

    Raises:
        PermanentError: a field is of another type. It would fail later, at the worst between claiming the delivery and
            sending the email.
    """

    subject: str
    templates: Path | tuple[Path, ...]
    values: Mapping[str, Any]
    images: Sequence[InlineImage] = ()
    attachments: Sequence[Attachment] = ()
    url: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(
            self, Report, subject=str, values=Mapping, url=str, images=Sequence, attachments=Sequence, figures=Mapping
        )
        try:
            json.dumps(self.figures, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise PermanentError(f"Report: figures are not what JSON is made of: {error}") from error
        for folder in self.folders:
            if not isinstance(folder, Path):
                raise PermanentError(f"Report: templates is {type(folder).__name__}, not Path")
        for image in self.images:
            _check(image, InlineImage, content_id=str, content=bytes, media_type=str)
        for file in self.attachments:
            _check(file, Attachment, filename=str, content=bytes, media_type=str)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the templates are looked for, in this order."""
        return self.templates if isinstance(self.templates, tuple) else (self.templates,)


@dataclass(frozen=True)
class Skip:
    """There is nothing to report, so no email is sent. The delivery is `skipped`, and the next report covers the time
    after this one's.

        >>> Skip("no orders").why
        'no orders'

    Attributes:
        why: a few words for the people who look after the reports, such as "no orders".
    """

    why: str


class PermanentError(Exception):
    """A report that cannot be made, and could not the next time either: a dead letter. Its text is shown to a person.

        >>> raise PermanentError("options: there is no shop 7")
        Traceback (most recent call last):
        report_kit.report.PermanentError: options: there is no shop 7

    Any other exception of a report counts as one that may pass, and is retried.
    """


def _check(given: Any, of: type, **fields: type) -> None:
    """Check a value that a kind has made, and the types of its fields."""
    if not isinstance(given, of):
        raise PermanentError(f"Report: {type(given).__name__} is no {of.__name__}")
    for name, expected in fields.items():
        value = getattr(given, name)
        if not isinstance(value, expected):
            raise PermanentError(f"{of.__name__}: {name} is {type(value).__name__}, not {expected.__name__}")
