"""Whether the kind whose report is built says that it makes PDF documents: only then a deployed worker has what that
takes. A laptop has it in any case, so previews and tests ask here, too.
"""

import functools
from contextvars import ContextVar
from pathlib import Path

from functions.shared.needs import NEEDS_FILE, Needs, load
from report_kit.kind_folders import folder_of
from report_kit.report import PermanentError

built: ContextVar[str] = ContextVar("built", default="")
"""The kind whose report this thread builds; empty outside of a `build`."""


def require_pdf_need() -> None:
    """Go on only where the kind may make a PDF document.

    Raises:
        PermanentError: its needs.yaml does not say so.
    """
    kind = built.get()
    if kind and not says_pdf(folder_of(kind)):
        raise PermanentError(
            f"the kind {kind} makes a PDF document: write `pdf: true` into kinds/{kind}/{NEEDS_FILE}, and run "
            "./reports lock"
        )


@functools.cache
def says_pdf(folder: Path) -> bool:
    """Whether the kind in a folder says that it makes PDF documents."""
    return load(folder.parent).get(folder.name, Needs()).pdf
