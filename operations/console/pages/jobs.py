"""A job: how far it is and what came of it."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from operations.console.console import console_of
from operations.console.form import Form, form_action
from operations.console.jobs import Job
from operations.console.live import live
from operations.console.readings import Shown

_EVERY_SECONDS = 2
"""How far a job is costs nothing."""


def _read(request: Request) -> Shown:
    """One job."""
    return Shown(template="job.html", context={"job": _find(request)}, every=_EVERY_SECONDS)


@form_action(_read)
def stop_job(request: Request, form: Form) -> Response:
    """Stop a job: what is under way ends, and nothing more begins."""
    del form
    job = _find(request)
    job.is_cancelled = True
    return RedirectResponse(f"/jobs/{job.id}", HTTPStatus.SEE_OTHER)


def _find(request: Request) -> Job:
    job = console_of(request).jobs.find(request.path_params["job_id"])
    if job is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, "The console does not know this job any more: the action log has its outcome."
        )
    return job


ROUTES = [Route("/jobs/{job_id}", live(_read)), Route("/jobs/{job_id}/stop", stop_job, methods=["POST"])]
