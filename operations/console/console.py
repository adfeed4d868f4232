"""What all pages of the console work with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from operations.console.access import Access, Viewer
from operations.console.form import FormTokens
from operations.console.jobs import Jobs
from operations.console.kept_figures import KeptFigures
from operations.console.letter_figures import LetterFigures
from operations.console.local_client import LocalClient
from operations.console.readings import Readings
from operations.console.view import View, link
from operations.deliveries.delivery_outcomes import KeptOutcomes
from operations.operator_actions import ActionInProgress, OperatorAction, OperatorActions
from operations.overview.overview import KeptCounts
from operations.reading.kept import Kept
from operations.session import Session

PAGE_SECONDS = 5.0
"""How long a read of a page may take."""


def _seconds() -> float:
    return Session.now().timestamp()


@dataclass(frozen=True, kw_only=True)
class Console:
    """What all pages work with.

    Attributes:
        session: the connection to what the console works on.
        reading: the same for pages: its reads end after PAGE_SECONDS.
        access: how the console knows who looks at it.
        view: makes pages.
        tokens: of the forms.
        jobs: what goes on.
        readings: what open pages show.
        letters: how many dead letters there are of each cause.
        figures: of the first page, which say whether all is well. A viewer waits for them where they are old.
        charts: of the first page. They are many counts, for which no viewer waits.
        counts: what the charts are made of.
        actions: what operators did in the time of an incident and later, by its beginning and end.
        outcomes: what became of the reports that operators sent again.
        revisions: of the functions, for which Cloud Run is asked.
        local: the local cloud that the console was started by; None where there is none.
    """

    session: Session
    reading: Session
    access: Access
    view: View
    tokens: FormTokens
    jobs: Jobs = field(default_factory=Jobs)
    readings: Readings = field(default_factory=lambda: Readings(_seconds))
    letters: LetterFigures = field(default_factory=LetterFigures)
    figures: KeptFigures = field(default_factory=lambda: KeptFigures(_seconds, fresh_seconds=8, waits=True))
    charts: KeptFigures = field(default_factory=lambda: KeptFigures(_seconds, fresh_seconds=60, waits=False))
    counts: KeptCounts = field(default_factory=KeptCounts)
    actions: Kept[tuple[datetime, datetime | None], list[OperatorAction]] = field(default_factory=lambda: Kept(50))
    outcomes: KeptOutcomes = field(default_factory=KeptOutcomes)
    revisions: KeptFigures = field(default_factory=lambda: KeptFigures(_seconds, fresh_seconds=300, waits=True))
    local: LocalClient | None = None

    def forget(self) -> None:
        """Read all pages again: something was changed."""
        self.readings.forget()
        self.figures.forget()
        self.charts.forget()


def console_of(request: Request) -> Console:
    """The console that a request came to."""
    console: Console = request.app.state.console
    return console


def require_operator(request: Request) -> None:
    """Admit only those who may act: an email names its recipient and holds the user's own data.

    Raises:
        HTTPException: the sender of the request may not.
    """
    viewer: Viewer = request.state.viewer
    if not viewer.may_act:
        raise HTTPException(HTTPStatus.FORBIDDEN, "A user's own data are shown to operators only.")


@contextmanager
def recorded(request: Request, action: str, subject: str, *, note: str = "") -> Iterator[ActionInProgress]:
    """Keep what the sender of a form does, while it is done. A form that is sent twice does it once.

    Args:
        request: the form.
        action: what is done.
        subject: what it is done to; without addresses.
        note: why.

    Raises:
        AlreadyRecorded: this very form was sent before.
    """
    console, viewer = console_of(request), request.state.viewer
    log, key, now = OperatorActions(console.session.firestore), request.state.form_key, console.session.now
    with log.record(viewer.name, action, subject=subject, now=now, note=note, key=key) as progress:
        yield progress
    console.forget()


def done(request: Request, path: str) -> Response:
    """Go to a page, which says what came of the form that was sent."""
    return RedirectResponse(link(path, action=request.state.form_key), HTTPStatus.SEE_OTHER)
