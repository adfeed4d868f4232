"""The dispatcher's runs, and one run."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.shared.ids import is_document_id
from functions.shared.run import RUN_COUNTERS
from operations.console.console import console_of
from operations.runs import Runs

_RUNS_A_PAGE = 48


def list_runs(request: Request) -> Response:
    """The latest runs."""
    console = console_of(request)
    runs = Runs(console.session.firestore).latest(_RUNS_A_PAGE)
    return console.view.page(request, "runs.html", runs=runs, counters=RUN_COUNTERS)


def show_run(request: Request) -> Response:
    """One run, with what became of its reports."""
    console = console_of(request)
    run_id = request.path_params["run_id"]
    if not is_document_id(run_id):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    run = Runs(console.session.firestore).show(run_id)
    return console.view.page(request, "run.html", run=run, counters=RUN_COUNTERS)


ROUTES = [Route("/runs", list_runs), Route("/runs/{run_id}", show_run)]
