"""The report of a delivery as it went out, from the archive: what its recipients got, whatever their data say today."""

import re
from pathlib import Path

from functions.shared.archive import Archive
from functions.shared.records.archived_copy import ArchivedCopy
from functions.shared.records.delivery import Delivery
from functions.shared.sanitize import filename
from operations.errors import NotFound, OperatorError
from operations.private_file import write_private


def sent_copy(archive: Archive | None, delivery: Delivery) -> ArchivedCopy:
    """The copy of a delivery's report.

    Args:
        archive: of the deployment; None where it keeps no copies.

    Raises:
        NotFound: there is none.
        google.api_core.exceptions.GoogleAPIError: Cloud Storage fails, or refuses the operator.
    """
    if not delivery.archived_as:
        because = f": {delivery.archive_error}" if delivery.archive_error else "."
        raise NotFound(f"There is no copy of {delivery.id}{because}")
    if archive is None:
        raise NotFound("ARCHIVE is not set: the deployment keeps no copies any more.")
    try:
        copy = archive.read(delivery.archived_as)
    except ValueError as error:
        raise OperatorError(f"{delivery.archived_as}: {error}") from error
    if copy is None:
        raise NotFound(f"The copy of {delivery.id} is no longer kept.")
    return copy


def write_copy(copy: ArchivedCopy, folder: Path) -> list[Path]:
    """Write the files of a copy, which only the operator can read: the HTML part, the text part, the attachments.

    Args:
        folder: where; it is made.

    Raises:
        OperatorError: a file cannot be written.
    """
    name = re.sub(r"[^A-Za-z0-9._-]", "_", copy.delivery_id)[:100]
    contents = {f"{name}.html": copy.page().encode(), f"{name}.txt": copy.plain_text().encode()}
    contents |= {f"{name}-{filename(each.filename)}": each.content for each in copy.attachments}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each, content in contents.items():
            write_private(folder / each, content)
    except OSError as error:
        raise OperatorError(f"The copy cannot be written: {error}.") from error
    return [folder / each for each in contents]
