"""What all pages of the console work with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request

from operations.console.access import Access, Viewer
from operations.console.form import FormTokens
from operations.console.jobs import Jobs
from operations.console.kept_figures import KeptFigures
from operations.console.local_client import LocalClient
from operations.console.view import View
from operations.operator_actions import ActionInProgress, OperatorActions
from operations.session import Session


@dataclass(frozen=True, kw_only=True)
class Console:
    """What all pages work with.

    Attributes:
        session: the connection to what the console works on.
        access: how the console knows who looks at it.
        view: makes pages.
        tokens: of the forms.
        jobs: what goes on.
        figures: of the first page, which say whether all is well. A viewer waits for them where they are old.
        day: of the first page's charts over hours. They are many counts, for which no viewer waits.
        week: the same over days. Where there are many reports, these counts cost more.
        local: the local cloud that the console was started by; None where there is none.
    """

    session: Session
    access: Access
    view: View
    tokens: FormTokens
    jobs: Jobs = field(default_factory=Jobs)
    figures: KeptFigures = field(default_factory=lambda: KeptFigures(fresh_seconds=8, shown_seconds=60))
    day: KeptFigures = field(default_factory=lambda: KeptFigures(fresh_seconds=60, shown_seconds=None))
    week: KeptFigures = field(default_factory=lambda: KeptFigures(fresh_seconds=300, shown_seconds=None))
    local: LocalClient | None = None


def console_of(request: Request) -> Console:
    """The console that a request came to."""
    console: Console = request.app.state.console
    return console


def require_operator(request: Request) -> None:
    """Admit only those who may act: a mail names its recipient and holds the user's own data.

    Raises:
        HTTPException: the sender of the request may not.
    """
    viewer: Viewer = request.state.viewer
    if not viewer.may_act:
        raise HTTPException(HTTPStatus.FORBIDDEN, "A user's own data are shown to operators only.")


@contextmanager
def recorded(request: Request, action: str, subject: str, *, note: str = "") -> Iterator[ActionInProgress]:
    """Keep what the sender of a request does, while it is done.

    Args:
        request: the form.
        action: what is done.
        subject: what it is done to; without addresses.
        note: why.
    """
    console, viewer = console_of(request), request.state.viewer
    log = OperatorActions(console.session.firestore)
    with log.record(viewer.name, action, subject=subject, note=note) as progress:
        yield progress
    for kept in (console.figures, console.day, console.week):
        kept.forget()
