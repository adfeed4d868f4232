"""The dispatcher's runs, and one run."""

from datetime import UTC, datetime
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from functions.shared.records.ids import is_document_id
from functions.shared.records.run import RUN_COUNTERS
from operations.console.console import Console, console_of
from operations.console.live import live
from operations.console.page_parts import read_parts
from operations.console.queue_rows import read_queues
from operations.console.readings import Shown
from operations.console.view import page_links
from operations.dead_letters.dead_letters import DeadLetters
from operations.dead_letters.letter_causes import by_cause
from operations.runs.run_progress import due_sum, progress_of
from operations.runs.runs import Runs

_RUNS_A_PAGE = 48
_LETTERS_READ = 500
"""Of so many dead letters of a run it is said by which error its reports failed."""

_COUNTED_AT_ONCE = 1_000
"""So many entries of an index are counted for one read."""


def _read_runs(request: Request) -> Shown:
    """The runs, the newest first."""
    after = request.query_params.get("after") or None
    page = Runs(console_of(request).reading.firestore).page(after=after, limit=_RUNS_A_PAGE)
    return Shown(
        template="runs.html",
        reads=len(page.rows) + 1,
        every=10,
        context={
            "runs": page.rows,
            "counters": RUN_COUNTERS,
            **page_links("/runs", after=after, following=page.following),
        },
    )


def _newest_change(console: Console) -> str:
    return Runs(console.reading.firestore).newest_change()


def _read_run(request: Request) -> Shown:
    """One run: how far its reports are, what became of them, and what failed."""
    session, now = console_of(request).reading, datetime.now(UTC)
    run_id = request.path_params["run_id"]
    if not is_document_id(run_id):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    run = Runs(session.firestore).show(run_id)
    letters = DeadLetters(session.firestore).of_run(run_id, limit=_LETTERS_READ)
    progress = progress_of(run, now=now)
    if progress:
        # Queues that cannot be read leave the page without what they say.
        queues = read_parts({"queues": lambda: read_queues(session, now=now)}).read.get("queues")
        progress = progress_of(run, queues=queues.rows if queues else (), now=now)
    counted = run["deliveries"].values()
    return Shown(
        template="run.html",
        reads=len(letters) + 2 + sum(1 + count // _COUNTED_AT_ONCE for count in counted),
        every=10 if progress else 30,
        context={
            "run": run,
            "counters": RUN_COUNTERS,
            "due": due_sum(run),
            "progress": progress,
            "failures": by_cause(letters),
            "all_read": len(letters) < _LETTERS_READ,
            "read": _LETTERS_READ,
        },
    )


ROUTES = [Route("/runs", live(_read_runs, _newest_change)), Route("/runs/{run_id}", live(_read_run))]
